//===- RecomputeOptions.h - What a block may compute again ------*- C++ -*-===//
//
// For each block the points of memory against time on the lower convex hull:
// which copies backward gets by computing them again. A point minimises
//   bytes kept for backward + price * time of the steps that run again,
// a minimum cut: a copy on the target's side is there in backward; what crosses
// the cut is kept; a step on the target's side runs again, which needs its
// operands there. What leaves the block for later ones is not computed again:
// they may start from it.
//
// Sources: the partitioner of torch.compile cuts a graph of the same form by
// bytes alone (AOTAutograd, min_cut_rematerialization_partition); the price on
// steps makes it a selection of projects (J. M. W. Rhys, 1970).
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_LIB_PLAN_RECOMPUTEOPTIONS_H
#define COLOSSAL_LIB_PLAN_RECOMPUTEOPTIONS_H

#include "CopyGraph.h"

namespace colossal::plan {

struct RecomputeOption {
  std::vector<int> copies; ///< of the graph, rising
  int64_t timeNs = 0;      ///< of the steps that run again
  int64_t bytes = 0;       ///< that are kept less, of one microbatch; positive
};

/// The forward steps of one block on one stage.
struct RecomputeBlock {
  int stage = 0;
  /// Rising in bytes, in time and in time per byte.
  std::vector<RecomputeOption> options;
};

/// Blocks that have an option, in the order of the program.
std::vector<RecomputeBlock> recomputeBlocks(const CopyGraph &graph);

} // namespace colossal::plan

#endif // COLOSSAL_LIB_PLAN_RECOMPUTEOPTIONS_H
