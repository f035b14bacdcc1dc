//===- Schedule.h - Pipeline schedules and their simulation -----*- C++ -*-===//
//
// One definition of a schedule serves both sides: Plan simulates it to predict
// the step time, Schedule writes it into the rank program.
//
// A schedule is, per stage, a static list of steps; a stage executes its list
// in order and waits where an input has not arrived. In all schedules
// forwards run in rising order of microbatches, and backwards too: gradients
// are added up in the same order under every schedule, and microbatch m may
// keep its activations in slot m % maximumInFlight.
//
// Units: ns.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_TIMELINE_SCHEDULE_H
#define COLOSSAL_TIMELINE_SCHEDULE_H

#include "colossal/Support/Step.h"

#include <cstdint>
#include <vector>

namespace colossal::timeline {

using colossal::ScheduleKind;
using colossal::Segment;

/// One entry of a stage's list; microbatch is -1 for prologue and update.
struct Step {
  Segment segment = Segment::Prologue;
  int64_t microbatch = -1;
};
bool operator==(const Step &a, const Step &b);

/// The list of `stage`: prologue, forwards and backwards, update.
/// \pre 0 <= stage < stages, microbatches >= 1
std::vector<Step> scheduleOrder(ScheduleKind kind, int64_t stage,
                                int64_t stages, int64_t microbatches);

/// The largest number of microbatches of which `stage` has started forward and
/// not finished backward: GPipe M, 1F1B min(M, stages - stage).
int64_t maximumInFlight(ScheduleKind kind, int64_t stage, int64_t stages,
                        int64_t microbatches);

/// Times of one stage: forward and backward per microbatch, prologue and
/// update once per step.
struct StageTimes {
  int64_t prologueNs = 0;
  int64_t forwardNs = 0;
  int64_t backwardNs = 0;
  int64_t updateNs = 0;
};

/// Times of boundary i between stages i and i + 1, one microbatch.
struct BoundaryTimes {
  int64_t forwardNs = 0;  ///< activations, i to i + 1
  int64_t backwardNs = 0; ///< gradients, i + 1 to i
};

struct Pipeline {
  ScheduleKind kind = ScheduleKind::OneFOneB;
  int64_t microbatches = 1;
  std::vector<StageTimes> stages;
  std::vector<BoundaryTimes> boundaries; ///< stages.size() - 1
  /// True: a transfer runs beside both stages' work, one at a time per
  /// boundary and direction. False: the receiving stage spends the time.
  bool overlapsTransfers = false;
  /// Time between the stages' last backward and their updates, for work that
  /// all stages do together (the global norm). Every update then waits for
  /// all stages. Absent: a stage updates as soon as it is done itself.
  std::optional<int64_t> updateBarrierNs;
};

/// When one step of one stage ran.
struct Event {
  Step step;
  int64_t beginNs = 0;
  int64_t endNs = 0;
};

struct StageReport {
  int64_t busyNs = 0; ///< working, or receiving where that takes its time
  int64_t idleNs = 0; ///< stepNs - busyNs
  int64_t maximumInFlight = 0;
  std::vector<Event> events; ///< in the order of scheduleOrder
};

struct Simulation {
  int64_t stepNs = 0; ///< when the last stage is done
  std::vector<StageReport> stages;
};

/// Simulates one step event by event, all stages starting at 0.
/// O(stages * microbatches).
/// \pre at least one stage, boundaries.size() + 1 == stages.size(), times >= 0
Simulation simulate(const Pipeline &pipeline);

/// Its `stepNs` alone. Of more than `simulatedMicrobatches` so many are
/// simulated, and each of the others takes what those of the later half took
/// on the average. (A pipeline is a max-plus linear system: in the end its
/// times repeat with a period of a few microbatches, each period taking the
/// same time. See Baccelli, Cohen, Olsder and Quadrat, Synchronization and
/// Linearity, 1992, chapter 3.) O(stages * min(microbatches,
/// simulatedMicrobatches)).
int64_t stepTime(const Pipeline &pipeline);
/// Half of it is a multiple of every period up to 10.
constexpr int64_t simulatedMicrobatches = 2 * 5040;

} // namespace colossal::timeline

#endif // COLOSSAL_TIMELINE_SCHEDULE_H
