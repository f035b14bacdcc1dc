//===- OutputFile.h - Files whose writing is checked ------------*- C++ -*-===//

#ifndef COLOSSAL_LIB_RUN_OUTPUTFILE_H
#define COLOSSAL_LIB_RUN_OUTPUTFILE_H

#include <cstdint>
#include <string>

namespace colossal::rank {

/// A file that is written from start to end. Every failure throws RunError
/// "<what> <path>: found No space left on device, ..."; what was written of an
/// unfinished record is taken back, and of an unfinished file all of it.
class OutputFile {
public:
  /// Creates or empties the file. `what` begins messages: "--metrics".
  OutputFile(const std::string &what, const std::string &path);
  /// Goes on behind the first `from` bytes of a file; it is made if needed.
  OutputFile(const std::string &what, const std::string &path, int64_t from);
  ~OutputFile();
  OutputFile(const OutputFile &) = delete;

  void write(const char *data, int64_t bytes);
  /// What is written so far stays if a later write fails.
  void keep() { kept = written; }
  /// Keeps all and closes: here some systems say that the disk is full.
  void close();

private:
  void open(int flags);
  [[noreturn]] void fail(int reason);

  std::string what, path;
  int descriptor = -1;
  int64_t written = 0;
  int64_t kept = -1; ///< -1: the file goes, too
};

/// A text as a file.
void writeOutput(const std::string &what, const std::string &path,
                 const std::string &text);

} // namespace colossal::rank

#endif // COLOSSAL_LIB_RUN_OUTPUTFILE_H
