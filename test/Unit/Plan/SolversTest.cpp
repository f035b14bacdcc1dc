//===- SolversTest.cpp - The integer program against enumeration ----------===//

#include "colossal/Plan/Solvers.h"
#include "RandomProblems.h"
#include "gtest/gtest.h"

#include <algorithm>

using namespace colossal::plan;

// The cost of the integer program equals that of exhaustive enumeration on 500
// random problems, and they agree on which have no solution.
TEST(Solvers, IntegerProgramEqualsEnumeration) {
  int solved = 0, shared = 0, limited = 0, unsolvable = 0, crossing = 0,
      excluded = 0;
  for (uint32_t seed = 0; seed < 500; ++seed) {
    Problem problem = randomProblem(seed);
    ASSERT_TRUE(problem.check().empty())
        << "seed " << seed << ": " << problem.check().front();
    std::string error;
    std::optional<Solution> all = solveExhaustively(problem, error);
    ASSERT_EQ(error, "") << "seed " << seed;
    IntegerProgramReport report;
    std::optional<Solution> program =
        solveIntegerProgram(problem, {}, report, error);
    ASSERT_EQ(error, "") << "seed " << seed;
    ASSERT_EQ(all.has_value(), program.has_value()) << "seed " << seed;
    if (!all) {
      ++unsolvable;
      continue;
    }
    EXPECT_EQ(all->cost, program->cost)
        << "seed " << seed << "\n"
        << writeProblem(problem) << writeSolution(problem, *all)
        << writeSolution(problem, *program);
    EXPECT_TRUE(all->verify(problem).empty());
    EXPECT_TRUE(program->verify(problem).empty());
    EXPECT_TRUE(report.optimal);
    EXPECT_LE(report.bound, double(all->cost) + 0.5);
    ++solved;
    limited += problem.memoryLimit.has_value();
    for (size_t v = 0; v < problem.values.size(); ++v) {
      crossing += program->kept[v] >= 0;
      excluded +=
          program->kept[v] >= 0 &&
          !std::all_of(problem.values[v].states.begin(),
                       problem.values[v].states.end(),
                       [](const State &state) { return state.mayKeep; });
      for (const std::vector<int> &arcs : program->arcs[v])
        shared += arcs.size() > 1;
    }
  }
  // The generator reaches what the model is about.
  EXPECT_GT(solved, 300);
  EXPECT_GT(limited, 30);
  EXPECT_GT(unsolvable, 5);
  EXPECT_GT(shared, 30);
  EXPECT_GT(crossing, 100);
  EXPECT_GT(excluded, 30);
}

// Wherever the branch and bound on the relaxation gives up, HiGHS' own solver
// goes on to the same cost, with what was found so far as its start.
TEST(Solvers, HandsOverToHighs) {
  int handedOver = 0;
  for (uint32_t seed = 0; seed < 200; ++seed) {
    Problem problem = randomProblem(seed);
    std::string error;
    IntegerProgramReport report, other;
    std::optional<Solution> all =
        solveIntegerProgram(problem, {}, report, error);
    for (int64_t nodes : {0, 2}) {
      IntegerProgramOptions options;
      options.branchNodes = nodes;
      std::optional<Solution> solution =
          solveIntegerProgram(problem, options, other, error);
      ASSERT_EQ(error, "") << "seed " << seed;
      ASSERT_EQ(all.has_value(), solution.has_value()) << "seed " << seed;
      EXPECT_FALSE(other.cutOff);
      if (!all)
        continue;
      EXPECT_EQ(all->cost, solution->cost)
          << "seed " << seed << ", " << nodes << " nodes\n"
          << writeProblem(problem);
      EXPECT_TRUE(other.optimal);
      EXPECT_LE(other.bound, double(all->cost) + 0.5);
      handedOver += nodes > 0 && report.nodes > nodes;
    }
  }
  EXPECT_GT(handedOver, 5);
}

// A cutoff leaves solutions that cost less than it, and no others; a start is
// returned unless there is a better one.
TEST(Solvers, CutoffAndStart) {
  int bettered = 0;
  for (uint32_t seed = 0; seed < 200; ++seed) {
    Problem problem = randomProblem(seed);
    std::string error;
    IntegerProgramReport report;
    std::optional<Solution> best =
        solveIntegerProgram(problem, {}, report, error);
    if (!best)
      continue;
    for (int64_t nodes : {200, 0}) {
      IntegerProgramOptions options;
      options.branchNodes = nodes;
      options.cutoff = best->cost;
      EXPECT_FALSE(solveIntegerProgram(problem, options, report, error));
      EXPECT_EQ(error, "") << "seed " << seed;
      EXPECT_TRUE(report.cutOff) << "seed " << seed;
      EXPECT_LE(report.bound, double(best->cost) + 0.5);
      options.cutoff = best->cost + 1;
      std::optional<Solution> below =
          solveIntegerProgram(problem, options, report, error);
      ASSERT_TRUE(below) << "seed " << seed << ", " << nodes << " nodes";
      EXPECT_EQ(below->cost, best->cost);
      EXPECT_FALSE(report.cutOff);
    }
    // The best of the first strategies only, if that is a solution.
    Problem first = problem;
    for (ProblemNode &node : first.nodes)
      node.strategies.resize(1);
    std::optional<Solution> start =
        solveIntegerProgram(first, {}, report, error);
    if (!start)
      continue;
    IntegerProgramOptions options;
    options.start = &*start;
    std::optional<Solution> better =
        solveIntegerProgram(problem, options, report, error);
    ASSERT_TRUE(better) << "seed " << seed;
    EXPECT_EQ(better->cost, best->cost) << "seed " << seed;
    EXPECT_TRUE(report.optimal);
    bettered += start->cost > best->cost;
  }
  EXPECT_GT(bettered, 20);
}

// A deadline that is over leaves a sound solution, the first, where one is
// needed, or what was there at the start; with time left nothing changes.
TEST(Solvers, EndsAtTheDeadline) {
  using Clock = std::chrono::steady_clock;
  int more = 0;
  for (uint32_t seed = 0; seed < 200; ++seed) {
    Problem problem = randomProblem(seed);
    std::string error;
    IntegerProgramReport report, other;
    std::optional<Solution> all =
        solveIntegerProgram(problem, {}, report, error);
    for (int64_t nodes : {0, 200}) {
      IntegerProgramOptions options;
      options.branchNodes = nodes;
      options.needsOne = true;
      options.deadline = Clock::now() + std::chrono::hours(1);
      std::optional<Solution> solution =
          solveIntegerProgram(problem, options, other, error);
      ASSERT_EQ(error, "") << "seed " << seed;
      ASSERT_EQ(all.has_value(), solution.has_value()) << "seed " << seed;
      EXPECT_FALSE(other.late);
      EXPECT_TRUE(!all || all->cost == solution->cost) << "seed " << seed;

      options.deadline = Clock::now();
      solution = solveIntegerProgram(problem, options, other, error);
      ASSERT_EQ(error, "") << "seed " << seed;
      ASSERT_EQ(all.has_value(), solution.has_value()) << "seed " << seed;
      if (!all)
        continue;
      EXPECT_TRUE(solution->verify(problem).empty()) << "seed " << seed;
      EXPECT_GE(solution->cost, all->cost) << "seed " << seed;
      EXPECT_LE(other.bound, double(all->cost) + 0.5) << "seed " << seed;
      EXPECT_TRUE(other.late || solution->cost == all->cost);
      more += solution->cost > all->cost;

      options.needsOne = false;
      options.start = &*solution;
      std::optional<Solution> kept =
          solveIntegerProgram(problem, options, other, error);
      ASSERT_TRUE(kept) << "seed " << seed << ": " << error;
      EXPECT_LE(kept->cost, solution->cost) << "seed " << seed;
    }
  }
  EXPECT_GT(more, 5);
}

TEST(Solvers, SameAnswerTwice) {
  for (uint32_t seed = 0; seed < 20; ++seed) {
    Problem problem = randomProblem(seed);
    std::string error;
    IntegerProgramReport report;
    std::optional<Solution> a = solveIntegerProgram(problem, {}, report, error);
    std::optional<Solution> b = solveIntegerProgram(problem, {}, report, error);
    ASSERT_EQ(a.has_value(), b.has_value());
    if (a)
      EXPECT_EQ(writeSolution(problem, *a), writeSolution(problem, *b));
  }
}

TEST(Solvers, EnumerationRefusesLargeProblems) {
  std::string error;
  EXPECT_FALSE(solveExhaustively(randomProblem(1), error, 1));
  EXPECT_EQ(error, "more than 1 combinations");
}
