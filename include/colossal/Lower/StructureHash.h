//===- StructureHash.h - Which functions are the same -----------*- C++ -*-===//
//
// A hash of what a function is, whatever it is called and wherever it comes
// from: ops in their order, operands by their place, types, attributes. It is
// the hash that the same function has in every process, so it is made of names
// and texts, not of addresses (as MLIR's OperationEquivalence is, to which no
// two kernels are equal: each has access groups of its own).
//
// 128 bits are taken for the function itself, as in every store of contents.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_LOWER_STRUCTUREHASH_H
#define COLOSSAL_LOWER_STRUCTUREHASH_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "llvm/ADT/DenseMap.h"

#include <array>

namespace colossal::lower {

class StructureHash {
public:
  using Bits = std::array<uint64_t, 2>;

  Bits of(mlir::func::FuncOp function);

private:
  /// An attribute's text. Distinct attributes have none that tells them apart:
  /// the text numbers them by where they occur in it.
  struct Text {
    uint64_t hash;
    llvm::SmallVector<mlir::DistinctAttr, 1> distinct;
  };

  void add(mlir::Region &region);
  void add(mlir::Operation *op);
  void add(mlir::Attribute attribute);
  void add(mlir::Type type);
  const Text &textOf(mlir::Attribute attribute);

  /// Texts are printed once for all functions.
  llvm::DenseMap<mlir::Attribute, Text> texts;
  llvm::DenseMap<mlir::Type, uint64_t> types;

  // Of the function at hand: what is hashed, and the numbers, in order of their
  // first occurrence, of what has an identity.
  llvm::SmallVector<uint64_t, 0> words;
  llvm::DenseMap<const void *, uint64_t> numbers;
  uint64_t numberOf(const void *thing) {
    return numbers.try_emplace(thing, numbers.size()).first->second;
  }
};

} // namespace colossal::lower

#endif // COLOSSAL_LOWER_STRUCTUREHASH_H
