//===- Npy.h - Files of one array, as numpy writes them ---------*- C++ -*-===//
//
// Reads .npy files (C order, little endian; NpyHeader.h) and writes headers.
// Errors: NpyFile::open returns nothing and one line in `error`.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_RUN_NPY_H
#define COLOSSAL_RUN_NPY_H

#include "colossal/Run/RankProgram.h"

#include <array>

namespace colossal::rank {

/// An open file; closed with the object.
class NpyFile {
public:
  static std::optional<NpyFile> open(const std::string &path,
                                     std::string &error);
  NpyFile(NpyFile &&other) noexcept;
  ~NpyFile();

  std::vector<int64_t> shape;
  std::string descr; ///< numpy's type: "<i4"
  int64_t elementBytes = 0;
  std::string path;

  /// Reads `count` elements from element `first` into `to`, as `dtype`. Integer
  /// types widen; see converts(). False: the file ended or failed.
  bool read(int64_t first, int64_t count, DType dtype, char *to) const;
  /// Whether every value of the file is exact in `dtype`.
  bool converts(DType dtype) const;
  /// Whether the file has the size and the time of change that it had when it
  /// was opened: asked after a read, what was read is what was opened.
  bool isUnchanged() const;

private:
  NpyFile() = default;
  int descriptor = -1;
  int64_t dataOffset = 0;
  std::array<int64_t, 3> stamp = {};
};

/// The header of a file that holds `shape` of `dtype`.
std::string npyHeader(const std::vector<int64_t> &shape, DType dtype);

} // namespace colossal::rank

#endif // COLOSSAL_RUN_NPY_H
