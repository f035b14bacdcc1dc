//===- Join.h - Tensors side by side ----------------------------*- C++ -*-===//

#ifndef COLOSSAL_LIB_NORMALIZE_JOIN_H
#define COLOSSAL_LIB_NORMALIZE_JOIN_H

#include "Shapes.h"

namespace colossal::normalize {

/// Values of one shape along a new dimension `dim`. `g` is empty.
mlir::Value stackOf(GenericBuilder g, llvm::ArrayRef<mlir::Value> values,
                    int64_t dim, mlir::Type type);

/// Values of one shape one after the other in dimension `dim`. Their number is
/// a major sub-dimension of the result, so that halves that are joined meet
/// halves that were split.
mlir::Value concatenationOf(GenericBuilder g,
                            llvm::ArrayRef<mlir::Value> values, int64_t dim,
                            mlir::Type type);

} // namespace colossal::normalize

#endif // COLOSSAL_LIB_NORMALIZE_JOIN_H
