//===- Simulate.cpp - Event-by-event simulation of a pipeline -------------===//
//
// Every device group has a clock and a place in its list of steps. A step can
// run when its input has been sent; groups are advanced in turn as far as they
// can, until all lists are done. Times do not depend on the order in which
// groups are visited: each depends on its inputs and its group's clock alone.
//
//===----------------------------------------------------------------------===//

#include "colossal/Timeline/Schedule.h"

#include <algorithm>

using namespace colossal::timeline;

namespace {
constexpr int64_t notYet = -1;

/// The transfers over one boundary in one direction.
struct Channel {
  int64_t transferNs = 0;
  int64_t freeNs = 0;               ///< when the last transfer ended
  std::vector<int64_t> availableNs; ///< per microbatch: sent, or arrived

  void send(int64_t microbatch, int64_t readyNs, bool overlaps) {
    if (overlaps)
      readyNs = freeNs = std::max(readyNs, freeNs) + transferNs;
    availableNs[size_t(microbatch)] = readyNs;
  }
};

class Simulator {
public:
  explicit Simulator(const Pipeline &pipeline)
      : pipeline(pipeline), count(pipeline.stages.size()),
        groups(count / size_t(pipeline.chunks)), order(groups), next(groups, 0),
        clock(groups, 0), once(groups), toNext(count), toPrevious(count),
        inFlight(groups, 0) {
    result.groups.resize(groups);
    Stages stages = {int64_t(groups), pipeline.chunks};
    for (size_t group = 0; group < groups; ++group)
      order[group] = scheduleOrder(pipeline.kind, int64_t(group), stages,
                                   pipeline.microbatches);
    for (size_t i = 0; i + 1 < count; ++i) {
      toNext[i].transferNs = pipeline.boundaries[i].forwardNs;
      toPrevious[i + 1].transferNs = pipeline.boundaries[i].backwardNs;
    }
    for (size_t stage = 0; stage < count; ++stage) {
      once[stage % groups].prologueNs += pipeline.stages[stage].prologueNs;
      once[stage % groups].updateNs += pipeline.stages[stage].updateNs;
      toNext[stage].availableNs.assign(size_t(pipeline.microbatches), notYet);
      toPrevious[stage].availableNs.assign(size_t(pipeline.microbatches),
                                           notYet);
    }
  }

  Simulation run() {
    for (bool progress = true; progress;) {
      progress = false;
      for (size_t group = 0; group < groups; ++group)
        while (advance(group))
          progress = true;
    }
    for (int64_t time : clock)
      result.stepNs = std::max(result.stepNs, time);
    for (GroupReport &report : result.groups)
      report.idleNs = result.stepNs - report.busyNs;
    return std::move(result);
  }

private:
  /// Runs the next step of a group if its input is there.
  bool advance(size_t group) {
    if (next[group] == order[group].size())
      return false;
    const Step &step = order[group][next[group]];
    size_t stage = size_t(step.segment.place); // of forward and backward
    int64_t begin = clock[group], work = 0;
    switch (step.segment.kind) {
    case Segment::Prologue:
      work = once[group].prologueNs;
      break;
    case Segment::Forward:
      work = pipeline.stages[stage].forwardNs;
      if (stage > 0 && !receive(toNext[stage - 1], step, begin, work))
        return false;
      break;
    case Segment::Backward:
      work = pipeline.stages[stage].backwardNs;
      if (stage + 1 < count &&
          !receive(toPrevious[stage + 1], step, begin, work))
        return false;
      break;
    case Segment::Update:
      work = once[group].updateNs;
      if (pipeline.updateBarrierNs && !waitForAll(begin))
        return false;
      break;
    }
    int64_t end = begin + work;
    clock[group] = end;
    GroupReport &report = result.groups[group];
    report.busyNs += work;
    report.events.push_back({step, begin, end});
    ++next[group];
    finish(group, step, end);
    return true;
  }

  /// Waits for an input; where transfers do not overlap, the receiver's work
  /// grows by the transfer.
  bool receive(const Channel &channel, const Step &step, int64_t &begin,
               int64_t &work) {
    int64_t available = channel.availableNs[size_t(step.microbatch)];
    if (available == notYet)
      return false;
    begin = std::max(begin, available);
    if (!pipeline.overlapsTransfers)
      work += channel.transferNs;
    return true;
  }

  /// The barrier before the updates: all groups have only updates left.
  bool waitForAll(int64_t &begin) {
    if (barrierNs == notYet) {
      for (size_t group = 0; group < groups; ++group) {
        if (next[group] + 1 < order[group].size())
          return false;
        barrierNs = std::max(barrierNs, clock[group]);
      }
      barrierNs += *pipeline.updateBarrierNs;
    }
    begin = std::max(begin, barrierNs);
    return true;
  }

  void finish(size_t group, const Step &step, int64_t end) {
    size_t stage = size_t(step.segment.place);
    int64_t &maximum = result.groups[group].maximumInFlight;
    if (step.segment.kind == Segment::Forward) {
      maximum = std::max(maximum, ++inFlight[group]);
      if (stage + 1 < count)
        toNext[stage].send(step.microbatch, end, pipeline.overlapsTransfers);
    }
    if (step.segment.kind == Segment::Backward) {
      --inFlight[group];
      if (stage > 0)
        toPrevious[stage].send(step.microbatch, end,
                               pipeline.overlapsTransfers);
    }
  }

  const Pipeline &pipeline;
  size_t count, groups;                    ///< of stages, of device groups
  std::vector<std::vector<Step>> order;    ///< per group
  std::vector<size_t> next;                ///< per group, the step to run
  std::vector<int64_t> clock;              ///< per group, when it is free
  std::vector<StageTimes> once;            ///< per group, of its stages
  std::vector<Channel> toNext, toPrevious; ///< by sending stage
  std::vector<int64_t> inFlight;           ///< per group, now
  int64_t barrierNs = notYet;
  Simulation result;
};
} // namespace

Simulation colossal::timeline::simulate(const Pipeline &pipeline) {
  return Simulator(pipeline).run();
}

int64_t colossal::timeline::stepTime(const Pipeline &pipeline) {
  int64_t groups = int64_t(pipeline.stages.size()) / pipeline.chunks;
  int64_t unit = pipeline.chunks == 1 ? 1 : 2 * groups;
  int64_t simulated = (simulatedMicrobatches + unit - 1) / unit * unit;
  if (pipeline.microbatches <= simulated)
    return simulate(pipeline).stepNs;
  Pipeline shorter = pipeline;
  auto timeOf = [&](int64_t microbatches) {
    shorter.microbatches = microbatches;
    return simulate(shorter).stepNs;
  };
  int64_t half = simulated / 2;
  int64_t time = timeOf(simulated);
  double each = double(time - timeOf(half)) / double(half);
  double others = double(pipeline.microbatches - simulated);
  return time + int64_t(each * others);
}
