//===- Batching.h - The batch, cut over time --------------------*- C++ -*-===//
//
// Microbatches are an axis, `time`: forward and backward ops cut the batch
// factor over it. This analysis follows the batch from the arguments through
// the program and says which factor and sub-dimension is cut, what is a sum
// over time (an accumulator), and what must be computed before the loop.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_PLAN_BATCHING_H
#define COLOSSAL_PLAN_BATCHING_H

#include "colossal/Plan/Program.h"

namespace colossal::plan {

struct Batching {
  /// Per op the factor that is the batch; -1: none.
  std::vector<int> factors;
  /// Per value the sub-dimension that is the batch; -1: none.
  std::vector<int> subDims;
  /// Per value whether it is a sum over the microbatches.
  std::vector<bool> partial;
  /// Per value whether it depends on batch and controls alone.
  std::vector<bool> batchOnly;
  /// Largest bound of a batch factor; 1 if the program has no batch.
  int64_t batch = 1;
  /// Ops that must run before the microbatches, on the whole batch: what they
  /// compute is complete only over the batch, is used inside the loop, and
  /// depends on batch and controls alone.
  std::vector<int> hoisted;
  /// Whether more than one microbatch keeps the meaning; if not, why.
  bool divisible = true;
  std::string reason;
};

Batching analyzeBatching(const Program &program);

/// Divisors of the batch, rising.
std::vector<int64_t> microbatchCounts(const Batching &batching);

} // namespace colossal::plan

#endif // COLOSSAL_PLAN_BATCHING_H
