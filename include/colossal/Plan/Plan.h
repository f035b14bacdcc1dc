//===- Plan.h - How a program runs on a cluster -----------------*- C++ -*-===//
//
// The answer of the search, in terms of the program: everything that a pass
// has to write into the IR, and nothing that depends on the solver.
//
// Copies. A value exists in the state in which its op leaves it; a *reshard*
// makes another copy of it, from the value itself or from an earlier copy. A
// use names the copy that it reads. A reshard is paid in its segment; a copy
// of an earlier segment is kept until then. A copy of forward that is
// *recomputed* is not kept: what makes it runs again, right before the first
// use in backward, from copies that are kept or recomputed as well.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_PLAN_PLAN_H
#define COLOSSAL_PLAN_PLAN_H

#include "colossal/Plan/Formulation.h"
#include "colossal/Timeline/Schedule.h"

namespace colossal::plan {

/// What one mesh axis does in an op.
struct PlannedAxis {
  int factor = -1;         ///< cuts this factor; -1: none
  std::vector<int> linear; ///< or: these operands are partial sums
};

struct PlannedOp {
  int stage = 0;
  Segment segment = Segment::Forward;
  std::vector<PlannedAxis> axes; ///< per mesh axis
};

/// The copy that a use reads: the value itself, or a reshard.
constexpr int originalCopy = -1;

struct PlannedReshard {
  int value = 0;
  int source = originalCopy; ///< reshard that it starts from
  Segment segment = Segment::Forward;
  int stage = 0;
  Placements from, to;
};

struct PlannedUse {
  int op = 0, operand = 0;
  int copy = originalCopy;
};

/// A copy of a value that forward makes.
struct RecomputedCopy {
  int value = 0;
  int copy = originalCopy;
  /// Not held from its first use in backward to its last: made for each of
  /// those that others lie between.
  bool forEachUse = false;
};
inline bool operator==(const RecomputedCopy &a, const RecomputedCopy &b) {
  return a.value == b.value && a.copy == b.copy && a.forEachUse == b.forEachUse;
}

/// Predictions for one stage; ns and bytes per device.
struct StagePrediction {
  timeline::StageTimes times;
  int64_t recomputeNs = 0;     ///< part of the time of backward
  int64_t communicationNs = 0; ///< of one step, inside the stage
  int64_t stateBytes = 0;      ///< parameters, optimizer state, batch
  int64_t accumulatorBytes = 0;
  int64_t activationBytes = 0; ///< of one microbatch in flight
  int64_t inFlight = 1;
  int64_t transientBytes = 0; ///< peak of what a segment needs besides
  /// The most that lives at one time on a device, which may have other stages
  /// as well; for one stage at most the sum of the above.
  int64_t peakBytes = 0;
};

struct Plan {
  Mesh mesh;
  int64_t microbatches = 1;
  ScheduleKind schedule = ScheduleKind::OneFOneB;
  std::vector<PlannedOp> ops;          ///< per op of the program
  std::map<int, Placements> arguments; ///< stored states
  std::map<int, int> argumentStages;   ///< of state arguments
  /// The plan of another program says where state lives, not the uses here.
  bool sharesState = false;
  std::vector<PlannedReshard> reshards;
  std::vector<PlannedUse> uses; ///< those that do not read the original
  std::map<int, int> results;   ///< program result -> copy; original if absent
  std::vector<RecomputedCopy> recomputed; ///< by value, then copy

  std::vector<StagePrediction> stages;
  std::vector<timeline::BoundaryTimes> boundaries;
  int64_t stepNs = 0;
};

/// The state of the original copy of a value, from the axes of its op.
Placements producedSharding(const Program &program, const Plan &plan,
                            int value);

/// What backward leaves to the update, gradients for the most part, in the
/// states in which it does: values once for each of their copies.
std::vector<std::pair<int, Placements>> leftByBackward(const Program &program,
                                                       const Plan &plan);

/// Predicted times of one execution, ns: per node, and per reshard of the plan
/// (0 where it is part of its node's time).
struct PlanTimes {
  std::vector<int64_t> nodes, reshards;
};

/// Checks a plan against the program: that every use reads a copy in the state
/// that its op's axes imply, that copies follow from each other, that stages
/// and segments are in order. One message per fault.
std::vector<std::string> verifyPlan(const Program &program, const Plan &plan);

/// Translates a solution, copy by copy. `stageOfPiece`: per piece; every piece
/// in stage 0 for a plan without a pipeline. `times`: may be null.
Plan assemble(const Program &program, const std::vector<OpNode> &nodes,
              const Pieces &pieces, const Formulation &formulation,
              const Solution &solution, const std::vector<int> &stageOfPiece,
              PlanTimes *times = nullptr);

} // namespace colossal::plan

#endif // COLOSSAL_PLAN_PLAN_H
