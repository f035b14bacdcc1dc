//===- Reshard.h - From one layout to another by collectives ----*- C++ -*-===//
//
// A reshard is a path in the graph whose nodes are layouts of one value and
// whose edges are collectives over one or several axes. The path of least cost
// is searched.
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

#ifndef COLOSSAL_LAYOUT_RESHARD_H
#define COLOSSAL_LAYOUT_RESHARD_H

#include "colossal/Layout/Layout.h"

#include <functional>

namespace colossal::layout {

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
  Axes axes; ///< major first
  Combiner combiner = Combiner::Sum;
  int64_t outer = 1, extent = 1, innermost = 1;
  int64_t xExtent = 1, middle = 1, yExtent = 1; ///< AllToAll
  bool gatherX = true;                          ///< AllToAll
  Layout after;
};

/// Whether a value that all ranks hold can be made partial: where zero is
/// neutral it is kept on one rank; where equal values combine to the same value
/// it is its own part.
bool mayBecomePartial(Combiner combiner);

/// What a step costs, at least 1. `elements` are those on a rank before it, but
/// after it of an all-gather (which is then the larger) and of a slice.
using StepCost =
    std::function<int64_t(StepKind kind, const Axes &axes, int64_t elements)>;

/// Bytes sent per rank, and for each message as much as its latency is worth:
/// what is used where the links are not known.
StepCost bytesSent(const Mesh &mesh, int64_t elementBytes);

/// The cheapest legal sequence, empty if nothing is to be done; nothing if
/// there is none, which happens only where `time` would have to be gathered,
/// moved or reduced, or a product made of parts. Deterministic.
/// \pre `from` and `to` have the same structure
std::optional<std::vector<ReshardStep>> planReshard(const Layout &from,
                                                    const Layout &to,
                                                    const Mesh &mesh,
                                                    const StepCost &cost);

} // namespace colossal::layout

#endif // COLOSSAL_LAYOUT_RESHARD_H
