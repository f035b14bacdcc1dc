//===- Interpreter.h - State of the abstract interpretation -----*- C++ -*-===//

#ifndef COLOSSAL_LIB_NORMALIZE_INTERPRETER_H
#define COLOSSAL_LIB_NORMALIZE_INTERPRETER_H

#include "Item.h"
#include "KnownValues.h"
#include "Selections.h"
#include "colossal/Normalize/GenericBuilder.h"
#include "llvm/ADT/StringSet.h"

namespace colossal::normalize {

/// A packed sequence (Packed.h).
struct Packed {
  mlir::Value lengths; ///< [sequences], i64
  int64_t times, samples;
};

class Interpreter {
public:
  explicit Interpreter(mlir::MLIRContext *context) : builder(context) {}

  mlir::OpBuilder builder;

  //===--------------------------------------------------------------------===//
  // Values of the aten program
  //===--------------------------------------------------------------------===//

  const Item &lookup(mlir::Value value) const;
  void bind(mlir::Value value, Item item) { items[value] = std::move(item); }

  //===--------------------------------------------------------------------===//
  // Tensors
  //===--------------------------------------------------------------------===//

  /// A tensor that shares nothing.
  TensorRef fresh(mlir::Value value, llvm::StringRef name, mlir::Location loc);
  /// A tensor that is a view of `parent`.
  TensorRef viewOf(const TensorRef &parent, View view, llvm::StringRef name,
                   mlir::Location loc);
  /// One that is a part of `parent` which data choose.
  TensorRef partOf(const TensorRef &parent, ChosenPart chosen,
                   llvm::StringRef name, mlir::Location loc);
  /// The same elements, without a derivative.
  TensorRef detachedFrom(const TensorRef &parent, llvm::StringRef name,
                         mlir::Location loc);
  /// One whose elements are found in the storage of `root` by strides.
  TensorRef stridedOf(const TensorRef &root, mlir::RankedTensorType type,
                      const Strides &strides, llvm::StringRef name,
                      mlir::Location loc);
  /// The current contents.
  mlir::Value read(const TensorRef &tensor);
  /// Replaces the contents, for every alias of the storage. Fails if elements
  /// of the view overlap (an expanded dimension) or are found by strides.
  mlir::LogicalResult write(const TensorRef &tensor, mlir::Value value,
                            llvm::StringRef name, mlir::Location loc);
  /// Storages that hold function arguments and were written.
  llvm::ArrayRef<std::shared_ptr<Storage>> getWrittenArguments() const {
    return writtenArguments;
  }

  /// The number that an item is whatever the data: a number, or a tensor of one
  /// element that follows from constants and sizes.
  std::optional<Scalar> numberOf(const Item &item);

  /// Likewise all elements of a tensor of integers, in order.
  std::optional<llvm::SmallVector<int64_t>> integersOf(const Item &item);

  /// Likewise of truth values.
  std::optional<llvm::SmallVector<bool>> truthsOf(const Item &item);

  /// The scalar (f64) that the runtime sets before each step; made where it is
  /// first asked for. `fill`: its value where nobody gives one.
  mlir::Value control(llvm::StringRef name, std::optional<double> fill);

  Selections selections;

  /// The tensor `batchSizes` stands for the lengths of a packed sequence.
  void notePacked(mlir::Value batchSizes, const Packed &sequence) {
    packed[batchSizes] = sequence;
  }
  /// Null if there is none.
  const Packed *packedOf(mlir::Value batchSizes) const {
    auto found = packed.find(batchSizes);
    return found == packed.end() ? nullptr : &found->second;
  }

  /// `wanted`, or `wanted.2`, `wanted.3`... if it was given before.
  std::string uniqueName(llvm::StringRef wanted);

private:
  llvm::DenseMap<mlir::Value, Item> items;
  llvm::StringSet<> names;
  KnownValues known;
  llvm::DenseMap<mlir::Value, Packed> packed;
  std::vector<std::shared_ptr<Storage>> writtenArguments;
};

} // namespace colossal::normalize

#endif // COLOSSAL_LIB_NORMALIZE_INTERPRETER_H
