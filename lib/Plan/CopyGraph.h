//===- CopyGraph.h - What the loop of a plan computes and holds -*- C++ -*-===//
//
// Forward and backward of a plan as steps (nodes and reshards) that read and
// write copies of values (Plan.h). Arguments and what the prologue makes are
// left out: they are there all the time. So are values inside a node, which
// its kernels need not store.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_LIB_PLAN_COPYGRAPH_H
#define COLOSSAL_LIB_PLAN_COPYGRAPH_H

#include "colossal/Plan/Plan.h"

namespace colossal::plan {

struct CopyGraph {
  struct Copy {
    RecomputedCopy name;
    int64_t bytes = 0;      ///< on one device, of one microbatch
    int producer = 0;       ///< step
    std::vector<int> users; ///< steps, rising
    /// A result of the program or used by the update: there until the end.
    bool isHeld = false;
    /// A sum over the microbatches: added up where it is produced.
    bool isSum = false;
    /// Made element by element from copies, `sources`, and from what is there
    /// all the time: cheap enough to be made more than once.
    bool isElementwise = false;
    std::vector<int> sources;
  };
  struct Step {
    Segment segment = Segment::Forward;
    int stage = 0;
    int block = 0;
    int node = -1; ///< -1: a reshard
    int64_t timeNs = 0;
    std::vector<int> reads, writes; ///< copies
  };
  std::vector<Copy> copies;
  std::vector<Step> steps; ///< all of forward, then backward, in order
};

CopyGraph buildCopyGraph(const Program &program, const Batching &batching,
                         const std::vector<OpNode> &nodes,
                         const std::vector<int> &blockOfNode, const Plan &plan,
                         const PlanTimes &times);

/// What one stage holds of the copies, in bytes, and what that takes.
struct CopyMemory {
  int64_t kept = 0; ///< of a microbatch whose backward has not begun
  int64_t forward = 0, backward = 0; ///< peaks of one microbatch
  int64_t repeatedNs = 0;            ///< time of the steps that are done again
  std::vector<bool> forEachUse;      ///< per copy, as Plan.h says

  /// With so many microbatches in flight.
  int64_t peak(int64_t inFlight) const {
    return (inFlight - 1) * kept + std::max(forward, backward);
  }
};

/// Follows a microbatch forward and back. `recomputed`: per copy whether
/// backward gets it by doing its step again, right before its first use there.
/// With `forEachUse` those that are made element by element, from what is there
/// at their last use anyway, are made for each use.
CopyMemory memoryOf(const CopyGraph &graph, int stage,
                    const std::vector<bool> &recomputed,
                    bool forEachUse = false);

} // namespace colossal::plan

#endif // COLOSSAL_LIB_PLAN_COPYGRAPH_H
