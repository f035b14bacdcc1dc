//===- SealedText.h - JSON that holds its own hash --------------*- C++ -*-===//
//
// A field "checksum" holds the hash of the text with zeros in its place: what a
// bad disk, a copy that was cut off or a hand changes is noticed.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_LIB_RUN_SEALEDTEXT_H
#define COLOSSAL_LIB_RUN_SEALEDTEXT_H

#include <string>

namespace colossal::rank {

/// What the field has before the text is sealed.
std::string unsealed();

/// Writes the hash into a text whose "checksum" is `unsealed()`.
std::string seal(std::string text);

/// Whether a text has the hash that it says.
bool isSealed(const std::string &text);

} // namespace colossal::rank

#endif // COLOSSAL_LIB_RUN_SEALEDTEXT_H
