//===- SimulateTest.cpp - Simulated steps against closed forms ------------===//

#include "colossal/Timeline/Schedule.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <tuple>

using namespace colossal::timeline;

static Pipeline equalStages(ScheduleKind kind, int64_t stages,
                            int64_t microbatches, StageTimes times,
                            BoundaryTimes boundary = {}) {
  Pipeline pipeline;
  pipeline.kind = kind;
  pipeline.microbatches = microbatches;
  pipeline.stages.assign(size_t(stages), times);
  pipeline.boundaries.assign(size_t(stages - 1), boundary);
  return pipeline;
}

TEST(Simulate, OneStageIsASum) {
  Pipeline pipeline =
      equalStages(ScheduleKind::OneFOneB, 1, 5, {100, 30, 70, 11});
  Simulation result = simulate(pipeline);
  EXPECT_EQ(result.stepNs, 100 + 5 * (30 + 70) + 11);
  EXPECT_EQ(result.groups[0].busyNs, result.stepNs);
  EXPECT_EQ(result.groups[0].idleNs, 0);
  EXPECT_EQ(result.groups[0].maximumInFlight, 1);
}

/// Equal stages without transfers: (M + S - 1) (f + b), under both schedules;
/// every stage idles for (S - 1) (f + b).
TEST(Simulate, EqualStagesMatchTheClosedForm) {
  for (ScheduleKind kind : {ScheduleKind::GPipe, ScheduleKind::OneFOneB})
    for (int64_t stages = 1; stages <= 6; ++stages)
      for (int64_t microbatches = 1; microbatches <= 9; ++microbatches)
        for (int64_t backward : {7, 20, 40}) {
          Simulation result = simulate(
              equalStages(kind, stages, microbatches, {0, 20, backward, 0}));
          int64_t unit = 20 + backward;
          EXPECT_EQ(result.stepNs, (microbatches + stages - 1) * unit)
              << nameOf(kind) << " " << stages << " " << microbatches;
          for (int64_t stage = 0; stage < stages; ++stage) {
            const GroupReport &report = result.groups[size_t(stage)];
            EXPECT_EQ(report.busyNs, microbatches * unit);
            EXPECT_EQ(report.idleNs, (stages - 1) * unit);
            EXPECT_EQ(report.maximumInFlight,
                      maximumInFlight(kind, stage, {stages, 1}, microbatches));
          }
        }
}

/// Two stages on a group halve the time in which a pipeline of equal pieces
/// fills and drains (Narayanan et al. 2021, section 2.2).
TEST(Simulate, InterleavedStagesFillTheirPipelineSooner) {
  for (int64_t groups = 2; groups <= 4; ++groups)
    for (int64_t chunks = 2; chunks <= 3; ++chunks)
      for (int64_t rounds = 1; rounds <= 4; ++rounds) {
        int64_t microbatches = rounds * groups, unit = 20 + 40;
        Pipeline pipeline = equalStages(ScheduleKind::OneFOneB, groups * chunks,
                                        microbatches, {0, 20, 40, 0});
        pipeline.chunks = chunks;
        Simulation result = simulate(pipeline);
        EXPECT_EQ(result.stepNs,
                  microbatches * chunks * unit + (groups - 1) * unit)
            << groups << " groups, " << chunks << " chunks, " << microbatches;
      }
}

/// GPipe with transfers beside the work: they appear once per boundary and
/// direction, as long as they are shorter than the work.
TEST(Simulate, OverlappedTransfersAreLatencyOnly) {
  Pipeline pipeline =
      equalStages(ScheduleKind::GPipe, 4, 6, {0, 20, 40, 0}, {5, 9});
  pipeline.overlapsTransfers = true;
  EXPECT_EQ(simulate(pipeline).stepNs, (6 + 3) * 60 + 3 * (5 + 9));
  // Otherwise the receiver spends the time: stage 1 to 3 have forward 25, and
  // stage 0 to 2 backward 49.
  pipeline.overlapsTransfers = false;
  EXPECT_EQ(simulate(pipeline).stepNs,
            (20 + 3 * 25 + 5 * 25) + (40 + 3 * 49 + 5 * 49));
}

/// A slow boundary that carries one transfer at a time sets the pace.
TEST(Simulate, SlowBoundaryIsTheBottleneck) {
  Pipeline pipeline =
      equalStages(ScheduleKind::GPipe, 2, 5, {0, 10, 10, 0}, {100, 0});
  pipeline.overlapsTransfers = true;
  // F0 at 10, five transfers, last forward, five... backwards of stage 1 start
  // after its last forward; stage 0 follows one behind.
  EXPECT_EQ(simulate(pipeline).stepNs, 10 + 5 * 100 + 10 + 5 * 10 + 10);
}

TEST(Simulate, HeavyStageSetsThePace) {
  Pipeline pipeline = equalStages(ScheduleKind::OneFOneB, 3, 8, {0, 10, 20, 0});
  pipeline.stages[2] = {0, 40, 80, 0};
  // First forwards fill, the last stage never waits, last backwards drain.
  EXPECT_EQ(simulate(pipeline).stepNs, 2 * 10 + 8 * 120 + 2 * 20);
}

TEST(Simulate, BarrierHoldsTheUpdates) {
  Pipeline pipeline = equalStages(ScheduleKind::GPipe, 3, 2, {0, 10, 20, 7});
  // Stage 0 ends last, also without a barrier.
  EXPECT_EQ(simulate(pipeline).stepNs, 4 * 30 + 7);
  pipeline.stages[2].updateNs = 100;
  int64_t lastStageEnd = (2 * 10 + 2 * 10) + 2 * 20;
  EXPECT_EQ(simulate(pipeline).stepNs, lastStageEnd + 100);
  pipeline.updateBarrierNs = 5;
  EXPECT_EQ(simulate(pipeline).stepNs, 4 * 30 + 5 + 100);
}

/// The obvious simulation: repeat over all steps until no time changes
/// (the longest path in the graph of dependences).
static int64_t stepSlowly(const Pipeline &pipeline) {
  using Key = std::tuple<int64_t, int, int64_t>; // place, kind, microbatch
  int64_t count = int64_t(pipeline.stages.size());
  Stages stages = {count / pipeline.chunks, pipeline.chunks};
  std::map<Key, int64_t> end;
  std::map<Key, int64_t> arrival; // of the transfer that a step sends
  auto endOf = [&](std::map<Key, int64_t> &times, PlacedSegment segment,
                   int64_t microbatch) -> int64_t & {
    return times[{segment.place, int(segment.kind), microbatch}];
  };
  for (bool changed = true; changed;) {
    changed = false;
    auto raise = [&](int64_t &time, int64_t value) {
      if (value > time) {
        time = value;
        changed = true;
      }
    };
    for (int64_t group = 0; group < stages.groups; ++group) {
      int64_t clock = 0;
      for (const Step &step :
           scheduleOrder(pipeline.kind, group, stages, pipeline.microbatches)) {
        int64_t work = 0, ready = clock, transfer = 0, m = step.microbatch;
        int64_t stage = step.segment.place;
        switch (step.segment.kind) {
        case Segment::Prologue:
          for (int64_t s = group; s < count; s += stages.groups)
            work += pipeline.stages[size_t(s)].prologueNs;
          break;
        case Segment::Forward:
          work = pipeline.stages[size_t(stage)].forwardNs;
          if (stage > 0) {
            ready = endOf(arrival, {Segment::Forward, stage - 1}, m);
            transfer = pipeline.boundaries[size_t(stage - 1)].forwardNs;
          }
          break;
        case Segment::Backward:
          work = pipeline.stages[size_t(stage)].backwardNs;
          if (stage + 1 < count) {
            ready = endOf(arrival, {Segment::Backward, stage + 1}, m);
            transfer = pipeline.boundaries[size_t(stage)].backwardNs;
          }
          break;
        case Segment::Update:
          for (int64_t s = group; s < count; s += stages.groups)
            work += pipeline.stages[size_t(s)].updateNs;
          break;
        }
        if (!pipeline.overlapsTransfers)
          work += transfer;
        int64_t &time = endOf(end, step.segment, m);
        raise(time, std::max(clock, ready) + work);
        clock = time;
        // What this step sends, and when it arrives.
        int64_t outgoing = 0;
        if (step.segment.kind == Segment::Forward && stage + 1 < count)
          outgoing = pipeline.boundaries[size_t(stage)].forwardNs;
        if (step.segment.kind == Segment::Backward && stage > 0)
          outgoing = pipeline.boundaries[size_t(stage - 1)].backwardNs;
        int64_t &arrives = endOf(arrival, step.segment, m);
        if (!pipeline.overlapsTransfers)
          raise(arrives, time);
        else
          raise(
              arrives,
              std::max(time, m > 0 ? endOf(arrival, step.segment, m - 1) : 0) +
                  outgoing);
      }
    }
  }
  int64_t step = 0;
  for (const auto &entry : end)
    step = std::max(step, entry.second);
  return step;
}

/// Up to twelve stages; times up to 90 * `scale`, one microbatch.
static Pipeline randomPipeline(std::mt19937 &random, int64_t scale) {
  auto number = [&](int64_t high) {
    return int64_t(random() % uint64_t(high * scale));
  };
  Pipeline pipeline;
  pipeline.kind = random() % 2 ? ScheduleKind::GPipe : ScheduleKind::OneFOneB;
  pipeline.overlapsTransfers = random() % 2 != 0;
  pipeline.chunks = 1 + random() % 2;
  pipeline.stages.resize((1 + random() % 6) * pipeline.chunks);
  for (StageTimes &times : pipeline.stages)
    times = {number(30), number(50), number(90), number(40)};
  pipeline.boundaries.resize(pipeline.stages.size() - 1);
  for (BoundaryTimes &times : pipeline.boundaries)
    times = {number(60), number(60)};
  return pipeline;
}

/// A number of which microbatches must be a multiple.
static int64_t roundOf(const Pipeline &pipeline) {
  return pipeline.chunks == 1
             ? 1
             : int64_t(pipeline.stages.size()) / pipeline.chunks;
}

TEST(Simulate, RandomPipelinesMatchTheLongestPath) {
  std::mt19937 random(5);
  for (int trial = 0; trial < 300; ++trial) {
    Pipeline pipeline = randomPipeline(random, 1);
    pipeline.microbatches = (1 + int64_t(random() % 6)) * roundOf(pipeline);
    Simulation result = simulate(pipeline);
    EXPECT_EQ(result.stepNs, stepSlowly(pipeline)) << "trial " << trial;
    for (size_t group = 0; group < result.groups.size(); ++group) {
      const GroupReport &report = result.groups[group];
      EXPECT_EQ(report.busyNs + report.idleNs, result.stepNs);
      std::vector<Step> order =
          scheduleOrder(pipeline.kind, int64_t(group),
                        {int64_t(result.groups.size()), pipeline.chunks},
                        pipeline.microbatches);
      ASSERT_EQ(report.events.size(), order.size());
      int64_t clock = 0;
      for (size_t i = 0; i < order.size(); ++i) {
        EXPECT_TRUE(report.events[i].step == order[i]);
        EXPECT_GE(report.events[i].beginNs, clock);
        clock = report.events[i].endNs;
      }
    }
  }
}

TEST(Simulate, TimesOfManyMicrobatchesContinueThoseOfFewer) {
  std::mt19937 random(7);
  for (int trial = 0; trial < 40; ++trial) {
    Pipeline pipeline = randomPipeline(random, 100);
    int64_t round = roundOf(pipeline);
    for (int64_t microbatches :
         {round, simulatedMicrobatches, simulatedMicrobatches + round,
          3 * simulatedMicrobatches + int64_t(random() % 1000)}) {
      pipeline.microbatches = microbatches / round * round;
      int64_t exact = simulate(pipeline).stepNs;
      EXPECT_NEAR(double(stepTime(pipeline)), double(exact),
                  microbatches > simulatedMicrobatches ? 1e-4 * exact : 0)
          << "trial " << trial;
    }
  }
}

TEST(Simulate, TimesOfMoreMicrobatchesThanMemoryHolds) {
  Pipeline pipeline;
  pipeline.microbatches = int64_t(1) << 40;
  pipeline.stages = {{5, 1, 2, 7}};
  EXPECT_EQ(stepTime(pipeline), 3 * pipeline.microbatches + 12);
}
