//===- Reshards.h - What placed values take, and moving them ----*- C++ -*-===//
//
// Placements of a program's values (colossal/Layout) in bytes and in time.
// The search enumerates them, so they are costed from placements directly and
// no Layout is made. Uneven cuts are padded: costs count the padded size.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_PLAN_RESHARDS_H
#define COLOSSAL_PLAN_RESHARDS_H

#include "colossal/Cost/Cost.h"
#include "colossal/Layout/Placements.h"
#include "colossal/Plan/Program.h"

namespace colossal::plan {

using layout::Axis;
using layout::combinerOf;
using layout::isPartial;
using layout::Mesh; // without time: the microbatches are searched
using layout::nameOf;
using layout::partialOf;
using layout::partialSum;
using layout::Placements;
using layout::replicated;

/// The local bound of a sub-dimension of size `bound` that is cut into
/// `microbatches` parts as well.
int64_t localBound(int64_t bound, const Mesh &mesh,
                   const Placements &placements, int sub,
                   int64_t microbatches = 1);

/// Bytes on one device. `batchSubDim` >= 0: that sub-dimension is cut into
/// `microbatches` parts as well.
int64_t localBytes(const ProgramValue &value, const Mesh &mesh,
                   const Placements &placements, int batchSubDim,
                   int64_t microbatches);

/// Time of the collective that changes one axis (layout::stepBetween); nothing
/// if there is none, or none that pays: only parts of a sum are made of a
/// value. Sizes as in localBytes.
class Reshards {
public:
  Reshards(const machine::Cluster &cluster, const Mesh &mesh);
  std::optional<int64_t> time(const ProgramValue &value, const Placements &from,
                              const Placements &to, int batchSubDim,
                              int64_t microbatches) const;
  const machine::Span &spanOf(int axis) const { return spans[axis]; }

private:
  const machine::Cluster &cluster;
  Mesh mesh;
  std::vector<machine::Span> spans; ///< per axis
};

} // namespace colossal::plan

#endif // COLOSSAL_PLAN_RESHARDS_H
