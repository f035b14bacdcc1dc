//===- Span.h - Which links a group of ranks communicates over --*- C++ -*-===//
//
// Ranks are numbered group-major: rank = group * (devices per group) + mesh
// coordinate, the last mesh axis fastest. A collective over some mesh axes
// runs in many groups at the same time, one for every value of the other
// coordinates. A `Span` says how such a group lies in the hierarchy of links.
//
// Notation: a group touches `ways[l]` groups of level l-1 inside each group
// of level l it touches (level -1: single devices). The product of `ways` is
// the group's size, where groups lie regularly; else at least its size.
//
// Example: 2 nodes of 4, mesh [data=2, tensor=4]: tensor spans {4, 1}, data
// {1, 2}, both axes together {4, 2}.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_MACHINE_SPAN_H
#define COLOSSAL_MACHINE_SPAN_H

#include "colossal/Machine/Cluster.h"

#include <cstdint>
#include <vector>

namespace colossal::machine {

struct Span {
  std::vector<int64_t> ways; ///< one per link level of the cluster

  /// Number of ranks in the group (the product of `ways`).
  int64_t size() const;
  /// The highest level with more than one way; -1 for a group of one.
  int64_t worstLevel() const;
};

/// The span of a list of ranks.
/// \pre every rank is in [0, cluster.devices)
Span spanOfRanks(const Cluster &cluster, const std::vector<int64_t> &ranks);

/// The worst span of the groups that differ only in the mesh axes `axes`
/// (indices into `mesh`, the sizes of the axes), over all coordinates and all
/// `groups` device groups. Worst: the most ways at the highest level, then at
/// the next one. Looks at every rank once.
/// \pre groups * (product of mesh) <= cluster.devices
Span spanOfAxes(const Cluster &cluster, const std::vector<int64_t> &mesh,
                const std::vector<int64_t> &axes, int64_t groups = 1);

/// The worst span of the pairs (same coordinate, group `from`) and (same
/// coordinate, group `to`): what a send between two groups runs over.
Span spanOfGroups(const Cluster &cluster, int64_t devicesPerGroup, int64_t from,
                  int64_t to);

} // namespace colossal::machine

#endif // COLOSSAL_MACHINE_SPAN_H
