//===- KeptDerivatives.h - Derivatives that forward computes ----*- C++ -*-===//

#ifndef COLOSSAL_LIB_DIFFERENTIATE_KEPTDERIVATIVES_H
#define COLOSSAL_LIB_DIFFERENTIATE_KEPTDERIVATIVES_H

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace colossal {

/// Where all that backward wants of a value of forward is one function of it,
/// and that is costly (the derivative of GELU), forward computes the function,
/// and its result is kept in place of the value: as many bytes, and what both
/// have in common (an erf) is computed once. Floats of 16 bits stay as they
/// are: the derivative would be rounded.
void keepDerivatives(mlir::func::FuncOp function);

} // namespace colossal

#endif // COLOSSAL_LIB_DIFFERENTIATE_KEPTDERIVATIVES_H
