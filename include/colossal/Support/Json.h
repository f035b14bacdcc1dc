//===- Json.h - Text files with precise errors ------------------*- C++ -*-===//
//
// JSON for everything outside Run: cluster files, plans, problems. Parsing is
// nlohmann's, seen by Json.cpp alone and used without exceptions; what is here
// is a small value, a writer with a stable order, and a `Reader` that knows
// where it is, so that every error names file, field, what was found and what
// was expected:
//
//   a.json: field "device.threads": found "two", expected an integer
//   from 1 to 4096
//
// A reader remembers the first error only; after it, every access returns a
// neutral value, so that reading code is written straight down and asks once:
//
//   json::Document document(file);
//   json::Reader root = document.parse(text);
//   thing.size = root.field("size").integer(1, 100);
//   if (!document.ok()) { error = document.error(); return std::nullopt; }
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_SUPPORT_JSON_H
#define COLOSSAL_SUPPORT_JSON_H

#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

namespace colossal::json {

/// A JSON value; objects keep the order of their fields.
class Value {
public:
  enum class Kind { Null, Boolean, Integer, Number, Text, Array, Object };

  Value() = default;
  Value(bool value) : theKind(Kind::Boolean), theInteger(value) {}
  Value(int64_t value) : theKind(Kind::Integer), theInteger(value) {}
  Value(int value) : Value(int64_t(value)) {}
  Value(double value) : theKind(Kind::Number), theNumber(value) {}
  Value(std::string value) : theKind(Kind::Text), theText(std::move(value)) {}
  Value(const char *value) : Value(std::string(value)) {}
  static Value array() { return Value(Kind::Array); }
  static Value object() { return Value(Kind::Object); }

  Kind kind() const { return theKind; }
  bool boolean() const { return theInteger != 0; }
  int64_t integer() const { return theInteger; }
  /// Of an integer or a number.
  double number() const;
  const std::string &text() const { return theText; }
  const std::vector<Value> &elements() const { return theElements; }
  /// Names of an object's fields, in the order of `elements`.
  const std::vector<std::string> &names() const { return theNames; }
  /// The field of an object, or null.
  const Value *find(const std::string &name) const;

  /// Appends to an array.
  void append(Value value);
  /// Appends a field to an object (the caller avoids duplicates).
  void append(std::string name, Value value);

private:
  explicit Value(Kind kind) : theKind(kind) {}

  Kind theKind = Kind::Null;
  int64_t theInteger = 0;
  double theNumber = 0.0;
  std::string theText;
  std::vector<Value> theElements;
  std::vector<std::string> theNames;
};

/// Text with two spaces per level and a final newline; an array or object
/// that fits into the rest of an 80-column line stays on it. Numbers are the
/// shortest text that reads back as the same double.
std::string write(const Value &value);

class Document;

/// A place in a document. Cheap to copy; valid as long as the document.
class Reader {
public:
  /// The field must exist and this must be an object.
  Reader field(const std::string &name) const;
  /// Whether this is an object with the field (null counts as absent).
  bool has(const std::string &name) const;
  /// This must be an object whose fields all are among `names`.
  void expectFieldsAmong(const std::vector<std::string> &names) const;
  /// Fields of an object, in order.
  std::vector<std::string> fieldNames() const;

  /// The elements; this must be an array.
  std::vector<Reader> elements() const;

  int64_t integer(int64_t minimum = std::numeric_limits<int64_t>::min(),
                  int64_t maximum = std::numeric_limits<int64_t>::max()) const;
  /// A finite number (or integer) from minimum to maximum.
  double number(double minimum = std::numeric_limits<double>::lowest(),
                double maximum = std::numeric_limits<double>::max()) const;
  bool boolean() const;
  std::string text() const;
  /// A text among `choices`: its index.
  size_t choice(const std::vector<std::string> &choices) const;

  /// Records an error at this place: "found <this>, expected <expected>".
  void fail(const std::string &expected) const;
  /// The path to here: `levels[0].name`; empty at the root.
  const std::string &path() const { return thePath; }

private:
  friend class Document;
  Reader(Document *document, const Value *value, std::string path)
      : document(document), value(value), thePath(std::move(path)) {}

  Document *document;
  const Value *value; ///< null after an error
  std::string thePath;
};

/// A parsed file and the first error found while reading it.
class Document {
public:
  /// `file` is used in messages only.
  explicit Document(std::string file) : file(std::move(file)) {}
  Document(const Document &) = delete;

  /// Parses; a syntax error is recorded with line and column. At most 128
  /// levels deep, no duplicate fields.
  Reader parse(const std::string &text);

  bool ok() const { return theError.empty(); }
  /// One line: "<file>: field "<path>": found ..., expected ...".
  const std::string &error() const { return theError; }

private:
  friend class Reader;
  void fail(const std::string &path, const std::string &message);

  std::string file;
  std::string theError;
  Value root;
};

} // namespace colossal::json

#endif // COLOSSAL_SUPPORT_JSON_H
