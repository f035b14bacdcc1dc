//===- KnownValues.h - Tensors that no data changes -------------*- C++ -*-===//
//
// What follows from constants and sizes alone is computed here, by the
// interpreter, when a row asks for it as a number: a size that a trace computes
// in several steps, a limit, a condition.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_LIB_NORMALIZE_KNOWNVALUES_H
#define COLOSSAL_LIB_NORMALIZE_KNOWNVALUES_H

#include "colossal/Reference/Tensor.h"
#include "mlir/IR/Value.h"
#include "llvm/ADT/DenseMap.h"

namespace colossal::normalize {

class KnownValues {
public:
  /// The elements of `tensor`, rounded to its type; null if they depend on an
  /// argument of the function, or take long to compute. Nothing is reported.
  reference::TensorRef of(mlir::Value tensor);

private:
  /// Null where asked in vain.
  llvm::DenseMap<mlir::Value, reference::TensorRef> values;
};

} // namespace colossal::normalize

#endif // COLOSSAL_LIB_NORMALIZE_KNOWNVALUES_H
