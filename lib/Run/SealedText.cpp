//===- SealedText.cpp - JSON that holds its own hash ----------------------===//

#include "SealedText.h"

#include "colossal/Run/BundleFiles.h"

#include <cstring>

namespace colossal::rank {

namespace {

constexpr const char *kChecksum = "\"checksum\": \"";
constexpr size_t kDigits = 32;

/// Where the digits of the checksum begin; npos where there is none.
size_t checksumIn(const std::string &text) {
  size_t at = text.find(kChecksum);
  if (at == std::string::npos)
    return at;
  at += std::strlen(kChecksum);
  return at + kDigits < text.size() && text[at + kDigits] == '"'
             ? at
             : std::string::npos;
}

std::string checksumOf(std::string text, size_t at) {
  text.replace(at, kDigits, kDigits, '0');
  return hashOf(text);
}

} // namespace

std::string unsealed() { return std::string(kDigits, '0'); }

std::string seal(std::string text) {
  size_t at = checksumIn(text);
  return text.replace(at, kDigits, checksumOf(text, at));
}

bool isSealed(const std::string &text) {
  size_t at = checksumIn(text);
  return at != std::string::npos &&
         text.compare(at, kDigits, checksumOf(text, at)) == 0;
}

} // namespace colossal::rank
