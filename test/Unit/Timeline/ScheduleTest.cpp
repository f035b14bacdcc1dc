//===- ScheduleTest.cpp - Orders of steps ---------------------------------===//

#include "colossal/Timeline/Schedule.h"

#include <gtest/gtest.h>

#include <functional>
#include <map>

using namespace colossal::timeline;

/// "P F0 F1 B0 B1 U"; "F2.0" is of stage 2 where a group has several.
static std::string text(const std::vector<Step> &order, bool stages = false) {
  std::string result;
  for (const Step &step : order) {
    result += result.empty() ? "" : " ";
    result += "PFBU"[int(step.segment.kind)];
    if (step.microbatch >= 0)
      result += (stages ? std::to_string(step.segment.place) + "." : "") +
                std::to_string(step.microbatch);
  }
  return result;
}

TEST(Schedule, NamesReadBack) {
  for (ScheduleKind kind : {ScheduleKind::GPipe, ScheduleKind::OneFOneB})
    EXPECT_EQ(colossal::scheduleKindOf(nameOf(kind)), kind);
  EXPECT_FALSE(colossal::scheduleKindOf("zigzag").has_value());
}

TEST(Schedule, GPipe) {
  for (int64_t group : {0, 1, 2})
    EXPECT_EQ(text(scheduleOrder(ScheduleKind::GPipe, group, {3, 1}, 3)),
              "P F0 F1 F2 B0 B1 B2 U");
}

TEST(Schedule, OneFOneB) {
  auto order = [](int64_t group, int64_t groups, int64_t microbatches) {
    return text(scheduleOrder(ScheduleKind::OneFOneB, group, {groups, 1},
                              microbatches));
  };
  EXPECT_EQ(order(0, 3, 4), "P F0 F1 F2 B0 F3 B1 B2 B3 U");
  EXPECT_EQ(order(1, 3, 4), "P F0 F1 B0 F2 B1 F3 B2 B3 U");
  EXPECT_EQ(order(2, 3, 4), "P F0 B0 F1 B1 F2 B2 F3 B3 U");
  EXPECT_EQ(order(0, 4, 2), "P F0 F1 B0 B1 U");
  EXPECT_EQ(order(0, 1, 1), "P F0 B0 U");
}

TEST(Schedule, SeveralStagesOnAGroup) {
  auto order = [](ScheduleKind kind, int64_t group, int64_t microbatches) {
    return text(scheduleOrder(kind, group, {2, 2}, microbatches), true);
  };
  EXPECT_EQ(order(ScheduleKind::OneFOneB, 0, 4),
            "P F0.0 F0.1 F2.0 F2.1 F0.2 B2.0 F0.3 B2.1 F2.2 B0.0 F2.3 B0.1 "
            "B2.2 B2.3 B0.2 B0.3 U");
  EXPECT_EQ(order(ScheduleKind::OneFOneB, 1, 4),
            "P F1.0 F1.1 F3.0 B3.0 F3.1 B3.1 F1.2 B1.0 F1.3 B1.1 F3.2 B3.2 "
            "F3.3 B3.3 B1.2 B1.3 U");
  EXPECT_EQ(order(ScheduleKind::GPipe, 0, 2),
            "P F0.0 F0.1 F2.0 F2.1 B2.0 B2.1 B0.0 B0.1 U");
  // The last round has one microbatch: all go forward first.
  EXPECT_FALSE(goesRound({2, 2}, 3));
  for (ScheduleKind kind : {ScheduleKind::GPipe, ScheduleKind::OneFOneB})
    EXPECT_EQ(
        order(kind, 0, 3),
        "P F0.0 F0.1 F2.0 F2.1 F0.2 F2.2 B2.0 B2.1 B0.0 B0.1 B2.2 B0.2 U");
}

/// Calls `check` with many forms of pipelines.
static void forManyForms(
    const std::function<void(ScheduleKind, const Stages &, int64_t)> &check) {
  for (ScheduleKind kind : {ScheduleKind::GPipe, ScheduleKind::OneFOneB})
    for (int64_t chunks = 1; chunks <= 4; ++chunks)
      for (int64_t groups = 1; groups <= 6; ++groups)
        for (int64_t microbatches = 1; microbatches <= 24; ++microbatches)
          check(kind, {groups, chunks}, microbatches);
}

TEST(Schedule, EveryMicrobatchOnceInRisingOrder) {
  forManyForms([](ScheduleKind kind, const Stages &stages, int64_t count) {
    for (int64_t group = 0; group < stages.groups; ++group) {
      std::vector<Step> order = scheduleOrder(kind, group, stages, count);
      ASSERT_EQ(int64_t(order.size()), 2 + 2 * count * stages.chunks);
      EXPECT_EQ(order.front().segment.kind, Segment::Prologue);
      EXPECT_EQ(order.back().segment.kind, Segment::Update);
      for (int64_t stage = group; stage < stages.count();
           stage += stages.groups) {
        int64_t forward = 0, backward = 0, maximum = 0;
        for (const Step &step : order) {
          if (step.microbatch < 0 || step.segment.place != stage)
            continue;
          if (step.segment.kind == Segment::Forward)
            EXPECT_EQ(step.microbatch, forward++);
          else
            EXPECT_EQ(step.microbatch, backward++);
          EXPECT_GE(forward, backward);
          maximum = std::max(maximum, forward - backward);
        }
        EXPECT_EQ(forward, count);
        EXPECT_EQ(backward, count);
        EXPECT_EQ(maximum, maximumInFlight(kind, stage, stages, count));
      }
    }
  });
}

/// With room for one value at each boundary and direction: what a transfer has
/// at the least. A step takes its input when it begins, and ends when there is
/// room for what it sends.
TEST(Schedule, NoGroupWaitsForEver) {
  forManyForms([](ScheduleKind kind, const Stages &stages, int64_t count) {
    std::vector<std::vector<Step>> order;
    for (int64_t group = 0; group < stages.groups; ++group)
      order.push_back(scheduleOrder(kind, group, stages, count));
    std::vector<size_t> next(size_t(stages.groups), 0);
    std::vector<bool> begun(size_t(stages.groups), false);
    std::map<std::pair<Segment, int64_t>, bool> isFull; // by sender
    auto advance = [&](size_t group) {
      if (next[group] == order[group].size())
        return false;
      const Step &step = order[group][next[group]];
      auto [kind, place] = step.segment;
      if (step.microbatch >= 0) {
        int64_t along = kind == Segment::Forward ? 1 : -1;
        int64_t from = place - along, to = place + along;
        if (!begun[group] && from >= 0 && from < stages.count()) {
          bool &input = isFull[{kind, from}];
          if (!input)
            return false;
          input = false;
        }
        begun[group] = true;
        if (to >= 0 && to < stages.count()) {
          bool &output = isFull[{kind, place}];
          if (output)
            return false;
          output = true;
        }
        begun[group] = false;
      }
      ++next[group];
      return true;
    };
    for (bool moved = true; moved;) {
      moved = false;
      for (size_t group = 0; group < order.size(); ++group) {
        size_t before = next[group];
        bool began = begun[group];
        while (advance(group)) {
        }
        moved |= next[group] != before || begun[group] != began;
      }
    }
    for (size_t group = 0; group < order.size(); ++group)
      EXPECT_EQ(next[group], order[group].size())
          << nameOf(kind) << ", " << stages.groups << " groups of "
          << stages.chunks << " stages, " << count << " microbatches, group "
          << group;
  });
}
