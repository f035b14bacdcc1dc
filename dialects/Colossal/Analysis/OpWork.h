//===- OpWork.h - What a factored op costs, by its factors -----*- C++ -*-===//
//
// Reads the kind of work and the role of every factor off an op, so that the
// cost model needs no op names: a matrix product, fused attention, or a loop
// nest with so many scalar operations per iteration.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_ANALYSIS_OPWORK_H
#define COLOSSAL_ANALYSIS_OPWORK_H

#include "Colossal/IR/ColossalDialect.h"

namespace colossal {

/// What a factor is.
///   Product:   Batch (both operands and the result), Rows (left operand and
///              result), Columns (right operand and result), Inner (the sum)
///   Attention: Batch, Queries, Keys, QueryFeatures, ValueFeatures
///   Loop:      Loop, or Free: not iterated (the index of a one-hot sum)
enum class FactorRole {
  Loop,
  Free,
  Batch,
  Rows,
  Columns,
  Inner,
  Queries,
  Keys,
  QueryFeatures,
  ValueFeatures
};

struct OpWork {
  enum class Kind { Loop, Product, Attention } kind = Kind::Loop;
  llvm::SmallVector<FactorRole> roles; ///< per factor
  /// Loop: scalar float operations of the body, by what they cost.
  int64_t simple = 0, divisions = 0, exponentials = 0, tangents = 0;
  /// Attention: the body compares a query's index with a key's.
  bool causal = false;
  bool backward = false;
};

OpWork analyzeWork(FactoredOp op);

/// Scalar operations of one evaluation of the body, roughly; a transcendental
/// counts 16.
int64_t bodyWork(GenericOp op);

} // namespace colossal

#endif // COLOSSAL_ANALYSIS_OPWORK_H
