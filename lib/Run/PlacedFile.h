//===- PlacedFile.h - Bytes at places of a file -----------------*- C++ -*-===//

#ifndef COLOSSAL_LIB_RUN_PLACEDFILE_H
#define COLOSSAL_LIB_RUN_PLACEDFILE_H

#include <cstdint>
#include <string>

namespace colossal::rank {

/// A file whose bytes are read or written at given places; closes itself.
/// Every failure throws RunError "<path>: found ..., expected ...".
class PlacedFile {
public:
  enum class Use {
    Read,
    Write, ///< the file is there
    Create ///< the file is not there
  };
  /// `expected` ends the message: "the initial values of 'w'".
  PlacedFile(const std::string &path, Use use, const std::string &expected);
  ~PlacedFile();
  PlacedFile(const PlacedFile &) = delete;

  void read(int64_t offset, char *to, int64_t bytes) const;
  void write(int64_t offset, const char *from, int64_t bytes) const;
  /// Reserves room where the system can, so that a full disk is noticed here.
  void reserve(int64_t bytes) const;
  /// What was written survives a loss of power.
  void sync() const;
  /// Some systems say here that the disk is full.
  void close();

private:
  [[noreturn]] void fail(int reason, const char *expected) const;

  std::string path;
  int descriptor;
};

} // namespace colossal::rank

#endif // COLOSSAL_LIB_RUN_PLACEDFILE_H
