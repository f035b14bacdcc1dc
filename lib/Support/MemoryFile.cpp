//===- MemoryFile.cpp - A file without a place on disk --------------------===//

#include "colossal/Support/MemoryFile.h"

#include <cerrno>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

using namespace colossal;

MemoryFile::MemoryFile(const char *name) : descriptor(memfd_create(name, 0)) {}

MemoryFile::~MemoryFile() {
  if (descriptor >= 0)
    close(descriptor);
}

std::string MemoryFile::path() const {
  return "/proc/self/fd/" + std::to_string(descriptor);
}

std::string MemoryFile::text() const {
  std::string text;
  char block[65536];
  for (off_t at = 0;;) {
    ssize_t got = pread(descriptor, block, sizeof block, at);
    if (got < 0 && errno == EINTR)
      continue;
    if (got <= 0)
      return text;
    text.append(block, size_t(got));
    at += got;
  }
}
