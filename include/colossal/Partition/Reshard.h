//===- Reshard.h - From one sharding to another by collectives --*- C++ -*-===//
//
// A reshard is a path in the graph whose nodes are shardings of one value and
// whose edges are collectives over one or several axes. The path of least cost
// is searched; cost is bytes sent per rank plus a fixed charge per message.
//
// An axis joins or leaves a sub-dimension only as the minor-most, and only if
// parts fit into parts: with 5 elements over 2 x 2 ranks the bounds 3 (one
// axis) and 2 (both axes) do not nest, 2 * 2 != 3, so both axes are gathered
// in one step (the whole is always legal) and the part is cut anew.
//
// `time` may cut (a slice by the number of the microbatch); it is never
// gathered or reduced: a value that is partial over time is an accumulator.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_PARTITION_RESHARD_H
#define COLOSSAL_PARTITION_RESHARD_H

#include "colossal/Partition/ShardState.h"

namespace colossal::partition {

enum class StepKind {
  AllReduce,
  ReduceScatter,
  AllGather,
  AllToAll,
  Slice,
  Mask, ///< replicated to partial; nothing to do where the combiner is max
};

/// One collective. Views as in CollectiveOps.td; fields that a kind does not
/// use keep their defaults.
struct ReshardStep {
  StepKind kind = StepKind::AllReduce;
  llvm::SmallVector<unsigned, 2> axes; ///< major first
  FactorKind combiner = FactorKind::Sum;
  int64_t outer = 1, extent = 1, innermost = 1;
  int64_t xExtent = 1, middle = 1, yExtent = 1; ///< AllToAll
  bool gatherX = true;                          ///< AllToAll
  ShardState after;
};

/// The cheapest legal sequence, empty if nothing is to be done; nothing if
/// there is none, which happens only where `time` would have to be gathered,
/// moved or reduced. Deterministic.
/// \pre `from` and `to` have the same structure
std::optional<std::vector<ReshardStep>> planReshard(const ShardState &from,
                                                    const ShardState &to,
                                                    const Mesh &mesh,
                                                    int64_t elementBytes);

} // namespace colossal::partition

#endif // COLOSSAL_PARTITION_RESHARD_H
