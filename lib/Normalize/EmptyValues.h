//===- EmptyValues.h - Ops without iterations -------------------*- C++ -*-===//

#ifndef COLOSSAL_LIB_NORMALIZE_EMPTYVALUES_H
#define COLOSSAL_LIB_NORMALIZE_EMPTYVALUES_H

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace colossal::normalize {

/// Replaces ops that iterate over nothing by constants.
void removeEmptyValues(mlir::func::FuncOp function);

} // namespace colossal::normalize

#endif // COLOSSAL_LIB_NORMALIZE_EMPTYVALUES_H
