//===- Item.h - What an aten value is while normalizing ---------*- C++ -*-===//
//
// Normalize interprets the aten ops in order. Each value is an Item: a tensor,
// a number known at compile time, a list, a text or none.
//
// Tensors alias. A Storage is what PyTorch calls one: its value changes when
// an op writes in place. An Alias is a tensor: the whole storage, or a View of
// another alias. Reading an alias whose storage has changed since builds its
// views again; writing through a view rebuilds the base.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_LIB_NORMALIZE_ITEM_H
#define COLOSSAL_LIB_NORMALIZE_ITEM_H

#include "Colossal/IR/ColossalDialect.h"
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace colossal::normalize {

/// A number known at compile time: a Python number, or a 0-d tensor of one.
/// Floats of any type are computed in f64 and rounded where they are used.
struct Scalar {
  mlir::Type type;       ///< f64, i64 or i1 for Python numbers; else the dtype
  double real = 0;       ///< if `type` is a float
  int64_t integer = 0;   ///< else (0 or 1 for i1)
  bool weak = true;      ///< does not take part in promotion across categories
  bool isTensor = false; ///< counts as a tensor for size(), shapes and dtype

  bool isFloat() const { return llvm::isa<mlir::FloatType>(type); }
  double asReal() const { return isFloat() ? real : double(integer); }
  int64_t asInteger() const { return isFloat() ? int64_t(real) : integer; }
  bool asBool() const { return isFloat() ? real != 0 : integer != 0; }
};

/// How a view reads its parent, as the factors and maps of a generic whose
/// body is the identity: view[to] = parent[from].
struct View {
  llvm::SmallVector<FactorAttr> factors;
  IndexMapAttr from;
  IndexMapAttr to;
};

/// parent[.., number, ..]: a part that data choose. `number`: a scalar, i64,
/// from 0 on.
struct ChosenPart {
  int64_t dim;
  mlir::Value number;
};

/// A part of the storage as a tensor of its own: element [i, ..] is the one at
/// `offset` + `ofDims`[0] i + .. in memory.
struct Strides {
  llvm::SmallVector<int64_t> ofDims;
  std::optional<int64_t> offset = 0; ///< none: not known
};

struct Storage {
  mlir::Value value; ///< current contents, in the shape of the root alias
  unsigned version = 0;
  int64_t argument = -1; ///< number of the state argument it came from
};

struct Alias {
  std::shared_ptr<Storage> storage;
  std::shared_ptr<Alias> parent; ///< null for the root
  View view;                     ///< of the parent; or:
  std::optional<ChosenPart> chosen;
  std::optional<Strides> strided; ///< of the parent, a root
  bool isDetached = false;        ///< the view is a constant for the derivative
  mlir::RankedTensorType type;
  /// In the storage, in elements. None: not known, or the elements have none,
  /// which makes PyTorch copy them.
  std::optional<Strides> strides;
  bool areStridesAssumed = false; ///< until the op's row is done (Strides.h)
  std::string name;               ///< of the op that made it
  std::optional<mlir::Location> loc;
  mlir::Value cached; ///< contents at `version` of the storage
  unsigned version = 0;
};
using TensorRef = std::shared_ptr<Alias>;

struct Item {
  enum class Kind { None, Scalar, Tensor, List, Text, Complex };
  Kind kind = Kind::None;
  Scalar scalar;
  TensorRef tensor;
  std::vector<Item> list;        ///< of Complex: the parts (Complex.h)
  std::vector<std::string> keys; ///< of a list that is a dictionary
  std::string text; ///< of None: why it is missing, if that can be said

  Item() = default;
  Item(Scalar scalar) : kind(Kind::Scalar), scalar(scalar) {}
  Item(TensorRef tensor) : kind(Kind::Tensor), tensor(std::move(tensor)) {}
  static Item makeList(std::vector<Item> items) {
    Item item;
    item.kind = Kind::List;
    item.list = std::move(items);
    return item;
  }
  /// A result that is not there; whoever uses it is told `why`.
  static Item makeMissing(llvm::StringRef why) {
    Item item;
    item.text = why.str();
    return item;
  }
  static Item makeComplex(Item re, Item im) {
    Item item = makeList({std::move(re), std::move(im)});
    item.kind = Kind::Complex;
    return item;
  }
  static Item makeText(llvm::StringRef text) {
    Item item;
    item.kind = Kind::Text;
    item.text = text.str();
    return item;
  }

  bool isNone() const { return kind == Kind::None; }
  bool isScalar() const { return kind == Kind::Scalar; }
  bool isTensor() const { return kind == Kind::Tensor; }
  bool isList() const { return kind == Kind::List; }
  bool isComplex() const { return kind == Kind::Complex; }
  /// A tensor in PyTorch's eyes: also a 0-d tensor that holds a known number.
  bool isTensorLike() const {
    return isTensor() || (isScalar() && scalar.isTensor);
  }
};

/// The path to an element of a list that `path` leads to: the key of a
/// dictionary, or the number, behind a point.
inline std::string pathOfElement(const Item &list, size_t index,
                                 const std::string &path) {
  std::string name =
      list.keys.empty() ? std::to_string(index) : list.keys[index];
  return path.empty() ? name : path + "." + name;
}

} // namespace colossal::normalize

#endif // COLOSSAL_LIB_NORMALIZE_ITEM_H
