//===- Placements.h - A layout, told by mesh axis ---------------*- C++ -*-===//
//
// The same as a Layout without sizes, told the other way round, as PyTorch's
// DTensor does: each mesh axis replicates the value, cuts one of its
// sub-dimensions, or has partial results of it. It is what a search enumerates.
// Where several axes cut one sub-dimension, earlier axes are major.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_LAYOUT_PLACEMENTS_H
#define COLOSSAL_LAYOUT_PLACEMENTS_H

#include "colossal/Layout/Reshard.h"

#include <set>

namespace colossal::layout {

/// Per mesh axis: `replicated`, `partialOf(combiner)`, or the number of the
/// sub-dimension that it cuts.
using Placements = std::vector<int>;
constexpr int replicated = -1;
constexpr int partialOf(Combiner combiner) { return -2 - int(combiner); }
constexpr int partialSum = partialOf(Combiner::Sum);

constexpr bool isPartial(int axis) { return axis < replicated; }
/// Of a partial axis.
constexpr Combiner combinerOf(int axis) { return Combiner(-2 - axis); }

/// Whether axes are partial with different combiners: no value may be, since
/// the order of its reductions would count.
bool mixesCombiners(const Placements &placements);

/// "R", "S1", "P" (of sums) or "Pmax" per axis, joined by '.', for texts and
/// tests.
std::string nameOf(const Placements &placements);

/// `whole` placed so.
/// \pre the sub-dimensions that are named exist
Layout layoutOf(const Layout &whole, const Placements &placements,
                const Mesh &mesh);

/// Into how many parts sub-dimension `sub` is cut.
int64_t partsOf(int sub, const Placements &placements, const Mesh &mesh);

/// True if every axis may cut its sub-dimension: there are at least as many
/// elements as parts.
bool isLegal(const std::vector<int64_t> &sizes, const Placements &placements,
             const Mesh &mesh);

/// All legal placements, in a fixed order. `cuttable`: per sub-dimension
/// whether an axis may cut it. `partials`: of which combiners they may be
/// partial.
std::vector<Placements> legalPlacements(const std::vector<int64_t> &sizes,
                                        const Mesh &mesh,
                                        const std::vector<bool> &cuttable,
                                        const std::set<Combiner> &partials);

/// A collective that changes one axis.
struct AxisStep {
  unsigned axis = 0;
  StepKind kind = StepKind::AllReduce;
};
/// The one that leads from one to the other, if it is one: an axis joins or
/// leaves a sub-dimension only as its minor-most.
///   P -> R all-reduce, P -> S reduce-scatter, S -> R all-gather,
///   S -> S' all-to-all, R -> S slice, R -> P mask
/// Whether parts nest is not asked (see `nests`).
std::optional<AxisStep> stepBetween(const Placements &from,
                                    const Placements &to);

} // namespace colossal::layout

#endif // COLOSSAL_LAYOUT_PLACEMENTS_H
