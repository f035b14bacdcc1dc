//===- Message.h - Texts of messages ----------------------------*- C++ -*-===//
//
// What comes from outside (names in an archive, paths, what a library says) may
// hold line breaks, control characters and bytes that are not UTF-8. A message
// is one line of UTF-8 all the same.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_SUPPORT_MESSAGE_H
#define COLOSSAL_SUPPORT_MESSAGE_H

#include <string>
#include <vector>

namespace colossal {

/// The text as a terminal shows it and never obeys it: control characters but
/// line ends and tabs, and bytes that are not UTF-8, become `\xNN`. All that a
/// tool prints and has from outside goes through this or `oneLine`.
std::string printable(const std::string &text);

/// The printable text on one line: white space becomes one space; what is
/// longer than `limit` bytes is cut in its middle.
std::string oneLine(const std::string &text, size_t limit = 2000);

/// The first `most` of a list and how many there are besides: "a, b and 3
/// more".
std::string firstFew(const std::vector<std::string> &items, size_t most = 4);

/// Bytes that are not UTF-8 become `\xNN`, all others stay.
std::string validUtf8(const std::string &text);

} // namespace colossal

#endif // COLOSSAL_SUPPORT_MESSAGE_H
