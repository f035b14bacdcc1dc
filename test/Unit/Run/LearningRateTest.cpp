//===- LearningRateTest.cpp - The table of schedules ----------------------===//

#include "colossal/Run/LearningRate.h"
#include "gtest/gtest.h"

#include <cmath>

using namespace colossal::rank;

static LearningRate schedule(const std::string &kind,
                             std::vector<std::string> settings) {
  LearningRate made;
  made.kind = kind;
  for (const std::string &setting : settings)
    EXPECT_EQ(addScheduleSetting(made, setting), "") << setting;
  EXPECT_EQ(checkSchedule(made), "") << kind;
  return made;
}

/// Factors of steps 1, 2, ...: whole numbers of `unit`s.
static void expectFactors(const LearningRate &made, int64_t runSteps,
                          const std::vector<double> &expected) {
  for (size_t t = 0; t < expected.size(); ++t)
    EXPECT_NEAR(scheduleFactor(made, int64_t(t) + 1, runSteps), expected[t],
                1e-15)
        << made.kind << " at t = " << t;
}

TEST(LearningRate, WarmsUpAndDecays) {
  expectFactors(schedule("constant", {}), 3, {1, 1, 1, 1, 1});
  expectFactors(schedule("constant", {"warmup=4"}), 3,
                {0, 0.25, 0.5, 0.75, 1, 1});
  expectFactors(schedule("linear", {"warmup=2", "total=6"}), 99,
                {0, 0.5, 1, 0.75, 0.5, 0.25, 0, 0, 0});
  // total = 0: the steps of the run.
  expectFactors(schedule("linear", {"min=0.5"}), 4,
                {1, 0.875, 0.75, 0.625, 0.5, 0.5});
  expectFactors(schedule("cosine", {"total=2", "min=0.1"}), 99,
                {1, 0.55, 0.1, 0.1});
  expectFactors(schedule("polynomial", {"total=4", "power=2"}), 99,
                {1, 0.5625, 0.25, 0.0625, 0, 0});
  // A warm-up as long as the run.
  for (const char *kind : {"linear", "cosine", "polynomial"})
    expectFactors(schedule(kind, {"warmup=2", "total=2"}), 99,
                  {0, 0.5, kind[0] == 'c' ? 1.0 : 0.0});
}

TEST(LearningRate, FallsInSteps) {
  expectFactors(schedule("step", {"every=2", "gamma=0.5"}), 9,
                {1, 1, 0.5, 0.5, 0.25, 0.25});
  // The warm-up does not count.
  expectFactors(schedule("step", {"every=2", "gamma=0.5", "warmup=1"}), 9,
                {0, 1, 1, 0.5, 0.5, 0.25});
  expectFactors(schedule("step", {"at=1/4", "gamma=0.1"}), 9,
                {1, 0.1, 0.1, 0.1, 0.01, 0.01});
  // A step that is named twice counts twice, as in PyTorch.
  expectFactors(schedule("step", {"at=2/2"}), 9, {1, 1, 0.01});
}

TEST(LearningRate, FallsAsTheInverseRoot) {
  expectFactors(
      schedule("inverse-sqrt", {"warmup=4"}), 9,
      {0, 0.25, 0.5, 0.75, 1, 1 / std::sqrt(1.25), 1 / std::sqrt(1.5)});
  expectFactors(schedule("inverse-sqrt", {"timescale=1"}), 9,
                {1, 1 / std::sqrt(2.0), 1 / std::sqrt(3.0), 0.5});
}

TEST(LearningRate, GoesUpAndDownOnce) {
  expectFactors(schedule("one-cycle", {"total=5", "pct-start=0.6", "div=2",
                                       "final-div=4", "linear"}),
                99, {0.5, 0.75, 1, 0.5625, 0.125, 0.125, 0.125});
  expectFactors(
      schedule("one-cycle", {"total=7", "pct-start=0.4285714285714286", "div=2",
                             "final-div=4", "linear", "three-phase"}),
      99, {0.5, 0.75, 1, 0.75, 0.5, 0.3125, 0.125});
  // Phases without a step.
  LearningRate no = schedule("one-cycle", {"pct-start=0"});
  for (int64_t steps : {1, 2, 3})
    for (int64_t step : {1, 2, 3, 4}) {
      double factor = scheduleFactor(no, step, steps);
      EXPECT_TRUE(factor >= 0 && factor <= 1) << factor;
    }
}

TEST(LearningRate, RefusesWhatIsNoSchedule) {
  struct {
    const char *kind;
    std::vector<std::string> settings;
    const char *words;
  } cases[] = {
      {"cosin", {}, "found 'cosin', expected 'constant', 'linear'"},
      {"cosine", {"power=2"}, "found 'power=2', expected a setting of"},
      {"cosine", {"min=2"}, "found 'min=2', expected min=FACTOR"},
      {"cosine", {"min=nan"}, "found 'min=nan', expected"},
      {"cosine", {"total"}, "found 'total', expected total=STEPS"},
      {"cosine", {"total=1e3"}, "found 'total=1e3', expected"},
      {"cosine", {"total=9999999999999"}, "from 0 to 10^12"},
      {"cosine", {"total=9", "total=9"}, "'total' twice"},
      {"cosine", {"total=9", "warmup=10"}, "at least the warmup of 10"},
      {"polynomial", {"power=0"}, "found 'power=0', expected"},
      {"polynomial", {"power=inf"}, "found 'power=inf', expected"},
      {"step", {}, "found neither every= nor at="},
      {"step", {"every=0"}, "found neither"},
      {"step", {"every=3", "at=3"}, "found both"},
      {"step", {"at=3/1"}, "found 'at=3/1', expected at=STEP"},
      {"step", {"at=3/"}, "found 'at=3/', expected"},
      {"one-cycle", {"warmup=3"}, "expected a setting of 'one-cycle'"},
      {"one-cycle", {"linear=1"}, "expected linear alone"},
      {"one-cycle", {"div=0"}, "found 'div=0', expected"},
  };
  for (const auto &one : cases) {
    LearningRate made;
    made.kind = one.kind;
    std::string error;
    for (const std::string &setting : one.settings)
      if (error.empty())
        error = addScheduleSetting(made, setting);
    if (error.empty())
      error = checkSchedule(made);
    EXPECT_NE(error.find(one.words), std::string::npos) << error;
  }
  // As a manifest that was edited may have them.
  LearningRate made = schedule("cosine", {"total=9"});
  made.settings["total"] = {};
  EXPECT_NE(checkSchedule(made), "");
  made.settings["total"] = {0.5};
  EXPECT_NE(checkSchedule(made), "");
  made.settings["total"] = {std::nan("")};
  EXPECT_NE(checkSchedule(made), "");
}
