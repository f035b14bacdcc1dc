//===- Schedule.cpp - The order of steps of each schedule -----------------===//

#include "colossal/Timeline/Schedule.h"

#include <algorithm>

using namespace colossal;
using namespace colossal::timeline;

bool colossal::timeline::operator==(const Step &a, const Step &b) {
  return a.segment == b.segment && a.microbatch == b.microbatch;
}

bool colossal::timeline::goesRound(const Stages &stages, int64_t microbatches) {
  return stages.chunks == 1 || microbatches % stages.groups == 0;
}

/// The forwards of a group, or its backwards, in their order.
static std::vector<Step> passesOf(Segment kind, int64_t group,
                                  const Stages &stages, int64_t microbatches) {
  std::vector<Step> passes;
  int64_t round = stages.chunks == 1 ? microbatches : stages.groups;
  for (int64_t begin = 0; begin < microbatches; begin += round)
    for (int64_t i = 0; i < stages.chunks; ++i) {
      int64_t chunk = kind == Segment::Forward ? i : stages.chunks - 1 - i;
      PlacedSegment segment = {kind, chunk * stages.groups + group};
      for (int64_t m = begin; m < std::min(begin + round, microbatches); ++m)
        passes.push_back({segment, m});
    }
  return passes;
}

/// How many forwards a group may be ahead of its backwards.
static int64_t limitOf(ScheduleKind kind, int64_t group, const Stages &stages,
                       int64_t microbatches) {
  int64_t all = microbatches * stages.chunks;
  if (kind == ScheduleKind::GPipe || !goesRound(stages, microbatches))
    return all;
  int64_t behind = stages.groups - group - 1;
  // A round of the last chunk must have gone forward before the first goes
  // back, and what is sent back comes by as many groups as it went.
  int64_t ahead = stages.chunks == 1
                      ? behind
                      : 2 * behind + (stages.chunks - 1) * stages.groups;
  return std::min(all, ahead + 1);
}

std::vector<Step> colossal::timeline::scheduleOrder(ScheduleKind kind,
                                                    int64_t group,
                                                    const Stages &stages,
                                                    int64_t microbatches) {
  std::vector<Step> order = {{{Segment::Prologue, group}, -1}};
  std::vector<Step> forwards =
      passesOf(Segment::Forward, group, stages, microbatches);
  std::vector<Step> backwards =
      passesOf(Segment::Backward, group, stages, microbatches);
  // All schedules fill up to the number in flight, then take a backward as
  // soon as no further forward fits.
  size_t limit = size_t(limitOf(kind, group, stages, microbatches));
  size_t forward = 0, backward = 0;
  while (backward < backwards.size()) {
    if (forward < forwards.size() && forward - backward < limit)
      order.push_back(forwards[forward++]);
    else
      order.push_back(backwards[backward++]);
  }
  order.push_back({{Segment::Update, group}, -1});
  return order;
}

int64_t colossal::timeline::maximumInFlight(const std::vector<Step> &order,
                                            const PlacedSegment &first,
                                            const PlacedSegment &last) {
  int64_t inFlight = 0, maximum = 0;
  for (const Step &step : order) {
    if (step.segment == first)
      maximum = std::max(maximum, ++inFlight);
    if (step.segment == last)
      --inFlight;
  }
  return maximum;
}

int64_t colossal::timeline::maximumInFlight(ScheduleKind kind, int64_t stage,
                                            const Stages &stages,
                                            int64_t microbatches) {
  if (kind == ScheduleKind::GPipe || !goesRound(stages, microbatches))
    return microbatches;
  if (stages.chunks == 1)
    return limitOf(kind, stage, stages, microbatches);
  // A group is less than chunks + 1 rounds ahead; then rounds are alike.
  int64_t enough = 2 * (stages.chunks + 1) * stages.groups;
  return maximumInFlight(scheduleOrder(kind, stages.groupOf(stage), stages,
                                       std::min(microbatches, enough)),
                         {Segment::Forward, stage}, {Segment::Backward, stage});
}
