//===- ScheduleTest.cpp - Orders of steps ---------------------------------===//

#include "colossal/Timeline/Schedule.h"

#include <gtest/gtest.h>

using namespace colossal::timeline;

/// "P F0 F1 B0 B1 U"
static std::string text(const std::vector<Step> &order) {
  std::string result;
  for (const Step &step : order) {
    result += result.empty() ? "" : " ";
    result += "PFBU"[int(step.segment)];
    if (step.microbatch >= 0)
      result += std::to_string(step.microbatch);
  }
  return result;
}

TEST(Schedule, NamesReadBack) {
  for (ScheduleKind kind : {ScheduleKind::GPipe, ScheduleKind::OneFOneB})
    EXPECT_EQ(colossal::scheduleKindOf(nameOf(kind)), kind);
  EXPECT_FALSE(colossal::scheduleKindOf("zigzag").has_value());
}

TEST(Schedule, GPipe) {
  for (int64_t stage : {0, 1, 2})
    EXPECT_EQ(text(scheduleOrder(ScheduleKind::GPipe, stage, 3, 3)),
              "P F0 F1 F2 B0 B1 B2 U");
}

TEST(Schedule, OneFOneB) {
  auto order = [](int64_t stage, int64_t stages, int64_t microbatches) {
    return text(
        scheduleOrder(ScheduleKind::OneFOneB, stage, stages, microbatches));
  };
  EXPECT_EQ(order(0, 3, 4), "P F0 F1 F2 B0 F3 B1 B2 B3 U");
  EXPECT_EQ(order(1, 3, 4), "P F0 F1 B0 F2 B1 F3 B2 B3 U");
  EXPECT_EQ(order(2, 3, 4), "P F0 B0 F1 B1 F2 B2 F3 B3 U");
  EXPECT_EQ(order(0, 4, 2), "P F0 F1 B0 B1 U");
  EXPECT_EQ(order(0, 1, 1), "P F0 B0 U");
}

TEST(Schedule, EveryMicrobatchOnceInRisingOrder) {
  for (ScheduleKind kind : {ScheduleKind::GPipe, ScheduleKind::OneFOneB})
    for (int64_t stages = 1; stages <= 5; ++stages)
      for (int64_t stage = 0; stage < stages; ++stage)
        for (int64_t microbatches = 1; microbatches <= 7; ++microbatches) {
          int64_t forward = 0, backward = 0, inFlight = 0, maximum = 0;
          std::vector<Step> order =
              scheduleOrder(kind, stage, stages, microbatches);
          ASSERT_EQ(int64_t(order.size()), 2 + 2 * microbatches);
          EXPECT_EQ(order.front().segment, Segment::Prologue);
          EXPECT_EQ(order.back().segment, Segment::Update);
          for (size_t i = 1; i + 1 < order.size(); ++i) {
            if (order[i].segment == Segment::Forward) {
              EXPECT_EQ(order[i].microbatch, forward++);
              maximum = std::max(maximum, ++inFlight);
            } else {
              EXPECT_EQ(order[i].segment, Segment::Backward);
              EXPECT_EQ(order[i].microbatch, backward++);
              --inFlight;
              EXPECT_GE(inFlight, 0);
            }
          }
          EXPECT_EQ(forward, microbatches);
          EXPECT_EQ(backward, microbatches);
          EXPECT_EQ(maximum,
                    maximumInFlight(kind, stage, stages, microbatches));
        }
}
