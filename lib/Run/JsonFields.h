//===- JsonFields.h - One description of a struct's JSON form ---*- C++ -*-===//
//
// A struct says its fields once, in a function
//
//   template <class Io> void fields(Io &io, Gemm &gemm) { io("m", gemm.m); ...
//   }
//
// and FieldWriter and FieldReader both follow it. Fields equal to those of a
// default-constructed struct are not written; missing ones keep the default;
// unknown ones and wrong types are errors. Numbers that JSON cannot hold
// (infinities, NaN) are written as strings.
//
// Internal to lib/Run; FieldError is caught at the library's boundary.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_LIB_RUN_JSONFIELDS_H
#define COLOSSAL_LIB_RUN_JSONFIELDS_H

#include "colossal/Run/RankProgram.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <type_traits>

namespace colossal::rank::json {

using Json = nlohmann::ordered_json;

/// A fault in the text: where, what was found, what was expected.
struct FieldError {
  std::string path, found, expected;
  std::string message(const std::string &file) const {
    return file + ": " + (path.empty() ? "document" : path) + ": found " +
           found + ", expected " + expected;
  }
};

/// The spelling of an enumerator; specialised for DType, Space and OpKind.
template <class Enum> struct Spelling;
template <> struct Spelling<DType> {
  static constexpr const char *names[] = {"f32",  "f64", "i64", "i32", "i1",
                                          "bf16", "f16", "i16", "i8",  "ui8"};
};
template <> struct Spelling<Space> {
  static constexpr const char *names[] = {"arena", "window"};
};
template <> struct Spelling<OpKind> {
  static constexpr const char *names[] = {
      "kernel",     "gemm",       "library",    "fill",
      "copy",       "all_reduce", "all_gather", "reduce_scatter",
      "all_to_all", "send",       "recv",       "wait"};
};

template <class T> struct IsVector : std::false_type {};
template <class T> struct IsVector<std::vector<T>> : std::true_type {};
template <class T> struct IsPair : std::false_type {};
template <class A, class B> struct IsPair<std::pair<A, B>> : std::true_type {};

template <class T> struct IsMap : std::false_type {};
template <class T> struct IsMap<std::map<std::string, T>> : std::true_type {};

template <class T> Json toJson(const T &value);

/// Writes the fields of one struct that differ from the default.
template <class T> class FieldWriter {
public:
  FieldWriter(Json &out, const T &) : out(out) {}
  template <class F> void operator()(const char *name, const F &field) {
    Json value = toJson(field);
    if (defaults.is_null() || !defaults.contains(name) ||
        defaults[name] != value)
      out[name] = std::move(value);
  }
  Json defaults;

private:
  Json &out;
};

template <class T> Json toJson(const T &value) {
  if constexpr (std::is_same_v<T, std::string> || std::is_same_v<T, bool>) {
    return value;
  } else if constexpr (std::is_enum_v<T>) {
    return Spelling<T>::names[static_cast<int>(value)];
  } else if constexpr (std::is_floating_point_v<T>) {
    if (std::isfinite(value))
      return value;
    return std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
  } else if constexpr (std::is_integral_v<T>) {
    return value;
  } else if constexpr (IsVector<T>::value) {
    Json array = Json::array();
    for (const auto &element : value)
      array.push_back(toJson(element));
    return array;
  } else if constexpr (IsMap<T>::value) {
    Json object = Json::object();
    for (const auto &[name, entry] : value)
      object[name] = toJson(entry);
    return object;
  } else if constexpr (IsPair<T>::value) {
    return Json::array({toJson(value.first), toJson(value.second)});
  } else {
    // The default's fields, computed once per type.
    static const Json defaults = [] {
      Json out = Json::object();
      T initial;
      FieldWriter<T> all(out, initial);
      fields(all, initial);
      return out;
    }();
    Json out = Json::object();
    FieldWriter<T> writer(out, value);
    writer.defaults = defaults;
    fields(writer, const_cast<T &>(value));
    return out;
  }
}

/// The text of a document. Names and paths come from outside and may not be
/// UTF-8, for which dump() throws: such bytes are replaced.
inline std::string textOf(const Json &value, int indent = -1) {
  return value.dump(indent, ' ', false, Json::error_handler_t::replace);
}

inline std::string describe(const Json &value) {
  if (value.is_object())
    return "an object";
  if (value.is_array())
    return "an array of " + std::to_string(value.size());
  return textOf(value);
}

template <class T>
void fromJson(const Json &in, T &value, const std::string &path);

/// Reads the fields of one struct; `finish` refuses what no field asked for.
class FieldReader {
public:
  FieldReader(const Json &in, const std::string &path) : in(in), path(path) {
    if (!in.is_object())
      throw FieldError{path, describe(in), "an object"};
  }
  template <class F> void operator()(const char *name, F &field) {
    known.push_back(name);
    auto it = in.find(name);
    if (it != in.end())
      fromJson(*it, field, path.empty() ? name : path + "." + name);
  }
  void finish() const {
    for (const auto &item : in.items()) {
      bool found = false;
      for (const char *name : known)
        found |= item.key() == name;
      if (!found) {
        std::string names;
        for (const char *name : known)
          names += (names.empty() ? "" : ", ") + std::string(name);
        throw FieldError{path, "unknown field '" + item.key() + "'",
                         "one of " + names};
      }
    }
  }

private:
  const Json &in;
  const std::string &path;
  std::vector<const char *> known;
};

template <class T>
void fromJson(const Json &in, T &value, const std::string &path) {
  if constexpr (std::is_same_v<T, std::string>) {
    if (!in.is_string())
      throw FieldError{path, describe(in), "a string"};
    value = in.get<std::string>();
  } else if constexpr (std::is_same_v<T, bool>) {
    if (!in.is_boolean())
      throw FieldError{path, describe(in), "true or false"};
    value = in.get<bool>();
  } else if constexpr (std::is_enum_v<T>) {
    std::string expected;
    int index = 0;
    for (const char *name : Spelling<T>::names) {
      if (in.is_string() && in.get<std::string>() == name) {
        value = static_cast<T>(index);
        return;
      }
      expected += (index++ ? ", " : "one of ") + std::string(name);
    }
    throw FieldError{path, describe(in), expected};
  } else if constexpr (std::is_floating_point_v<T>) {
    if (in.is_string()) {
      std::string text = in.get<std::string>();
      if (text == "inf" || text == "-inf" || text == "nan") {
        value = text == "nan" ? NAN : text == "inf" ? INFINITY : -INFINITY;
        return;
      }
    }
    if (!in.is_number())
      throw FieldError{path, describe(in), "a number"};
    value = in.get<T>();
  } else if constexpr (std::is_integral_v<T>) {
    if (!in.is_number_integer())
      throw FieldError{path, describe(in), "an integer"};
    value = in.get<T>();
  } else if constexpr (IsVector<T>::value) {
    if (!in.is_array())
      throw FieldError{path, describe(in), "an array"};
    value.clear();
    value.resize(in.size());
    for (size_t i = 0; i < in.size(); ++i)
      fromJson(in[i], value[i], path + "[" + std::to_string(i) + "]");
  } else if constexpr (IsMap<T>::value) {
    if (!in.is_object())
      throw FieldError{path, describe(in), "an object"};
    value.clear();
    for (const auto &item : in.items())
      fromJson(item.value(), value[item.key()], path + "." + item.key());
  } else if constexpr (IsPair<T>::value) {
    if (!in.is_array() || in.size() != 2)
      throw FieldError{path, describe(in), "an array of 2"};
    fromJson(in[0], value.first, path + "[0]");
    fromJson(in[1], value.second, path + "[1]");
  } else {
    FieldReader reader(in, path);
    fields(reader, value);
    reader.finish();
  }
}

/// Parses text; throws FieldError for a syntax error too.
Json parse(const std::string &text);

} // namespace colossal::rank::json

#endif // COLOSSAL_LIB_RUN_JSONFIELDS_H
