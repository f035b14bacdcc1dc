//===- Elementwise.h - Scalar expressions over tensors ----------*- C++ -*-===//

#ifndef COLOSSAL_LIB_NORMALIZE_ELEMENTWISE_H
#define COLOSSAL_LIB_NORMALIZE_ELEMENTWISE_H

#include "Call.h"

namespace colossal::normalize {

struct ElementwiseOptions {
  /// Operands are cast to this type first; null: they keep theirs.
  mlir::Type compute;
  /// One type for each operand, instead of `compute`.
  llvm::SmallVector<mlir::Type> types;
  /// Type of the result's elements; null: `compute`.
  mlir::Type result;
  llvm::StringRef suffix;
  /// The op belongs to the composite that the aten op is.
  bool member = false;
};

/// One generic over the broadcast shape of `inputs`, without reductions. Known
/// numbers become constants of the body; if all inputs are known numbers, so
/// is the result.
Item elementwise(Call &c, llvm::ArrayRef<Item> inputs,
                 const ElementwiseOptions &options, GenericBuilder::Body body);

/// The same, on tensors.
mlir::Value elementwiseValue(Call &c, llvm::ArrayRef<mlir::Value> inputs,
                             const ElementwiseOptions &options,
                             GenericBuilder::Body body);

/// `item` with elements of another type; itself if it has that type.
Item castTo(Call &c, const Item &item, mlir::Type type,
            llvm::StringRef suffix = "");
mlir::Value castTo(Call &c, mlir::Value value, mlir::Type type,
                   llvm::StringRef suffix = "");

} // namespace colossal::normalize

#endif // COLOSSAL_LIB_NORMALIZE_ELEMENTWISE_H
