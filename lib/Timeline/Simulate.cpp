//===- Simulate.cpp - Event-by-event simulation of a pipeline -------------===//
//
// Every stage has a clock and a place in its list of steps. A step can run
// when its input has been sent; stages are advanced in turn as far as they
// can, until all lists are done. Times do not depend on the order in which
// stages are visited: each depends on its inputs and its stage's clock alone.
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
      : pipeline(pipeline), count(pipeline.stages.size()), order(count),
        next(count, 0), clock(count, 0), toNext(count), toPrevious(count),
        inFlight(count, 0) {
    result.stages.resize(count);
    for (size_t stage = 0; stage < count; ++stage)
      order[stage] = scheduleOrder(pipeline.kind, int64_t(stage),
                                   int64_t(count), pipeline.microbatches);
    for (size_t i = 0; i + 1 < count; ++i) {
      toNext[i].transferNs = pipeline.boundaries[i].forwardNs;
      toPrevious[i + 1].transferNs = pipeline.boundaries[i].backwardNs;
    }
    for (size_t stage = 0; stage < count; ++stage) {
      toNext[stage].availableNs.assign(size_t(pipeline.microbatches), notYet);
      toPrevious[stage].availableNs.assign(size_t(pipeline.microbatches),
                                           notYet);
    }
  }

  Simulation run() {
    for (bool progress = true; progress;) {
      progress = false;
      for (size_t stage = 0; stage < count; ++stage)
        while (advance(stage))
          progress = true;
    }
    for (int64_t time : clock)
      result.stepNs = std::max(result.stepNs, time);
    for (StageReport &report : result.stages)
      report.idleNs = result.stepNs - report.busyNs;
    return std::move(result);
  }

private:
  /// Runs the next step of a stage if its input is there.
  bool advance(size_t stage) {
    if (next[stage] == order[stage].size())
      return false;
    const Step &step = order[stage][next[stage]];
    const StageTimes &times = pipeline.stages[stage];
    int64_t begin = clock[stage], work = 0;
    switch (step.segment) {
    case Segment::Prologue:
      work = times.prologueNs;
      break;
    case Segment::Forward:
      work = times.forwardNs;
      if (stage > 0 && !receive(toNext[stage - 1], step, begin, work))
        return false;
      break;
    case Segment::Backward:
      work = times.backwardNs;
      if (stage + 1 < count &&
          !receive(toPrevious[stage + 1], step, begin, work))
        return false;
      break;
    case Segment::Update:
      work = times.updateNs;
      if (pipeline.updateBarrierNs && !waitForAll(begin))
        return false;
      break;
    }
    int64_t end = begin + work;
    clock[stage] = end;
    StageReport &report = result.stages[stage];
    report.busyNs += work;
    report.events.push_back({step, begin, end});
    ++next[stage];
    finish(stage, step, end);
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

  /// The barrier before the updates: all stages have only updates left.
  bool waitForAll(int64_t &begin) {
    if (barrierNs == notYet) {
      for (size_t stage = 0; stage < count; ++stage) {
        if (next[stage] + 1 < order[stage].size())
          return false;
        barrierNs = std::max(barrierNs, clock[stage]);
      }
      barrierNs += *pipeline.updateBarrierNs;
    }
    begin = std::max(begin, barrierNs);
    return true;
  }

  void finish(size_t stage, const Step &step, int64_t end) {
    int64_t &maximum = result.stages[stage].maximumInFlight;
    if (step.segment == Segment::Forward) {
      maximum = std::max(maximum, ++inFlight[stage]);
      if (stage + 1 < count)
        toNext[stage].send(step.microbatch, end, pipeline.overlapsTransfers);
    }
    if (step.segment == Segment::Backward) {
      --inFlight[stage];
      if (stage > 0)
        toPrevious[stage].send(step.microbatch, end,
                               pipeline.overlapsTransfers);
    }
  }

  const Pipeline &pipeline;
  size_t count;
  std::vector<std::vector<Step>> order;    ///< per stage
  std::vector<size_t> next;                ///< per stage, the step to run
  std::vector<int64_t> clock;              ///< per stage, when it is free
  std::vector<Channel> toNext, toPrevious; ///< by sending stage
  std::vector<int64_t> inFlight;           ///< per stage, now
  int64_t barrierNs = notYet;
  Simulation result;
};
} // namespace

Simulation colossal::timeline::simulate(const Pipeline &pipeline) {
  return Simulator(pipeline).run();
}

int64_t colossal::timeline::stepTime(const Pipeline &pipeline) {
  if (pipeline.microbatches <= simulatedMicrobatches)
    return simulate(pipeline).stepNs;
  Pipeline shorter = pipeline;
  auto timeOf = [&](int64_t microbatches) {
    shorter.microbatches = microbatches;
    return simulate(shorter).stepNs;
  };
  constexpr int64_t half = simulatedMicrobatches / 2;
  int64_t time = timeOf(simulatedMicrobatches);
  double each = double(time - timeOf(half)) / half;
  double others = double(pipeline.microbatches - simulatedMicrobatches);
  return time + int64_t(each * others);
}
