//===- MatrixProduct.h - Generics that are GEMMs ----------------*- C++ -*-===//
//
// A generic of two operands of f32 or bf16 whose body is their product, summed,
// is a batched matrix product if its factors are of these kinds:
//
//   m in a and the result, n in b and the result, k in a and b,
//   batch in all three.
//
// Several factors of a kind merge into one extent if their strides nest in both
// tensors that have them; factors of m or n that do not merge become batch
// extents (with stride 0 in the other operand). The factors of k must merge.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_SCHEDULE_MATRIXPRODUCT_H
#define COLOSSAL_SCHEDULE_MATRIXPRODUCT_H

#include "Colossal/IR/ColossalDialect.h"
#include "colossal/Run/RankProgram.h"

#include <optional>

namespace colossal::schedule {

struct MatrixProduct {
  rank::Gemm gemm;                  ///< without `accumulate`
  unsigned a = 0;                   ///< which operand is A; the other one is B
  int64_t aOffset = 0, bOffset = 0; ///< elements from the tensor's start
};

/// The product by strides. Nothing if it is none, or if an operand has to be
/// packed first. C's rows are contiguous (cN = 1) where the result allows it.
std::optional<MatrixProduct> matchMatrixProduct(GenericOp op);

/// The order of an operand's factors, major to minor, in which the product
/// would take it: batch (as in the result), then m or n (as in the result),
/// then k (as in the other operand).
llvm::SmallVector<unsigned> packedOrder(GenericOp op, unsigned operand);

} // namespace colossal::schedule

#endif // COLOSSAL_SCHEDULE_MATRIXPRODUCT_H
