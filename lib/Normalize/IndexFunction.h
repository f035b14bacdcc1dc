//===- IndexFunction.h - Tensors that are functions of indices --*- C++ -*-===//
//
// Masks, position numbers and filled tensors are generics without operands,
// or elementwise generics of such. Where an op has room for it, the expression
// moves into its body and the tensor disappears.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_LIB_NORMALIZE_INDEXFUNCTION_H
#define COLOSSAL_LIB_NORMALIZE_INDEXFUNCTION_H

#include "colossal/Normalize/ScalarBuilder.h"
#include <optional>

namespace colossal::normalize {

/// True if no element depends on a function argument.
bool isIndexFunction(mlir::Value tensor);

/// The element of an index function at `indices` (i64, one a dimension), as
/// ops of the body that `s` builds.
mlir::Value elementAt(ScalarBuilder &s, mlir::Value tensor,
                      llvm::ArrayRef<mlir::Value> indices);

/// If every element is the index in one dimension plus a constant (position
/// numbers): that dimension and the constant.
std::optional<std::pair<int64_t, int64_t>> matchPositions(mlir::Value tensor);

/// If the elements of a list are start, start + step...: both.
std::optional<std::pair<int64_t, int64_t>> matchProgression(mlir::Value list);

} // namespace colossal::normalize

#endif // COLOSSAL_LIB_NORMALIZE_INDEXFUNCTION_H
