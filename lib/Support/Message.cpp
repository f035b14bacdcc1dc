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

/// Characters that a terminal obeys instead of showing them: C0 and C1
/// controls, and what turns the direction of the text around. Line ends and
/// tabs are not meant here.
static bool isObeyed(const std::string &text, size_t at, size_t count) {
  auto byte = [&](size_t i) {
    return static_cast<unsigned char>(text[at + i]);
  };
  if (count == 1)
    return byte(0) < 0x20 || byte(0) == 0x7f;
  if (count == 2)
    return byte(0) == 0xc2 && byte(1) < 0xa0;
  // U+2028 to U+202E, U+2066 to U+2069.
  return count == 3 && byte(0) == 0xe2 &&
         ((byte(1) == 0x80 && byte(2) >= 0xa8 && byte(2) <= 0xae) ||
          (byte(1) == 0x81 && byte(2) >= 0xa6 && byte(2) <= 0xa9));
}

std::string colossal::printable(const std::string &text) {
  std::string result;
  for (size_t at = 0; at < text.size();) {
    size_t count = characterAt(text, at);
    size_t taken = count == 0 ? 1 : count;
    bool isSpace = text[at] == '\n' || text[at] == '\t';
    if (count == 0 || (!isSpace && isObeyed(text, at, count)))
      for (size_t i = 0; i < taken; ++i)
        result += escape(static_cast<unsigned char>(text[at + i]));
    else
      result.append(text, at, taken);
    at += taken;
  }
  return result;
}

std::string colossal::oneLine(const std::string &text, size_t limit) {
  std::string spaced = text, line;
  for (char &c : spaced)
    if (c >= '\t' && c <= '\r')
      c = ' ';
  for (char c : printable(spaced))
    if (c != ' ' || (!line.empty() && line.back() != ' '))
      line += c;
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

std::string colossal::firstFew(const std::vector<std::string> &items,
                               size_t most) {
  std::string text;
  for (size_t i = 0; i < items.size() && i < most; ++i)
    text += (i ? ", " : "") + items[i];
  if (items.size() > most)
    text += " and " + std::to_string(items.size() - most) + " more";
  return text;
}
