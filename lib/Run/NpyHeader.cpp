//===- NpyHeader.cpp - The header of numpy's array files ------------------===//

#include "colossal/Run/NpyHeader.h"

#include <cctype>

namespace colossal::rank {

namespace {

/// Reads the dictionary as Python would: strings, True and False, a tuple of
/// integers. Every function returns false where the text is something else.
class Dictionary {
public:
  explicit Dictionary(std::string_view text) : text(text) {}

  bool read(NpyHeader &header, std::string &fault) {
    bool has[3] = {false, false, false};
    auto fail = [&](const std::string &found) {
      fault = "found a header with " + found +
              ", expected descr, fortran_order and shape as numpy.save "
              "writes them";
      return false;
    };
    if (!take('{'))
      return fail("no dictionary");
    while (!take('}')) {
      std::string key;
      if (!string(key) || !take(':'))
        return fail("something else than 'key': value");
      int number = key == "descr"           ? 0
                   : key == "fortran_order" ? 1
                   : key == "shape"         ? 2
                                            : -1;
      if (number < 0)
        return fail("key '" + key + "'");
      if (has[number])
        return fail("'" + key + "' twice");
      has[number] = true;
      if (number == 0 && !string(header.descr))
        return fail("a descr that is no plain type");
      if (number == 1 && !boolean(header.fortranOrder))
        return fail("a fortran_order that is neither True nor False");
      if (number == 2 && !shape(header))
        return fail("a shape that is no tuple of sizes");
      if (!take(',')) {
        if (!take('}'))
          return fail("no ',' or '}' after '" + key + "'");
        break;
      }
    }
    if (!has[0] || !has[1] || !has[2])
      return fail(std::string("no ") + (!has[0]   ? "descr"
                                        : !has[1] ? "fortran_order"
                                                  : "shape"));
    skip();
    return at == text.size() || fail("text after the dictionary");
  }

private:
  void skip() {
    while (at < text.size() && (text[at] == ' ' || text[at] == '\n' ||
                                text[at] == '\t' || text[at] == '\r'))
      ++at;
  }
  bool take(char wanted) {
    skip();
    if (at == text.size() || text[at] != wanted)
      return false;
    ++at;
    return true;
  }
  bool string(std::string &value) {
    skip();
    if (at == text.size() || (text[at] != '\'' && text[at] != '"'))
      return false;
    size_t end = text.find(text[at], at + 1);
    if (end == std::string_view::npos)
      return false;
    value = std::string(text.substr(at + 1, end - at - 1));
    for (char c : value)
      if (c == '\\' || c < ' ' || c > '~')
        return false;
    at = end + 1;
    return true;
  }
  bool boolean(bool &value) {
    skip();
    for (bool candidate : {true, false}) {
      std::string_view word = candidate ? "True" : "False";
      if (text.substr(at, word.size()) != word)
        continue;
      at += word.size();
      value = candidate;
      return true;
    }
    return false;
  }
  bool shape(NpyHeader &header) {
    if (!take('('))
      return false;
    bool comma = false;
    while (!take(')')) {
      if (!header.shape.empty() && !comma)
        return false;
      int64_t size = 0;
      skip();
      size_t digits = 0;
      for (; at < text.size() && isdigit(static_cast<unsigned char>(text[at]));
           ++at, ++digits)
        if (__builtin_mul_overflow(size, int64_t(10), &size) ||
            __builtin_add_overflow(size, int64_t(text[at] - '0'), &size))
          return false;
      // Python has no numbers with leading zeros.
      if (digits == 0 || (digits > 1 && text[at - digits] == '0') ||
          __builtin_mul_overflow(header.elements, size, &header.elements))
        return false;
      header.shape.push_back(size);
      comma = take(',');
    }
    // (8) is a number, (8,) a tuple.
    return header.shape.size() != 1 || comma;
  }

  std::string_view text;
  size_t at = 0;
};

} // namespace

std::optional<int64_t> npyHeaderBytes(std::string_view start,
                                      std::string &fault) {
  constexpr std::string_view magic("\x93NUMPY");
  if (start.size() < 10 || start.substr(0, magic.size()) != magic) {
    fault = "found another format, expected a .npy file (numpy.save)";
    return std::nullopt;
  }
  auto byte = [&](size_t i) { return int64_t(uint8_t(start[i])); };
  int64_t major = byte(6), minor = byte(7), begin = major == 1 ? 10 : 12;
  if (major < 1 || major > 3 || minor != 0) {
    fault = "found version " + std::to_string(major) + "." +
            std::to_string(minor) + " of the format, expected 1.0, 2.0 or 3.0";
    return std::nullopt;
  }
  if (int64_t(start.size()) < begin) {
    fault = "found a short header, expected a whole .npy file";
    return std::nullopt;
  }
  int64_t length = byte(8) | byte(9) << 8;
  if (major > 1)
    length |= byte(10) << 16 | byte(11) << 24;
  if (length > kLargestNpyHeader) {
    fault = "found a header of " + std::to_string(length) +
            " bytes, expected an array of numbers";
    return std::nullopt;
  }
  return begin + length;
}

std::optional<NpyHeader> parseNpyHeader(std::string_view header,
                                        std::string &fault) {
  std::optional<int64_t> bytes = npyHeaderBytes(header, fault);
  if (!bytes)
    return std::nullopt;
  if (int64_t(header.size()) < *bytes) {
    fault = "found a short header, expected a whole .npy file";
    return std::nullopt;
  }
  size_t begin = header[6] == 1 ? 10 : 12;
  NpyHeader result;
  result.dataOffset = *bytes;
  if (!Dictionary(header.substr(begin, size_t(*bytes) - begin))
           .read(result, fault))
    return std::nullopt;
  return result;
}

} // namespace colossal::rank
