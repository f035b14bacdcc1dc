//===- Backward.h - Reverse mode over a forward program --------*- C++ -*-===//

#ifndef COLOSSAL_LIB_DIFFERENTIATE_BACKWARD_H
#define COLOSSAL_LIB_DIFFERENTIATE_BACKWARD_H

#include "Colossal/IR/ColossalDialect.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace colossal {

/// Appends, before the return of `function`, the gradients of its result
/// `lossIndex` (a scalar) with respect to `parameters`; null for one the loss
/// does not depend on, a constant 0 where it depends by steps alone (floor).
/// Backward ops have the attributes pass and forward_of.
///
/// Groups are units: of a group's inner values only those marked `keep` or used
/// outside cross to the backward pass; the others are computed again there.
///
/// All gradients are multiplied by `scale`: a scalar, f32, or null for
/// `fixedScale`.
mlir::FailureOr<llvm::SmallVector<mlir::Value>>
appendBackward(mlir::func::FuncOp function, unsigned lossIndex,
               llvm::ArrayRef<mlir::Value> parameters, mlir::Value scale = {},
               double fixedScale = 1.0);

} // namespace colossal

#endif // COLOSSAL_LIB_DIFFERENTIATE_BACKWARD_H
