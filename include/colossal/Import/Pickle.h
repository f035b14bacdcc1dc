//===- Pickle.h - A reader for pickles that executes nothing ---*- C++ -*-===//
//
// Reads the subset of pickle that PyTorch writes into TorchScript archives,
// into a tree of plain values. Opcodes and globals are on an allow-list;
// nothing is imported, called or constructed. A `REDUCE` of an allowed global
// becomes a `Call` node, an instance of a module class becomes an `Object`
// with its attributes. Everything else is refused, with opcode and position:
//
//   - opcodes that PyTorch does not write;
//   - globals outside `torch`'s own rebuild functions, storages and the
//     archive's `__torch__.` classes; custom (TorchBind) classes;
//   - state that is not a dictionary of attributes, which is how a class with
//     __setstate__ appears.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_IMPORT_PICKLE_H
#define COLOSSAL_IMPORT_PICKLE_H

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace colossal::torchscript {

struct PickleValue {
  enum class Kind {
    None,
    Bool,
    Integer,
    Float,
    String,
    Tuple,
    List,
    Dict,       ///< items alternate key, value
    Global,     ///< text = "module name"
    Object,     ///< text = class; attributes
    Call,       ///< text = the global called; items = its arguments
    Persistent, ///< items = the fields of the persistent id
  };
  Kind kind = Kind::None;
  bool boolean = false;
  int64_t integer = 0;
  double number = 0;
  std::string text;
  std::vector<PickleValue *> items;
  std::vector<std::pair<std::string, PickleValue *>> attributes;
};

class Pickle {
public:
  /// Reads one pickle. On failure returns nothing and sets `error` to one
  /// line: what was found and at which byte.
  static std::optional<Pickle> read(std::string_view bytes, std::string &error);

  const PickleValue &root() const { return *rootValue; }

private:
  std::deque<PickleValue> values; // stable addresses; values may be shared
  PickleValue *rootValue = nullptr;
  friend class PickleReader;
};

} // namespace colossal::torchscript

#endif // COLOSSAL_IMPORT_PICKLE_H
