//===- OutputFile.cpp - Files whose writing is checked --------------------===//

#include "OutputFile.h"

#include "RunError.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace colossal::rank {

/// Devices and pipes are never removed.
static bool isRegular(int file) {
  struct stat status;
  return fstat(file, &status) == 0 && S_ISREG(status.st_mode);
}

OutputFile::OutputFile(const std::string &what, const std::string &path)
    : what(what), path(path) {
  open(O_TRUNC);
}

OutputFile::OutputFile(const std::string &what, const std::string &path,
                       int64_t from)
    : what(what), path(path) {
  open(0);
  if (isRegular(descriptor) && (ftruncate(descriptor, from) != 0 ||
                                lseek(descriptor, from, SEEK_SET) < 0))
    fail(errno);
  written = kept = from;
}

void OutputFile::open(int flags) {
  descriptor =
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0666);
  if (descriptor < 0)
    throw RunError(what + " " + path + ": found " + std::strerror(errno) +
                   ", expected a file that can be written");
}

OutputFile::~OutputFile() {
  if (descriptor < 0)
    return;
  if (kept < written && isRegular(descriptor))
    if (kept < 0 || ftruncate(descriptor, kept) != 0)
      unlink(path.c_str());
  ::close(descriptor);
}

void OutputFile::fail(int reason) {
  throw RunError(what + " " + path + ": found " + std::strerror(reason) +
                 ", expected room to write");
}

void OutputFile::write(const char *data, int64_t bytes) {
  while (bytes > 0) {
    ssize_t put = ::write(descriptor, data, size_t(bytes));
    if (put < 0 && errno == EINTR)
      continue;
    if (put <= 0)
      fail(put < 0 ? errno : ENOSPC);
    data += put;
    bytes -= put;
    written += put;
  }
}

void OutputFile::close() {
  keep();
  int file = descriptor;
  descriptor = -1;
  bool removes = isRegular(file);
  if (::close(file) != 0) {
    int reason = errno;
    if (removes)
      unlink(path.c_str());
    fail(reason);
  }
}

void writeOutput(const std::string &what, const std::string &path,
                 const std::string &text) {
  OutputFile file(what, path);
  file.write(text.data(), int64_t(text.size()));
  file.close();
}

} // namespace colossal::rank
