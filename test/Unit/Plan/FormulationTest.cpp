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
  Solved solved = solve(program, {{{"data", 2}}, {}}, options);
  // Every forward and backward op cuts the batch; one all-reduce per weight
  // gradient and one for the loss, nothing else.
  EXPECT_EQ(solved.plan.reshards.size(), 3u);
  for (const PlannedReshard &reshard : solved.plan.reshards) {
    EXPECT_EQ(nameOf(reshard.from), "P");
    EXPECT_EQ(nameOf(reshard.to), "R");
  }
}

// The search builds a problem once and asks it for several budgets.
TEST(Formulation, NumbersOfMemoryChangeAlone) {
  Program program = transformer({});
  Mesh mesh = {{{"axis", 4}}, {}};
  FormulationOptions options, other;
  options.microbatches = other.microbatches = 2;
  other.inFlight = 3;
  other.memoryPrice = 7;
  other.memoryLimit = int64_t(1) << 40;
  Formulation changed = solve(program, mesh, options).formulation;
  Formulation built = solve(program, mesh, other).formulation;
  EXPECT_NE(writeProblem(changed.problem), writeProblem(built.problem));
  setMemory(changed, program, other);
  EXPECT_EQ(writeProblem(changed.problem), writeProblem(built.problem));
  EXPECT_EQ(changed.options.inFlight, 3);
}

// Megatron's split with sequence-sharded norms: per residual branch and
// direction one reduce-scatter and one all-gather; the loss is cut along the
// vocabulary, with three reductions inside.
TEST(Formulation, TransformerUnderTensor2) {
  Program program = transformer({});
  FormulationOptions options;
  options.rules = {AxisRule::Tensor};
  Solved solved = solve(program, {{{"tensor", 2}}, {}}, options);
  EXPECT_EQ(verifyPlan(program, solved.plan), std::vector<std::string>());
  std::map<std::string, int> counts;
  for (const PlannedReshard &reshard : solved.plan.reshards)
    ++counts[std::string(nameOf(reshard.segment)) + " " + nameOf(reshard.from) +
             " " + nameOf(reshard.to)];
  // Two layers of two branches, and embedding or head.
  EXPECT_EQ(counts["forward P S1"], 5);
  EXPECT_EQ(counts["forward S1 R"], 5);
  EXPECT_EQ(counts["backward P S1"], 5);
  EXPECT_EQ(counts["backward S1 R"], 5);
  EXPECT_EQ(counts["forward Pmax R"], 1);
  EXPECT_EQ(counts["forward P R"], 2);
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

// A count of labels is needed complete inside the loop: it moves before it.
TEST(Batching, CountsAreHoisted) {
  ProgramBuilder builder;
  builder.bounds = {{"b", 8}, {"n", 16}};
  int x = builder.argument("x", Role::Batch, "b n", 0);
  int w = builder.argument("w", Role::Parameter, "n");
  ProgramBuilder::Options sum;
  sum.linear = {{0}};
  int count = builder.one("count", Segment::Forward, "b n -> ", {x}, sum);
  int scaled =
      builder.one("scaled", Segment::Forward, "b n, n,  -> b n", {x, w, count});
  int total = builder.one("total", Segment::Forward, "b n -> ", {scaled}, sum);
  builder.program.values[total].metric = true;
  Batching batching = analyzeBatching(builder.program);
  EXPECT_EQ(batching.hoisted, (std::vector<int>{0}));
  EXPECT_TRUE(batching.divisible);
  EXPECT_TRUE(batching.partial[total]);
  EXPECT_EQ(microbatchCounts(batching), (std::vector<int64_t>{1, 2, 4, 8}));
  batching.batch = int64_t(1) << 40;
  EXPECT_EQ(microbatchCounts(batching).back(), 1 << 20);
}

// A mean over the batch that depends on parameters needs the whole batch.
TEST(Batching, BatchStatisticsAllowOneMicrobatch) {
  ProgramBuilder builder;
  builder.bounds = {{"b", 8}, {"n", 16}};
  int x = builder.argument("x", Role::Batch, "b n", 0);
  int w = builder.argument("w", Role::Parameter, "n");
  int y = builder.one("scale", Segment::Forward, "b n, n -> b n", {x, w});
  int mean = builder.one("mean", Segment::Forward, "b n -> n", {y});
  int z = builder.one("center", Segment::Forward, "b n, n -> b n", {y, mean});
  int total = builder.one("total", Segment::Forward, "b n -> ", {z});
  builder.program.values[total].metric = true;
  Batching batching = analyzeBatching(builder.program);
  EXPECT_FALSE(batching.divisible);
  EXPECT_EQ(batching.reason, "\"center\" needs \"mean\" of the whole batch");
  EXPECT_EQ(microbatchCounts(batching), (std::vector<int64_t>{1}));
}

// So does one that depends on a buffer, unless the step writes the buffer.
TEST(Batching, SumsOfBuffersAreHoisted) {
  for (bool written : {false, true}) {
    ProgramBuilder builder;
    builder.bounds = {{"b", 8}, {"n", 16}};
    int x = builder.argument("x", Role::Batch, "b n", 0);
    int buffer = builder.argument("buffer", Role::Buffer, "n");
    ProgramBuilder::Options sum;
    sum.linear = {{0}};
    int mass = builder.one("mass", Segment::Forward, "b n, n -> ", {x, buffer});
    int scaled =
        builder.one("scaled", Segment::Forward, "b n,  -> b n", {x, mass});
    int total =
        builder.one("total", Segment::Forward, "b n -> ", {scaled}, sum);
    builder.program.values[total].metric = true;
    if (written) {
      int next = builder.one("next", Segment::Update, "n -> n", {buffer});
      builder.program.values[next].updates = buffer;
    }
    Batching batching = analyzeBatching(builder.program);
    EXPECT_EQ(batching.divisible, !written) << batching.reason;
    EXPECT_EQ(batching.hoisted,
              written ? std::vector<int>{} : (std::vector<int>{0}));
  }
}

// What adds a penalty on parameters to a sum over the microbatches runs behind
// them, once.
TEST(Batching, CompleteTermsAreAddedOnce) {
  ProgramBuilder builder;
  builder.bounds = {{"b", 8}, {"n", 16}};
  int x = builder.argument("x", Role::Batch, "b n", 0);
  int w = builder.argument("w", Role::Parameter, "n");
  ProgramBuilder::Options sum, both;
  both.linear = {{0, 1}};
  int loss = builder.one("loss", Segment::Forward, "b n, n -> ", {x, w});
  int penalty = builder.one("penalty", Segment::Forward, "n -> ", {w});
  int total =
      builder.one("total", Segment::Forward, ",  -> ", {loss, penalty}, both);
  int root = builder.one("root", Segment::Forward, " -> ", {total});
  builder.program.values[root].metric = true;
  Batching batching = analyzeBatching(builder.program);
  EXPECT_TRUE(batching.divisible) << batching.reason;
  EXPECT_EQ(batching.sunk, (std::vector<int>{2, 3}));
  // Unless the loop needs it.
  builder.one("later", Segment::Backward, "b n,  -> b n", {x, total});
  batching = analyzeBatching(builder.program);
  EXPECT_EQ(batching.reason, "\"total\" needs \"loss\" of the whole batch");
  EXPECT_TRUE(batching.sunk.empty());
}

// Zeros of the batch's shape that only samples use are cut like samples; those
// that also the update uses stay whole.
TEST(Batching, ValuesOfTheBatchShapeAreCut) {
  ProgramBuilder builder;
  builder.bounds = {{"b", 8}, {"n", 16}};
  int x = builder.argument("x", Role::Batch, "b n", 0);
  int zeros = builder.one("zeros", Segment::Forward, "-> b n", {});
  int wide = builder.one("wide", Segment::Forward, "b n -> b n", {zeros});
  int ones = builder.one("ones", Segment::Forward, "-> b n", {});
  int y = builder.one("y", Segment::Forward, "b n, b n, b n -> b n",
                      {x, wide, ones});
  ProgramBuilder::Options sum;
  sum.linear = {{0}};
  int total = builder.one("total", Segment::Forward, "b n -> ", {y}, sum);
  int norm = builder.one("norm", Segment::Update, "b n -> ", {ones}, sum);
  builder.program.values[total].metric = true;
  builder.program.values[norm].metric = true;
  Batching batching = analyzeBatching(builder.program);
  EXPECT_TRUE(batching.divisible) << batching.reason;
  EXPECT_EQ(batching.subDims[zeros], 0);
  EXPECT_EQ(batching.subDims[wide], 0);
  EXPECT_EQ(batching.subDims[ones], -1);
  EXPECT_EQ(batching.factors, (std::vector<int>{0, 0, -1, 0, 0, -1}));
}

TEST(Strategies, PartialSumsInsideAGroupAreReduced) {
  ProgramBuilder builder;
  builder.bounds = {{"b", 8}, {"n", 16}};
  int x = builder.argument("x", Role::Batch, "b n", 0);
  builder.group = "softmax";
  ProgramBuilder::Options maximum;
  maximum.max = "n";
  int largest = builder.one("max", Segment::Forward, "b n -> b", {x}, maximum);
  int sum = builder.one("sum", Segment::Forward, "b n, b -> b", {x, largest});
  int y = builder.one("divide", Segment::Forward, "b n, b, b -> b n",
                      {x, largest, sum});
  builder.program.values[y].metric = true;
  Batching batching = analyzeBatching(builder.program);
  std::vector<OpNode> nodes = buildNodes(builder.program, batching);
  ASSERT_EQ(nodes.size(), 1u);
  ASSERT_EQ(nodes[0].classCount, 2);
  Mesh mesh{{{"x", 2}}, {}};
  // The second class is n.
  std::optional<NodeStrategy> strategy = deriveStrategy(
      builder.program, mesh, nodes[0], {{Choice::Kind::Class, 1}});
  ASSERT_TRUE(strategy);
  EXPECT_EQ(strategy->reduced, (std::vector<int>{largest, sum}));
  EXPECT_EQ(nameOf(strategy->outputs[0]), "S1");
  // Cutting the rows needs no communication.
  strategy = deriveStrategy(builder.program, mesh, nodes[0],
                            {{Choice::Kind::Class, 0}});
  ASSERT_TRUE(strategy);
  EXPECT_TRUE(strategy->reduced.empty());
}

TEST(Mesh, UnevenCutsArePadded) {
  ProgramValue value;
  value.dims = {{25, 3}};
  Mesh mesh{{{"x", 2}, {"y", 2}}, {}};
  EXPECT_EQ(localBytes(value, mesh, {0, replicated}, -1, 1), 13 * 3 * 4);
  EXPECT_EQ(localBytes(value, mesh, {0, 0}, -1, 1), 7 * 3 * 4);
  EXPECT_FALSE(layout::isLegal(value.subDims(), {1, 1}, mesh));
  EXPECT_TRUE(layout::isLegal(value.subDims(), {1, 0}, mesh));
}

TEST(Mesh, AxesJoinAndLeaveAsTheMinorMost) {
  machine::Cluster cluster = testCluster(4);
  Mesh mesh{{{"x", 2}, {"y", 2}}, {}};
  Reshards reshards(cluster, mesh);
  ProgramValue value;
  value.dims = {{64}, {64}};
  EXPECT_TRUE(reshards.time(value, {0, 0}, {0, replicated}, -1, 1));
  EXPECT_FALSE(reshards.time(value, {0, 0}, {replicated, 0}, -1, 1));
  EXPECT_TRUE(reshards.time(value, {replicated, 1}, {0, 1}, -1, 1));
  EXPECT_FALSE(reshards.time(value, {replicated, 1}, {1, 1}, -1, 1));
  EXPECT_FALSE(reshards.time(value, {0, 1}, {1, 0}, -1, 1));
  // Nothing makes a partial sum out of a complete value by communication.
  EXPECT_FALSE(reshards.time(value, {0, 1}, {partialSum, 1}, -1, 1));
}
