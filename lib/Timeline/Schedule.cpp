//===- Schedule.cpp - The order of steps of each schedule -----------------===//

#include "colossal/Timeline/Schedule.h"

#include <algorithm>

using namespace colossal;
using namespace colossal::timeline;

bool colossal::timeline::operator==(const Step &a, const Step &b) {
  return a.segment == b.segment && a.microbatch == b.microbatch;
}

int64_t colossal::timeline::maximumInFlight(ScheduleKind kind, int64_t stage,
                                            int64_t stages,
                                            int64_t microbatches) {
  if (kind == ScheduleKind::GPipe)
    return microbatches;
  return std::min(microbatches, stages - stage);
}

std::vector<Step> colossal::timeline::scheduleOrder(ScheduleKind kind,
                                                    int64_t stage,
                                                    int64_t stages,
                                                    int64_t microbatches) {
  std::vector<Step> order = {{Segment::Prologue, -1}};
  // Both schedules fill up to the number in flight, then take a backward as
  // soon as no further forward fits.
  int64_t limit = maximumInFlight(kind, stage, stages, microbatches);
  int64_t forward = 0, backward = 0;
  while (backward < microbatches) {
    if (forward < microbatches && forward - backward < limit)
      order.push_back({Segment::Forward, forward++});
    else
      order.push_back({Segment::Backward, backward++});
  }
  order.push_back({Segment::Update, -1});
  return order;
}
