//===- Files.cpp - Whole files as text ------------------------------------===//

#include "colossal/Support/Files.h"

#include <cerrno>
#include <cstdio>
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

bool colossal::writeTextFile(const std::string &path, const std::string &text,
                             std::string &error) {
  std::string temporary = path + "." + std::to_string(getpid()) + ".part";
  auto fail = [&] {
    error = path + ": cannot write: " + std::strerror(errno);
    std::remove(temporary.c_str());
    return false;
  };
  std::FILE *file = std::fopen(temporary.c_str(), "wb");
  if (!file)
    return fail();
  bool written = std::fwrite(text.data(), 1, text.size(), file) == text.size();
  if (std::fclose(file) != 0 || !written)
    return fail();
  if (std::rename(temporary.c_str(), path.c_str()) != 0)
    return fail();
  return true;
}
