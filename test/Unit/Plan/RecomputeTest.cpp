//===- RecomputeTest.cpp - What plans compute again -----------------------===//

#include "colossal/Plan/Recompute.h"
#include "ProgramBuilder.h"
#include "colossal/Plan/PlanFile.h"
#include "gtest/gtest.h"

#include <algorithm>

using namespace colossal;
using namespace colossal::plan;

namespace {
class Recompute : public ::testing::Test {
protected:
  void SetUp() override {
    TransformerSize size;
    size.layers = 6;
    size.vocabulary = 997;
    program = transformer(size);
    std::string error;
    cluster = *machine::readClusterFile(
        COLOSSAL_SOURCE_DIR "/examples/clusters/cpu-2.json", error);
  }
  std::optional<SearchResult> find(const std::string &pins,
                                   int64_t memoryBytes = 0) {
    SearchOptions options;
    options.pins = *Pins::parse(pins, error);
    options.memoryBytes = memoryBytes;
    std::optional<SearchResult> result =
        searchPlan(program, cluster, options, error);
    if (result) {
      EXPECT_EQ(verifyPlan(program, result->plan), std::vector<std::string>());
    }
    return result;
  }
  SearchResult search(const std::string &pins, int64_t memoryBytes = 0) {
    std::optional<SearchResult> result = find(pins, memoryBytes);
    EXPECT_TRUE(result) << error;
    return result ? *result : SearchResult();
  }
  static int64_t peakOf(const Plan &plan) { return fullestBytes(plan.stages); }
  /// Layers of which something is computed again.
  int layersOf(const Plan &plan) const {
    std::set<std::string> layers;
    for (const RecomputedCopy &copy : plan.recomputed) {
      const std::string &name = program.values[copy.value].name;
      layers.insert(name.substr(0, name.find('.', 2)));
    }
    return int(layers.size());
  }

  Program program;
  machine::Cluster cluster;
  std::string error;
};
} // namespace

TEST_F(Recompute, PinsSayHowManyBlocks) {
  Plan none = search("data=2,microbatches=1,recompute=none").plan;
  Plan two = search("data=2,microbatches=1,recompute=2").plan;
  Plan all = search("data=2,microbatches=1,recompute=all").plan;
  EXPECT_TRUE(none.recomputed.empty());
  EXPECT_LT(0u, two.recomputed.size());
  EXPECT_LT(two.recomputed.size(), all.recomputed.size());
  EXPECT_LT(peakOf(two), peakOf(none));
  EXPECT_LT(peakOf(all), peakOf(two));
  // What is computed again costs its time, in backward.
  EXPECT_EQ(none.stages[0].recomputeNs, 0);
  EXPECT_EQ(all.stages[0].times.backwardNs - all.stages[0].recomputeNs,
            none.stages[0].times.backwardNs);
  EXPECT_EQ(all.stepNs - all.stages[0].recomputeNs, none.stepNs);
  EXPECT_FALSE(find("data=2,recompute=99"));
  EXPECT_NE(error.find("found recompute=99, expected at most"),
            std::string::npos)
      << error;
}

// A budget between nothing and everything: some layers compute again, others
// do not, and the plan is faster than the one that computes all again.
TEST_F(Recompute, AsLittleAsFits) {
  std::string division = "data=2,zero=0,microbatches=1";
  SearchResult none = search(division + ",recompute=none");
  SearchResult all = search(division + ",recompute=all");
  int64_t most = peakOf(none.plan), least = peakOf(all.plan);
  int64_t lastTime = INT64_MAX;
  for (int percent : {10, 30, 50, 70, 90}) {
    int64_t budget = least + (most - least) / 100 * percent;
    SearchResult found = search(division, budget);
    EXPECT_LE(peakOf(found.plan), budget);
    EXPECT_FALSE(found.plan.recomputed.empty());
    EXPECT_LT(found.plan.stepNs, all.plan.stepNs);
    EXPECT_LE(found.plan.stepNs, lastTime) << "more memory, more time";
    lastTime = found.plan.stepNs;
  }
  EXPECT_TRUE(search(division, most).plan.recomputed.empty());
  EXPECT_FALSE(find(division + ",recompute=none", most - (most - least) / 2));
}

TEST_F(Recompute, StagesFitOneByOne) {
  std::string division = "pipeline=2,schedule=gpipe,microbatches=4";
  SearchResult none = search(division + ",recompute=none");
  SearchResult all = search(division + ",recompute=all");
  EXPECT_LT(peakOf(all.plan), peakOf(none.plan));
  SearchResult found =
      search(division, (peakOf(none.plan) + peakOf(all.plan)) / 2);
  EXPECT_FALSE(found.plan.recomputed.empty());
  for (const RecomputedCopy &copy : found.plan.recomputed)
    EXPECT_EQ(found.plan.ops[program.values[copy.value].producer].segment,
              Segment::Forward);
}

TEST_F(Recompute, PlanFilesHoldIt) {
  Plan plan = search("tensor=2,recompute=3").plan;
  plan.recomputed.front().forEachUse = true;
  std::string text = writePlan(program, cluster, plan);
  std::optional<Plan> read =
      readPlan(program, cluster, text, "plan.json", error);
  ASSERT_TRUE(read) << error;
  EXPECT_EQ(read->recomputed, plan.recomputed);
  EXPECT_EQ(writePlan(program, cluster, *read), text);
  // Only what forward makes can be computed again.
  Plan wrong = plan;
  auto argument = std::find_if(
      program.values.begin(), program.values.end(),
      [](const ProgramValue &value) { return value.producer < 0; });
  wrong.recomputed = {{int(argument - program.values.begin())}};
  EXPECT_EQ(verifyPlan(program, wrong).size(), 1u);
  auto gradient = std::find_if(program.values.begin(), program.values.end(),
                               [&](const ProgramValue &value) {
                                 return value.producer >= 0 &&
                                        program.ops[value.producer].segment ==
                                            Segment::Backward;
                               });
  wrong.recomputed = {{int(gradient - program.values.begin())}};
  EXPECT_EQ(verifyPlan(program, wrong).size(), 1u);
}
