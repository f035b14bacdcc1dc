//===- Constants.h - Constants of an aten program ---------------*- C++ -*-===//

#ifndef COLOSSAL_LIB_NORMALIZE_CONSTANTS_H
#define COLOSSAL_LIB_NORMALIZE_CONSTANTS_H

#include "Call.h"

namespace colossal::normalize {

/// A float, integer or truth value.
std::optional<Scalar> numberOf(mlir::Attribute attribute);

/// A generic that computes the elements from their index: one value, a
/// sequence with a constant step, or a choice.
mlir::Value constantTensor(Interpreter &state, mlir::Location loc,
                           mlir::DenseElementsAttr elements);

/// A vector of these numbers, i64.
Item listOf(Call &c, llvm::ArrayRef<int64_t> numbers);

/// Binds the result of a constant. A 0-d tensor is a known number; a tensor
/// with dimensions becomes a generic that chooses by index.
mlir::LogicalResult interpretConstant(Interpreter &state, AtenConstantOp op);

} // namespace colossal::normalize

#endif // COLOSSAL_LIB_NORMALIZE_CONSTANTS_H
