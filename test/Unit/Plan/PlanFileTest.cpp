//===- PlanFileTest.cpp - Plans as files ----------------------------------===//

#include "colossal/Plan/PlanFile.h"
#include "ProgramBuilder.h"
#include "gtest/gtest.h"

using namespace colossal;
using namespace colossal::plan;

namespace {
class PlanFile : public ::testing::Test {
protected:
  void SetUp() override {
    program = perceptron({});
    std::string error;
    cluster = *machine::readClusterFile(
        COLOSSAL_SOURCE_DIR "/examples/clusters/fast-links-4.json", error);
    SearchOptions options;
    options.pins = *Pins::parse("data=2,tensor=2,microbatches=2", error);
    plan = searchPlan(program, cluster, options, error)->plan;
    text = writePlan(program, cluster, plan);
  }
  std::string refusal(const Program &program, const machine::Cluster &cluster,
                      const std::string &text) {
    std::string error;
    EXPECT_FALSE(readPlan(program, cluster, text, "plan.json", error));
    return error;
  }
  std::string replaced(const std::string &from, const std::string &to) {
    std::string changed = text;
    size_t at = changed.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return changed.replace(at, from.size(), to);
  }

  Program program;
  machine::Cluster cluster;
  Plan plan;
  std::string text;
};
} // namespace

TEST_F(PlanFile, ReadsBackWhatWasWritten) {
  std::string error;
  std::optional<Plan> read =
      readPlan(program, cluster, text, "plan.json", error);
  ASSERT_TRUE(read) << error;
  EXPECT_EQ(writePlan(program, cluster, *read), text);
  EXPECT_TRUE(verifyPlan(program, *read).empty());
}

TEST_F(PlanFile, AnotherProgramClusterOrVersionIsRefused) {
  PerceptronSize larger;
  larger.layers = 3;
  EXPECT_NE(refusal(perceptron(larger), cluster, text)
                .find("plan.json: field \"structure\": found"),
            std::string::npos);
  machine::Cluster other = cluster;
  other.levels[0].latencyNs += 1;
  EXPECT_NE(refusal(program, other, text).find("field \"cluster\": found"),
            std::string::npos);
  EXPECT_NE(
      refusal(program, cluster, replaced("\"version\": 1", "\"version\": 2"))
          .find("field \"version\": found 2"),
      std::string::npos);
}

TEST_F(PlanFile, WrongEntriesAreRefused) {
  EXPECT_NE(
      refusal(program, cluster, replaced("\"data\": \"b\"", "\"data\": \"q\""))
          .find("expected a factor of the op that can be cut"),
      std::string::npos);
  // Without its reshards the plan no longer delivers what ops need.
  EXPECT_NE(refusal(program, cluster,
                    replaced("\"data\": \"b\"", "\"data\": \"n0\"")),
            "");
  EXPECT_NE(refusal(program, cluster, "{").find("plan.json"),
            std::string::npos);
}

TEST_F(PlanFile, VerifyFindsPlantedFaults) {
  Plan unplanned = plan;
  ASSERT_FALSE(unplanned.uses.empty());
  unplanned.uses.pop_back();
  EXPECT_FALSE(verifyPlan(program, unplanned).empty());
  Plan moved = plan;
  moved.ops[0].stage = 1;
  EXPECT_FALSE(verifyPlan(program, moved).empty());
  Plan early = plan;
  early.ops.back().segment = Segment::Prologue;
  EXPECT_FALSE(verifyPlan(program, early).empty());
  Plan jump = plan;
  jump.reshards[0].to = jump.reshards[0].from;
  EXPECT_FALSE(verifyPlan(program, jump).empty());
}

TEST_F(PlanFile, OtherDevicesCountsAndNamesAreRefused) {
  auto refuse = [&](const std::string &from, const std::string &to,
                    const std::string &expected) {
    std::string error = refusal(program, cluster, replaced(from, to));
    EXPECT_NE(error.find(expected), std::string::npos) << error;
    EXPECT_EQ(error.find('\n'), std::string::npos) << error;
  };
  std::string devices = "axes and device groups for 4 devices";
  std::string one = "\"stages\": 1,\n  \"device_groups\": 1,";
  auto stages = [](int64_t count, int64_t groups) {
    return "\"stages\": " + std::to_string(count) +
           ",\n  \"device_groups\": " + std::to_string(groups) + ",";
  };
  refuse(one, stages(16777216, 16777216), devices);
  refuse(one, stages(2, 2), devices);
  refuse(one, stages(4, 2), devices);
  refuse(one, stages(2, 1), "one stage where there is one device group");
  refuse(one, stages(3, 2), "a divisor of the number of stages");
  for (const char *size : {"1", "3", "16777216"})
    refuse("[\"data\", 2]", "[\"data\", " + std::string(size) + "]", devices);
  refuse("[\"data\", 2]", "[\"tensor\", 2]", "distinct names");
  refuse("[\"data\", 2]", "[\"time\", 2]", "not 'time'");
  refuse("\"microbatches\": 2", "\"microbatches\": 3",
         "expected a divisor of the batch of");
  refuse("\"microbatches\": 2", "\"microbatches\": 16777216",
         "expected a divisor of the batch of");
}

TEST_F(PlanFile, PinsThatContradictAreNamed) {
  auto against = [&](const std::string &text) {
    std::string error;
    return contradictionOf(*Pins::parse(text, error), program, plan);
  };
  EXPECT_EQ(against("data=2,tensor=2,pipeline=1,microbatches=2"), "");
  EXPECT_EQ(against("data=4"), "the plan has data=2, the pins say data=4");
  EXPECT_EQ(against("tensor=1"),
            "the plan has tensor=2, the pins say tensor=1");
  EXPECT_EQ(against("pipeline=2"),
            "the plan has pipeline=1, the pins say pipeline=2");
  EXPECT_EQ(against("microbatches=4"),
            "the plan has microbatches=2, the pins say microbatches=4");
  EXPECT_NE(against("zero=0"), against("zero=1"));
  EXPECT_EQ(against(std::string("schedule=") + nameOf(plan.schedule)), "");
  EXPECT_NE(against("schedule=gpipe"), against("schedule=1f1b"));
}

TEST_F(PlanFile, ExplanationNamesTheNumbers) {
  std::string words = explainPlan(program, plan, {});
  EXPECT_NE(words.find("plan for 4 devices: 1 stage, mesh data=2 x tensor=2, 2 "
                       "microbatches"),
            std::string::npos)
      << words;
  EXPECT_NE(words.find("predicted step:"), std::string::npos);
  EXPECT_NE(words.find("update: "), std::string::npos);
}
