//===- Schedule.h - Pipeline schedules and their simulation -----*- C++ -*-===//
//
// One definition of a schedule serves both sides: Plan simulates it to predict
// the step time, Schedule writes it into the rank program.
//
// A schedule is, per device group, a static list of steps; a group executes its
// list in order and waits where an input has not arrived. In all schedules the
// forwards of a stage run in rising order of microbatches, and its backwards
// too: gradients are added up in the same order under every schedule, and
// microbatch m may keep its activations in slot m % maximumInFlight.
//
// Several stages on a group: microbatches go through the stages in rounds of as
// many as there are groups, so that a group works on its first stage for all of
// a round, then on its second, and is fed again when the round has gone around.
// 1F1B is then the interleaved schedule of Narayanan et al., Efficient
// Large-Scale Language Model Training on GPU Clusters Using Megatron-LM, 2021,
// section 2.2: the pipeline fills in 1 / chunks of the time, for more
// activations in flight and `chunks` times the transfers.
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

using colossal::PlacedSegment;
using colossal::ScheduleKind;
using colossal::Segment;
using colossal::Stages;

/// One entry of a group's list; microbatch is -1 for prologue and update.
struct Step {
  PlacedSegment segment;
  int64_t microbatch = -1;
};
bool operator==(const Step &a, const Step &b);

/// Whether so many microbatches make whole rounds: with several stages on a
/// group, a multiple of the groups. Under 1F1B groups would wait for each other
/// for ever in a shorter round; then all go forward first, as under GPipe.
bool goesRound(const Stages &stages, int64_t microbatches);

/// The list of `group`: prologue, forwards and backwards, update.
/// \pre 0 <= group < stages.groups, microbatches >= 1
std::vector<Step> scheduleOrder(ScheduleKind kind, int64_t group,
                                const Stages &stages, int64_t microbatches);

/// Of the list of a group, the largest number of microbatches for which
/// `first` has begun and `last`, a later segment, has not ended.
int64_t maximumInFlight(const std::vector<Step> &order,
                        const PlacedSegment &first, const PlacedSegment &last);
/// Of which `stage` has started forward and not finished backward. One stage
/// on each group: GPipe M, 1F1B min(M, stages - stage).
int64_t maximumInFlight(ScheduleKind kind, int64_t stage, const Stages &stages,
                        int64_t microbatches);

/// Times of one stage: forward and backward per microbatch; what it adds to the
/// prologue and the update of its group, once per step.
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
  int64_t chunks = 1;                    ///< stages of a device group
  /// True: a transfer runs beside both groups' work, one at a time per
  /// boundary and direction. False: the receiving group spends the time.
  bool overlapsTransfers = false;
  /// Time between the groups' last backward and their updates, for work that
  /// all groups do together (the global norm). Every update then waits for
  /// all groups. Absent: a group updates as soon as it is done itself.
  std::optional<int64_t> updateBarrierNs;
};

/// When one step of one group ran.
struct Event {
  Step step;
  int64_t beginNs = 0;
  int64_t endNs = 0;
};

struct GroupReport {
  int64_t busyNs = 0; ///< working, or receiving where that takes its time
  int64_t idleNs = 0; ///< stepNs - busyNs
  int64_t maximumInFlight = 0; ///< of all its stages together
  std::vector<Event> events;   ///< in the order of scheduleOrder
};

struct Simulation {
  int64_t stepNs = 0; ///< when the last group is done
  std::vector<GroupReport> groups;
};

/// Simulates one step event by event, all groups starting at 0.
/// O(stages * microbatches).
/// \pre at least one stage, a multiple of chunks,
/// boundaries.size() + 1 == stages.size(), times >= 0
Simulation simulate(const Pipeline &pipeline);

/// Its `stepNs` alone. Of more than `simulatedMicrobatches` so many are
/// simulated, and each of the others takes what those of the later half took
/// on the average. (A pipeline is a max-plus linear system: in the end its
/// times repeat with a period of a few microbatches, each period taking the
/// same time. See Baccelli, Cohen, Olsder and Quadrat, Synchronization and
/// Linearity, 1992, chapter 3.) O(stages * min(microbatches,
/// simulatedMicrobatches)).
int64_t stepTime(const Pipeline &pipeline);
/// Half of it is a multiple of every period up to 10. With several stages on a
/// group, the next number whose halves are whole rounds.
constexpr int64_t simulatedMicrobatches = 2 * 5040;

} // namespace colossal::timeline

#endif // COLOSSAL_TIMELINE_SCHEDULE_H
