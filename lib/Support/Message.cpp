//===- Message.cpp - Texts of messages ------------------------------------===//

#include "colossal/Support/Message.h"

using namespace colossal;

/// Bytes of the UTF-8 character that starts at `at`; 0 where none does.
static size_t characterAt(const std::string &text, size_t at) {
  auto byte = [&](size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
  };
  auto follows = [&](size_t i) { return (byte(i) & 0xc0) == 0x80; };
  unsigned first = byte(at), second = byte(at + 1);
  if (first < 0x80)
    return 1;
  if (first >= 0xc2 && first <= 0xdf)
    return follows(at + 1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    // Neither a longer form than needed nor half of a surrogate pair.
    bool valid = follows(at + 1) && follows(at + 2) &&
                 !(first == 0xe0 && second < 0xa0) &&
                 !(first == 0xed && second > 0x9f);
    return valid ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    bool valid = follows(at + 1) && follows(at + 2) && follows(at + 3) &&
                 !(first == 0xf0 && second < 0x90) &&
                 !(first == 0xf4 && second > 0x8f);
    return valid ? 4 : 0;
  }
  return 0;
}

static std::string escape(unsigned char byte) {
  static const char digits[] = "0123456789abcdef";
  return {'\\', 'x', digits[byte >> 4], digits[byte & 15]};
}

std::string colossal::validUtf8(const std::string &text) {
  std::string result;
  for (size_t at = 0; at < text.size();) {
    size_t count = characterAt(text, at);
    if (count == 0)
      result += escape(static_cast<unsigned char>(text[at]));
    else
      result.append(text, at, count);
    at += count == 0 ? 1 : count;
  }
  return result;
}

std::string colossal::oneLine(const std::string &text, size_t limit) {
  std::string line;
  for (char c : validUtf8(text)) {
    auto byte = static_cast<unsigned char>(c);
    if (c == ' ' || (c >= '\t' && c <= '\r')) {
      if (!line.empty() && line.back() != ' ')
        line += ' ';
    } else if (byte < 0x20 || byte == 0x7f) {
      line += escape(byte);
    } else {
      line += c;
    }
  }
  while (!line.empty() && line.back() == ' ')
    line.pop_back();
  if (line.size() <= limit)
    return line;
  // Cut between characters: a cut byte inside one would not be UTF-8.
  auto isInside = [&](size_t at) { return (line[at] & 0xc0) == 0x80; };
  size_t head = limit * 2 / 3, tail = line.size() - limit / 3;
  while (head > 0 && isInside(head))
    --head;
  while (tail < line.size() && isInside(tail))
    ++tail;
  return line.substr(0, head) + " ... " + line.substr(tail);
}
