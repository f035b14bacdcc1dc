//===- NpyHeader.h - The header of numpy's array files ----------*- C++ -*-===//
//
// A .npy file is "\\x93NUMPY", a version (1.0, 2.0 or 3.0), the length of the
// header and a Python dictionary with exactly the keys descr, fortran_order and
// shape; then the elements. The parser takes what numpy.load takes and nothing
// else; it reads memory, so that a test can give it anything.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_RUN_NPYHEADER_H
#define COLOSSAL_RUN_NPYHEADER_H

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace colossal::rank {

struct NpyHeader {
  std::string descr; ///< numpy's type: "<i4"
  bool fortranOrder = false;
  std::vector<int64_t> shape;
  int64_t elements = 1;
  int64_t dataOffset = 0; ///< bytes
};

/// Bytes that decide how long the header is.
constexpr int64_t kNpyStart = 12;
/// A longer header is refused: numpy's are below 64 KiB, but for structures.
constexpr int64_t kLargestNpyHeader = 1 << 20;

/// The number of bytes up to the first element, from the first kNpyStart bytes
/// of a file (fewer: too short). Nothing, with `fault` = "found ..., expected
/// ...", where it is no .npy file.
std::optional<int64_t> npyHeaderBytes(std::string_view start,
                                      std::string &fault);

/// Parses a header of npyHeaderBytes() bytes.
std::optional<NpyHeader> parseNpyHeader(std::string_view header,
                                        std::string &fault);

} // namespace colossal::rank

#endif // COLOSSAL_RUN_NPYHEADER_H
