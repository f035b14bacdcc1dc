//===- Recompute.h - Which copies backward computes again -------*- C++ -*-===//
//
// Activations cost memory from forward to backward; computing them again costs
// time. Given a plan, each block (a piece on a stage) may take one of its
// options (bytes saved against time, on the convex hull): steps of least time
// per byte are taken, over all copies of a block in the order of the program,
// until the stage fits. So 20 of 32 layers may compute again, and a layer may
// do so with its norms and activations alone, or with its products.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_PLAN_RECOMPUTE_H
#define COLOSSAL_PLAN_RECOMPUTE_H

#include "colossal/Plan/Stages.h"

namespace colossal::plan {

/// What the pin `recompute` asks for.
constexpr int64_t recomputeAll = -1;

struct RecomputeRequest {
  /// Bytes of a stage, as StagePrediction::peakBytes counts them.
  int64_t memoryBytes = 0;
  /// So many blocks with their leanest option, whatever the budget;
  /// `recomputeAll`: every block that has one.
  std::optional<int64_t> blocks;
  /// Nothing is made more than once in backward.
  bool holdsRepeated = false;
};

struct Recomputation {
  std::vector<RecomputedCopy> copies; ///< rising
  int64_t blocksWithOption = 0;
  /// Those of the plan, changed: times, memory.
  std::vector<StagePrediction> stages;
};

/// Chooses for a plan without recomputation whose `stages` are predicted.
/// `blockOfNode`: the blocks. Where nothing fits, the choice that needs least
/// memory.
Recomputation chooseRecomputation(const Program &program,
                                  const Batching &batching,
                                  const std::vector<OpNode> &nodes,
                                  const std::vector<int> &blockOfNode,
                                  const Plan &plan, const PlanTimes &times,
                                  const RecomputeRequest &request);

} // namespace colossal::plan

#endif // COLOSSAL_PLAN_RECOMPUTE_H
