//===- Files.cpp - Whole files as text ------------------------------------===//

#include "colossal/Support/Files.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sys/stat.h>
#include <unistd.h>

using namespace colossal;

std::optional<std::string> colossal::readTextFile(const std::string &path,
                                                  std::string &error) {
  auto fail = [&]() -> std::optional<std::string> {
    error = path + ": cannot read: " + std::strerror(errno);
    return std::nullopt;
  };
  struct stat status;
  if (stat(path.c_str(), &status) != 0)
    return fail();
  if (S_ISDIR(status.st_mode)) {
    errno = EISDIR;
    return fail();
  }
  std::FILE *file = std::fopen(path.c_str(), "rb");
  if (!file)
    return fail();
  std::string text;
  char block[16384];
  while (size_t count = std::fread(block, 1, sizeof block, file))
    text.append(block, count);
  bool failed = std::ferror(file) != 0;
  std::fclose(file);
  if (failed)
    return fail();
  return text;
}

/// A device, a pipe or what a process has open: nothing to rename over.
static bool isWrittenInPlace(const std::string &path) {
  struct stat status;
  return path.compare(0, 5, "/dev/") == 0 ||
         path.compare(0, 6, "/proc/") == 0 ||
         (stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode));
}

bool colossal::writeTextFile(const std::string &given, const std::string &text,
                             std::string &error) {
  // Through a link, its target is replaced and the link stays.
  std::string path = given;
  char *real = realpath(given.c_str(), nullptr);
  bool inPlace = isWrittenInPlace(given);
  if (real && !inPlace)
    path = real;
  std::free(real);
  std::string temporary =
      inPlace ? path : path + "." + std::to_string(getpid()) + ".part";
  auto fail = [&] {
    error = given + ": cannot write: " + std::strerror(errno);
    if (!inPlace)
      std::remove(temporary.c_str());
    return false;
  };
  std::FILE *file = std::fopen(temporary.c_str(), "wb");
  if (!file)
    return fail();
  bool written = std::fwrite(text.data(), 1, text.size(), file) == text.size();
  int reason = errno;
  bool closed = std::fclose(file) == 0;
  if (!written)
    errno = reason; // not what closing says
  if (!closed || !written)
    return fail();
  if (!inPlace && std::rename(temporary.c_str(), path.c_str()) != 0)
    return fail();
  return true;
}
