//===- Json.cpp - JSON values, their text, and reading with a place -------===//

#include "colossal/Support/Json.h"

#define JSON_NOEXCEPTION
#include <nlohmann/json.hpp>

#include <charconv>
#include <cmath>

using namespace colossal::json;

//===----------------------------------------------------------------------===//
// Value
//===----------------------------------------------------------------------===//

double Value::number() const {
  return theKind == Kind::Integer ? double(theInteger) : theNumber;
}

const Value *Value::find(const std::string &name) const {
  for (size_t i = 0; i < theNames.size(); ++i)
    if (theNames[i] == name)
      return &theElements[i];
  return nullptr;
}

void Value::append(Value value) { theElements.push_back(std::move(value)); }

void Value::append(std::string name, Value value) {
  theNames.push_back(std::move(name));
  theElements.push_back(std::move(value));
}

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

static std::string quote(const std::string &text) {
  return nlohmann::json(text).dump(-1, ' ', false,
                                   nlohmann::json::error_handler_t::replace);
}

static std::string writeScalar(const Value &value) {
  switch (value.kind()) {
  case Value::Kind::Boolean:
    return value.boolean() ? "true" : "false";
  case Value::Kind::Integer:
    return std::to_string(value.integer());
  case Value::Kind::Text:
    return quote(value.text());
  case Value::Kind::Number: {
    if (!std::isfinite(value.number()))
      return "null";
    char buffer[64];
    auto end = std::to_chars(buffer, buffer + sizeof buffer, value.number());
    std::string text(buffer, end.ptr);
    // An integral double stays a number when read back.
    return text.find_first_of(".en") == std::string::npos ? text + ".0" : text;
  }
  default:
    return "null";
  }
}

static bool isScalar(const Value &value) {
  return value.kind() != Value::Kind::Array &&
         value.kind() != Value::Kind::Object;
}

static std::string writeOnOneLine(const Value &value) {
  if (isScalar(value))
    return writeScalar(value);
  bool isObject = value.kind() == Value::Kind::Object;
  std::string text = isObject ? "{" : "[";
  for (size_t i = 0; i < value.elements().size(); ++i) {
    if (i > 0)
      text += ", ";
    if (isObject)
      text += quote(value.names()[i]) + ": ";
    text += writeOnOneLine(value.elements()[i]);
  }
  return text + (isObject ? "}" : "]");
}

/// `column`: where the value's text begins on its line.
static void writeIndented(const Value &value, size_t depth, size_t column,
                          std::string &text) {
  std::string line = writeOnOneLine(value);
  if (isScalar(value) || value.elements().empty() ||
      (depth > 0 && column + line.size() < 80)) {
    text += line;
    return;
  }
  bool isObject = value.kind() == Value::Kind::Object;
  text += isObject ? "{\n" : "[\n";
  for (size_t i = 0; i < value.elements().size(); ++i) {
    std::string begin(2 * (depth + 1), ' ');
    if (isObject)
      begin += quote(value.names()[i]) + ": ";
    text += begin;
    writeIndented(value.elements()[i], depth + 1, begin.size(), text);
    text += i + 1 < value.elements().size() ? ",\n" : "\n";
  }
  text += std::string(2 * depth, ' ') + (isObject ? "}" : "]");
}

std::string colossal::json::write(const Value &value) {
  std::string text;
  writeIndented(value, 0, 0, text);
  return text + "\n";
}

//===----------------------------------------------------------------------===//
// Parsing
//===----------------------------------------------------------------------===//

namespace {
constexpr size_t maximumDepth = 128;

/// Builds a Value from nlohmann's events.
class Builder : public nlohmann::json_sax<nlohmann::json> {
public:
  explicit Builder(Value &root) : root(root) {}

  bool null() override { return add(Value()); }
  bool boolean(bool value) override { return add(Value(value)); }
  bool number_integer(number_integer_t value) override {
    return add(Value(int64_t(value)));
  }
  bool number_unsigned(number_unsigned_t value) override {
    if (value > uint64_t(std::numeric_limits<int64_t>::max()))
      return add(Value(double(value)));
    return add(Value(int64_t(value)));
  }
  bool number_float(number_float_t value, const string_t &) override {
    return add(Value(double(value)));
  }
  bool string(string_t &value) override { return add(Value(value)); }
  bool binary(binary_t &) override { return false; }
  bool start_object(std::size_t) override { return open(Value::object()); }
  bool start_array(std::size_t) override { return open(Value::array()); }
  bool key(string_t &name) override {
    if (stack.back().find(name)) {
      message = "found a second field " + quote(name) +
                " in the same object, expected different names";
      return false;
    }
    names.back() = name;
    return true;
  }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool parse_error(std::size_t position, const std::string &token,
                   const nlohmann::json::exception &error) override {
    errorPosition = position;
    std::string what = error.what();
    size_t reason = what.find("syntax error");
    message = reason == std::string::npos ? what : what.substr(reason);
    return false;
  }

  std::string message;
  size_t errorPosition = 0;

private:
  bool open(Value value) {
    if (stack.size() == maximumDepth) {
      message = "found more than " + std::to_string(maximumDepth) +
                " nested arrays and objects";
      return false;
    }
    stack.push_back(std::move(value));
    names.emplace_back();
    return true;
  }
  bool close() {
    Value value = std::move(stack.back());
    stack.pop_back();
    names.pop_back();
    return add(std::move(value));
  }
  bool add(Value value) {
    if (stack.empty())
      root = std::move(value);
    else if (stack.back().kind() == Value::Kind::Object)
      stack.back().append(names.back(), std::move(value));
    else
      stack.back().append(std::move(value));
    return true;
  }

  Value &root;
  std::vector<Value> stack;
  std::vector<std::string> names; ///< per open object, the field being read
};
} // namespace

Reader Document::parse(const std::string &text) {
  Builder builder(root);
  if (nlohmann::json::sax_parse(text, &builder))
    return Reader(this, &root, "");
  std::string place;
  if (builder.errorPosition > 0) {
    size_t line = 1, column = 1;
    for (size_t i = 0; i + 1 < builder.errorPosition && i < text.size(); ++i) {
      ++column;
      if (text[i] == '\n') {
        ++line;
        column = 1;
      }
    }
    place = std::to_string(line) + ":" + std::to_string(column) + ": ";
  }
  theError = file + ": " + place + "not JSON: " + builder.message;
  return Reader(this, nullptr, "");
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

void Document::fail(const std::string &path, const std::string &message) {
  if (!ok())
    return;
  theError =
      file + ": " + (path.empty() ? "" : "field \"" + path + "\": ") + message;
}

/// What an error says was found: the scalar itself, cut if long.
static std::string describe(const Value &value) {
  if (value.kind() == Value::Kind::Array)
    return "an array";
  if (value.kind() == Value::Kind::Object)
    return "an object";
  std::string text = writeScalar(value);
  return text.size() <= 60 ? text : text.substr(0, 57) + "...";
}

void Reader::fail(const std::string &expected) const {
  if (value)
    document->fail(thePath,
                   "found " + describe(*value) + ", expected " + expected);
}

Reader Reader::field(const std::string &name) const {
  std::string path = thePath.empty() ? name : thePath + "." + name;
  if (!value || !document->ok())
    return Reader(document, nullptr, path);
  if (value->kind() != Value::Kind::Object) {
    fail("an object");
    return Reader(document, nullptr, path);
  }
  const Value *element = value->find(name);
  if (!element)
    document->fail(path,
                   "missing, expected it among the fields of " +
                       (thePath.empty() ? "the file" : "\"" + thePath + "\""));
  return Reader(document, element, path);
}

bool Reader::has(const std::string &name) const {
  if (!value || value->kind() != Value::Kind::Object)
    return false;
  const Value *element = value->find(name);
  return element && element->kind() != Value::Kind::Null;
}

std::vector<std::string> Reader::fieldNames() const {
  if (!value)
    return {};
  if (value->kind() != Value::Kind::Object)
    fail("an object");
  return value->names();
}

void Reader::expectFieldsAmong(const std::vector<std::string> &names) const {
  for (const std::string &name : fieldNames()) {
    bool known = false;
    for (const std::string &candidate : names)
      known |= candidate == name;
    if (known)
      continue;
    std::string list;
    for (const std::string &candidate : names)
      list += (list.empty() ? "" : ", ") + candidate;
    document->fail(thePath.empty() ? name : thePath + "." + name,
                   "unknown, expected one of: " + list);
  }
}

std::vector<Reader> Reader::elements() const {
  std::vector<Reader> result;
  if (!value)
    return result;
  if (value->kind() != Value::Kind::Array) {
    fail("an array");
    return result;
  }
  for (size_t i = 0; i < value->elements().size(); ++i)
    result.push_back(Reader(document, &value->elements()[i],
                            thePath + "[" + std::to_string(i) + "]"));
  return result;
}

int64_t Reader::integer(int64_t minimum, int64_t maximum) const {
  int64_t neutral = minimum > 0 ? minimum : maximum < 0 ? maximum : 0;
  if (!value)
    return neutral;
  if (value->kind() == Value::Kind::Integer && value->integer() >= minimum &&
      value->integer() <= maximum)
    return value->integer();
  std::string expected = "an integer";
  bool hasMinimum = minimum != std::numeric_limits<int64_t>::min();
  bool hasMaximum = maximum != std::numeric_limits<int64_t>::max();
  if (hasMinimum && hasMaximum)
    expected +=
        " from " + std::to_string(minimum) + " to " + std::to_string(maximum);
  else if (hasMinimum)
    expected += " of at least " + std::to_string(minimum);
  else if (hasMaximum)
    expected += " of at most " + std::to_string(maximum);
  fail(expected);
  return neutral;
}

double Reader::number(double minimum, double maximum) const {
  if (!value)
    return minimum > 0 ? minimum : maximum < 0 ? maximum : 0;
  bool isNumber = value->kind() == Value::Kind::Integer ||
                  value->kind() == Value::Kind::Number;
  if (isNumber && value->number() >= minimum && value->number() <= maximum)
    return value->number();
  std::string expected = "a number";
  if (minimum != std::numeric_limits<double>::lowest())
    expected += " from " + writeScalar(Value(minimum));
  if (maximum != std::numeric_limits<double>::max())
    expected += " to " + writeScalar(Value(maximum));
  fail(expected);
  return minimum > 0 ? minimum : maximum < 0 ? maximum : 0;
}

bool Reader::boolean() const {
  if (value && value->kind() != Value::Kind::Boolean)
    fail("true or false");
  return value && value->boolean();
}

std::string Reader::text() const {
  if (value && value->kind() != Value::Kind::Text)
    fail("a text");
  return value ? value->text() : std::string();
}

size_t Reader::choice(const std::vector<std::string> &choices) const {
  if (!value)
    return 0;
  std::string list;
  for (size_t i = 0; i < choices.size(); ++i) {
    if (value->kind() == Value::Kind::Text && value->text() == choices[i])
      return i;
    list += (i == 0 ? "" : ", ") + quote(choices[i]);
  }
  fail("one of: " + list);
  return 0;
}
