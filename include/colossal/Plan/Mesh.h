//===- Mesh.h - Meshes, states of values and reshards -----------*- C++ -*-===//
//
// The state of a value over a mesh: per axis replicated, cut along a
// sub-dimension, or a partial result. Where two axes cut one sub-dimension,
// the first axis of the mesh is the major one; time, the pseudo-axis of
// microbatches, is major to all. Uneven cuts are padded: a local bound is the
// ceiling, and costs count the padded size.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_PLAN_MESH_H
#define COLOSSAL_PLAN_MESH_H

#include "colossal/Cost/Cost.h"
#include "colossal/Plan/Program.h"

#include <set>

namespace colossal::plan {

struct Axis {
  std::string name;
  int64_t size = 1;
};

/// A mesh of the devices of one stage; every stage has the same.
struct Mesh {
  std::vector<Axis> axes; ///< at most two
  int64_t stages = 1;
  int64_t devicesPerStage() const;
};

/// Per mesh axis: `replicated`, `partialOf(combiner)`, or the number of the
/// sub-dimension that it cuts.
using Sharding = std::vector<int>;
constexpr int replicated = -1;
constexpr int partialOf(Combiner combiner) { return -2 - int(combiner); }
constexpr int partialSum = partialOf(Combiner::Sum);

constexpr bool isPartial(int axis) { return axis < replicated; }
/// Of a partial axis.
constexpr Combiner combinerOf(int axis) { return Combiner(-2 - axis); }

/// Whether axes are partial with different combiners: no value may be, since
/// the order of its reductions would count.
bool mixesCombiners(const Sharding &sharding);

/// "R", "S1", "P" (of sums) or "Pmax" per axis, joined by '.', for texts and
/// tests.
std::string nameOf(const Sharding &sharding);

/// The local bound of `bound` cut over the axes of `sharding` that cut
/// sub-dimension `sub`, then into `microbatches` parts.
int64_t localBound(int64_t bound, const Mesh &mesh, const Sharding &sharding,
                   int sub, int64_t microbatches = 1);

/// Bytes on one device. `batchSubDim` >= 0: that sub-dimension is cut into
/// `microbatches` parts as well.
int64_t localBytes(const ProgramValue &value, const Mesh &mesh,
                   const Sharding &sharding, int batchSubDim,
                   int64_t microbatches);

/// True if every axis may cut its sub-dimension: the bound is at least the
/// product of the sizes of its axes.
bool isLegal(const ProgramValue &value, const Mesh &mesh,
             const Sharding &sharding);

/// All legal states, in a fixed order. `cuttable`: per sub-dimension whether an
/// axis may cut it. `partials`: of which combiners states may be partial.
std::vector<Sharding> statesOf(const ProgramValue &value, const Mesh &mesh,
                               const std::vector<bool> &cuttable,
                               const std::set<Combiner> &partials);

/// Time of the reshard that changes one axis, or nothing if it is no single
/// collective: an axis joins or leaves a sub-dimension only as its minor-most.
/// Sizes as in localBytes.
///   P -> R all-reduce, P -> S reduce-scatter, S -> R all-gather,
///   S -> S' all-to-all, R -> S local slice, R -> P local mask
class Reshards {
public:
  Reshards(const machine::Cluster &cluster, const Mesh &mesh);
  std::optional<int64_t> time(const ProgramValue &value, const Sharding &from,
                              const Sharding &to, int batchSubDim,
                              int64_t microbatches) const;
  const machine::Span &spanOf(int axis) const { return spans[axis]; }

private:
  const machine::Cluster &cluster;
  Mesh mesh;
  std::vector<machine::Span> spans; ///< per axis
};

} // namespace colossal::plan

#endif // COLOSSAL_PLAN_MESH_H
