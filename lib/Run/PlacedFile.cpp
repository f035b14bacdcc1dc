//===- PlacedFile.cpp - Bytes at places of a file -------------------------===//

#include "PlacedFile.h"

#include "RunError.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

namespace colossal::rank {

static int flagsOf(PlacedFile::Use use) {
  switch (use) {
  case PlacedFile::Use::Read:
    return O_RDONLY | O_NONBLOCK; // not to wait for the writer of a pipe
  case PlacedFile::Use::Write:
    return O_WRONLY;
  case PlacedFile::Use::Create:
    return O_WRONLY | O_CREAT | O_EXCL;
  }
  return O_RDONLY;
}

PlacedFile::PlacedFile(const std::string &path, Use use,
                       const std::string &expected)
    : path(path),
      descriptor(open(path.c_str(), flagsOf(use) | O_CLOEXEC, 0666)) {
  if (descriptor < 0)
    throw RunError(path + ": found " + std::strerror(errno) + ", expected " +
                   expected);
}

PlacedFile::~PlacedFile() {
  if (descriptor >= 0)
    ::close(descriptor);
}

void PlacedFile::fail(int reason, const char *expected) const {
  throw RunError(path + ": found " + std::strerror(reason) + ", expected " +
                 expected);
}

void PlacedFile::read(int64_t offset, char *to, int64_t bytes) const {
  while (bytes > 0) {
    ssize_t got = pread(descriptor, to, size_t(bytes), offset);
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      fail(errno, "a readable file");
    if (got == 0)
      throw RunError(path + ": found the end of the file at byte " +
                     std::to_string(offset) + ", expected more; it is damaged");
    to += got;
    offset += got;
    bytes -= got;
  }
}

void PlacedFile::write(int64_t offset, const char *from, int64_t bytes) const {
  while (bytes > 0) {
    ssize_t put = pwrite(descriptor, from, size_t(bytes), offset);
    if (put < 0 && errno == EINTR)
      continue;
    if (put <= 0)
      fail(put < 0 ? errno : ENOSPC, "room to write");
    from += put;
    offset += put;
    bytes -= put;
  }
}

void PlacedFile::reserve(int64_t bytes) const {
  if (bytes == 0 || fallocate(descriptor, 0, 0, bytes) == 0)
    return;
  // Of the file systems that have no such call the file has a hole.
  if (errno != EOPNOTSUPP && errno != ENOSYS && errno != EINVAL)
    fail(errno, "room to write");
  if (ftruncate(descriptor, bytes) != 0)
    fail(errno, "room to write");
}

void PlacedFile::sync() const {
  while (fsync(descriptor) != 0)
    if (errno != EINTR)
      fail(errno, "a disk that takes what was written");
}

void PlacedFile::close() {
  int file = descriptor;
  descriptor = -1;
  if (::close(file) != 0 && errno != EINTR)
    fail(errno, "room to write");
}

} // namespace colossal::rank
