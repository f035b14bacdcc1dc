//===- GenericEvaluation.h - Evaluates generics -----------------*- C++ -*-===//

#ifndef COLOSSAL_LIB_REFERENCE_GENERICEVALUATION_H
#define COLOSSAL_LIB_REFERENCE_GENERICEVALUATION_H

#include "colossal/Reference/LoopNest.h"

namespace colossal::reference {

/// The fast path for sums of products of two operands; nothing if it does not
/// apply. Contraction.cpp.
std::optional<Tensor> evaluateContraction(GenericOp op, const LoopNest &nest,
                                          llvm::ArrayRef<TensorRef> operands,
                                          const Options &options);

/// Every generic, by its loops. Generic.cpp.
mlir::FailureOr<Tensors> evaluateLoops(GenericOp op,
                                       llvm::ArrayRef<TensorRef> operands,
                                       const Place &place,
                                       const Options &options);

} // namespace colossal::reference

#endif // COLOSSAL_LIB_REFERENCE_GENERICEVALUATION_H
