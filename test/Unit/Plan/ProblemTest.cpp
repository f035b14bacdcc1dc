//===- ProblemTest.cpp - Checks, text form and verification ---------------===//

#include "RandomProblems.h"
#include "colossal/Plan/Solvers.h"
#include "gtest/gtest.h"

using namespace colossal::plan;

// A product whose gathered operand is used twice in forward and once in
// backward: the gather is shared inside a segment and paid again in the next.
static const char *const sharedGather = R"(
repeats 1 4 4 1
value x weight 1 stored 0 kept 2
  state S 100
  state R 200
  arc S R 10
value a weight 1 stored 0 kept 1
  state S 1
value b weight 1 stored 0 kept 1
  state S 1
node source forward weight 1 : -> x
  strategy S 0 : -> S
node first forward weight 1 : x -> a
  strategy k 5 : R -> S
node second forward weight 1 : x -> b
  strategy k 5 : R -> S
node back backward weight 1 : x ->
  strategy k 5 : R ->
)";

static Problem read(const std::string &text) {
  std::string error;
  std::optional<Problem> problem = readProblem(text, "test", error);
  EXPECT_TRUE(problem) << error;
  return problem ? *problem : Problem();
}

static Solution solve(const Problem &problem) {
  std::string error;
  IntegerProgramReport report;
  std::optional<Solution> solution =
      solveIntegerProgram(problem, {}, report, error);
  EXPECT_TRUE(solution) << error;
  return solution ? *solution : Solution();
}

TEST(Problem, GatherIsSharedAndKept) {
  Problem problem = read(sharedGather);
  Solution solution = solve(problem);
  // Memory costs nothing: the gathered copy is kept. 3 * 4 * 5 + 4 * 10.
  EXPECT_EQ(solution.time, 100);
  EXPECT_EQ(solution.memory, 400);

  // With a limit the shard is kept and gathered again in backward.
  problem.memoryLimit = 300;
  solution = solve(problem);
  EXPECT_EQ(solution.time, 140);
  EXPECT_EQ(solution.memory, 200);
}

TEST(Problem, WhatIsUnkeptIsThereInsideASegmentAlone) {
  std::string text = sharedGather;
  text.insert(text.find("  state R 200") + 13, " unkept");
  Problem problem = read(text);
  EXPECT_EQ(writeProblem(problem), writeProblem(read(writeProblem(problem))));
  // Memory costs nothing, yet the shard is kept, and gathered in both segments.
  Solution solution = solve(problem);
  EXPECT_EQ(solution.kept[0], 0);
  EXPECT_EQ(solution.time, 140);
  EXPECT_EQ(solution.memory, 200);
  std::string error;
  std::optional<Solution> all = solveExhaustively(problem, error);
  ASSERT_TRUE(all) << error;
  EXPECT_EQ(writeSolution(problem, *all), writeSolution(problem, solution));

  // What was chosen without the exclusion is found out.
  Solution whole = solve(read(sharedGather));
  ASSERT_FALSE(whole.verify(problem).empty());
  EXPECT_NE(whole.verify(problem).front().find("the kept state is wrong"),
            std::string::npos);

  // Something must be left.
  problem.values[0].states[0].mayKeep = false;
  ASSERT_FALSE(problem.check().empty());
  EXPECT_EQ(problem.check().front(),
            "value \"x\": has no state that it may be kept in");
}

TEST(Problem, TextRoundTrip) {
  for (uint32_t seed = 0; seed < 50; ++seed) {
    std::string text = writeProblem(randomProblem(seed));
    EXPECT_EQ(text, writeProblem(read(text)));
  }
}

TEST(Problem, ReaderNamesTheLine) {
  std::string error;
  EXPECT_FALSE(readProblem("repeats 1 x 1 1\n", "f", error));
  EXPECT_EQ(error, "f:1: found 'x', expected a number that is not negative");
  EXPECT_FALSE(readProblem("value v weight 1 stored 0 kept 0\n"
                           "node n forward weight 1 : w ->\n",
                           "f", error));
  EXPECT_EQ(error, "f:2: found 'w', expected the name of a value");
  EXPECT_FALSE(readProblem("value v weight 1 stored 0 kept 0\n  state R 1\n",
                           "f", error));
  EXPECT_EQ(error, "f: value \"v\": found 0 producers, expected 1");
}

TEST(Problem, UseBeforeProductionIsRefused) {
  Problem problem = read(sharedGather);
  problem.nodes[0].segment = Segment::Update;
  ASSERT_FALSE(problem.check().empty());
  EXPECT_EQ(problem.check().front(), "value \"x\": is produced in update and "
                                     "used before, in forward");
}

TEST(Solution, VerifyFindsEachFault) {
  Problem problem = read(sharedGather);
  Solution good = solve(problem);
  ASSERT_TRUE(good.verify(problem).empty());

  Solution missing = good;
  missing.arcs[0][int(Segment::Forward)].clear();
  EXPECT_FALSE(missing.verify(problem).empty());

  Solution cheap = good;
  cheap.time -= 1;
  cheap.cost -= 1;
  EXPECT_FALSE(cheap.verify(problem).empty());

  Solution unkept = good;
  unkept.kept[0] = -1;
  EXPECT_FALSE(unkept.verify(problem).empty());

  Solution other = good;
  other.strategies[0] = 7;
  EXPECT_FALSE(other.verify(problem).empty());

  problem.memoryLimit = good.memory - 1;
  EXPECT_FALSE(good.verify(problem).empty());
}

TEST(Solution, TiesAreVerified) {
  Problem problem = read("value v weight 1 stored 1 kept 1 resident\n"
                         "  state R 10\n  state S 5\n  arc S R 1\n"
                         "  arc R S 1\n"
                         "node source prologue weight 1 : -> v\n"
                         "  strategy R 0 : -> R\n  strategy S 0 : -> S\n"
                         "node sink update weight 1 : v ->\n"
                         "  strategy R 0 : R ->\n  strategy S 9 : S ->\n"
                         "tie source sink\n");
  Solution solution = solve(problem);
  EXPECT_EQ(solution.cost, 0);
  solution.strategies = {0, 1};
  ASSERT_TRUE(completeWithArcs(problem, solution));
  ASSERT_FALSE(solution.verify(problem).empty());
  EXPECT_NE(solution.verify(problem).front().find("tie"), std::string::npos);
}
