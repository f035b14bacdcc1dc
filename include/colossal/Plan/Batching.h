//===- Batching.h - The batch, cut over time --------------------*- C++ -*-===//
//
// Microbatches are an axis, `time`: forward and backward ops cut the batch
// factor over it. This analysis follows the batch from the arguments through
// the program. In the loop over the microbatches a value is
//   cut      along its batch sub-dimension,
//   partial  a sum over the microbatches (an accumulator), or
//   whole    the same for every microbatch: it does not come from the batch.
// An op that has a batch factor needs what it accesses by it cut. A whole value
// that has the batch's shape (zeros, a mask, an expanded parameter, a constant
// gradient) is computed in parts if every user wants it so; else Partition
// takes the part.
//
// A sum over the microbatches that must be complete: what depends on the batch
// and on buffers that the step leaves alone is computed before the loop, on the
// whole batch; what nothing in the loop needs is computed behind it. Else one
// microbatch alone is legal.
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
  /// compute is complete only over the batch and is used inside the loop.
  std::vector<int> hoisted;
  /// Ops that must run after the microbatches, in the update: they need sums
  /// that are complete, or are the new value of a state.
  std::vector<int> sunk;
  /// Whether more than one microbatch keeps the meaning; if not, why. Then
  /// nothing moves.
  bool divisible = true;
  std::string reason;
  /// Sets of operands, per op, that are sums over the microbatches and that
  /// are not listed as linear. The list is not complete; who knows the op may
  /// add them and analyze again.
  std::vector<std::pair<int, std::vector<int>>> unlisted;
};

Batching analyzeBatching(const Program &program);

/// Backward ops that only add up sums over the microbatches, for the update:
/// they may as well run in the update, once.
std::vector<int> sumsForUpdate(const Program &program,
                               const Batching &batching);

/// Divisors of the batch up to kMaxCount, rising.
std::vector<int64_t> microbatchCounts(const Batching &batching);

} // namespace colossal::plan

#endif // COLOSSAL_PLAN_BATCHING_H
