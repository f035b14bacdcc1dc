//===- Sort.h - Elements in order -------------------------------*- C++ -*-===//

#ifndef COLOSSAL_LIB_NORMALIZE_SORT_H
#define COLOSSAL_LIB_NORMALIZE_SORT_H

#include "Shapes.h"

namespace colossal::normalize {

/// The places of the first `count` elements of `x` in the order of dimension
/// `dim`: [.., count, ..], i64. Equal elements stay in their order; a NaN is
/// beyond all numbers. Without a derivative.
mlir::Value placesInOrder(Call &c, mlir::Value x, int64_t dim, int64_t count,
                          bool descending);

/// False, with an error, if dimension `dim` of that shape has more elements
/// than are ordered.
bool canBeOrdered(Call &c, llvm::ArrayRef<int64_t> shape, int64_t dim);

} // namespace colossal::normalize

#endif // COLOSSAL_LIB_NORMALIZE_SORT_H
