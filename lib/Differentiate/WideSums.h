//===- WideSums.h - Gradients whose sums are not rounded --------*- C++ -*-===//

#ifndef COLOSSAL_LIB_DIFFERENTIATE_WIDESUMS_H
#define COLOSSAL_LIB_DIFFERENTIATE_WIDESUMS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace colossal {

/// The gradient of a parameter's copy in 16 bits, which is only widened to be
/// that of the parameter, is f32 from the start: the products that make it give
/// the sums they have in f32, and what adds or moves these does so in f32. So
/// the parts of a gradient that microbatches and ranks have are not rounded
/// before they are added up.
void keepWideSums(mlir::func::FuncOp function);

/// Sums of 16 bits that grow in memory, at places that ids determine, are f32
/// and rounded by an op of their own when they are complete. All other sums
/// grow in registers, which hold f32.
void roundSumsAtTheEnd(mlir::func::FuncOp function);

} // namespace colossal

#endif // COLOSSAL_LIB_DIFFERENTIATE_WIDESUMS_H
