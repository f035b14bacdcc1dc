//===- FormulationTest.cpp - Strategies and problems of small programs ----===//

#include "ProgramBuilder.h"
#include "colossal/Plan/Plan.h"
#include "colossal/Plan/Solvers.h"
#include "gtest/gtest.h"

using namespace colossal;
using namespace colossal::plan;

/// Two-level test cluster of round numbers.
static machine::Cluster testCluster(int64_t devices) {
  machine::Cluster cluster;
  cluster.devices = devices;
  cluster.device.memoryBytes = int64_t(1) << 34;
  cluster.device.matrix = {{machine::DataType::F32, 1000000000000, {{1, 1.0}}}};
  cluster.device.elementwiseFlopsPerSecond = 100000000000;
  cluster.device.streaming = {{1, 100000000000}};
  cluster.device.kernelOverheadNs = 1000;
  machine::LinkLevel level;
  level.name = "node";
  level.groupSize = devices;
  level.latencyNs = 5000;
  level.bytesPerSecond = 10000000000;
  cluster.levels = {level};
  return cluster;
}

namespace {
struct Solved {
  Batching batching;
  std::vector<OpNode> nodes;
  Pieces pieces;
  Formulation formulation;
  Solution solution;
  Plan plan;
};
} // namespace

static Solved solve(const Program &program, const Mesh &mesh,
                    FormulationOptions options) {
  Solved solved;
  EXPECT_EQ(program.check(), std::vector<std::string>());
  solved.batching = analyzeBatching(program);
  solved.nodes = buildNodes(program, solved.batching);
  solved.pieces = wholeProgram(program, solved.nodes);
  std::string error;
  machine::Cluster cluster = testCluster(4);
  std::optional<Formulation> formulation =
      formulate(program, solved.batching, solved.nodes, solved.pieces, cluster,
                mesh, options, error);
  EXPECT_TRUE(formulation) << error;
  solved.formulation = *formulation;
  EXPECT_EQ(formulation->problem.check(), std::vector<std::string>());
  IntegerProgramReport report;
  std::optional<Solution> solution =
      solveIntegerProgram(formulation->problem, {}, report, error);
  EXPECT_TRUE(solution) << error;
  solved.solution = *solution;
  solved.plan = assemble(program, solved.nodes, solved.pieces, *formulation,
                         *solution, {0});
  return solved;
}

TEST(Formulation, PerceptronUnderData2) {
  Program program = perceptron({});
  FormulationOptions options;
  options.rules = {AxisRule::Data};
  options.zero = 0;
  Solved solved = solve(program, {{{"data", 2}}, 1}, options);
  if (getenv("SHOW"))
    printf("%s%s", writeProblem(solved.formulation.problem).c_str(),
           writeSolution(solved.formulation.problem, solved.solution).c_str());
  // Every forward and backward op cuts the batch; one all-reduce per weight
  // gradient and one for the loss, nothing else.
  EXPECT_EQ(solved.plan.reshards.size(), 3u);
  for (const PlannedReshard &reshard : solved.plan.reshards) {
    EXPECT_EQ(nameOf(reshard.from), "P");
    EXPECT_EQ(nameOf(reshard.to), "R");
  }
}

TEST(Formulation, TransformerUnderTensor2) {
  TransformerSize size;
  Program program = transformer(size);
  FormulationOptions options;
  options.rules = {AxisRule::Tensor};
  Solved solved = solve(program, {{{"tensor", 2}}, 1}, options);
  for (const PlannedReshard &reshard : solved.plan.reshards)
    printf("%-40s %s %s -> %s\n", program.values[reshard.value].name.c_str(),
           nameOf(reshard.segment), nameOf(reshard.from).c_str(),
           nameOf(reshard.to).c_str());
}

TEST(Pieces, TransformerBlocksRepeat) {
  TransformerSize size;
  size.layers = 5;
  Program program = transformer(size);
  Batching batching = analyzeBatching(program);
  std::vector<OpNode> nodes = buildNodes(program, batching);
  Pieces pieces = findPieces(program, batching, nodes);
  // Embedding, five blocks, head, and what is common to all.
  ASSERT_EQ(pieces.count(), 8);
  EXPECT_EQ(pieces.representatives, (std::vector<int>{0, 1, 1, 1, 1, 1, 6, 7}));
  EXPECT_EQ(pieces.common, 7);
}
