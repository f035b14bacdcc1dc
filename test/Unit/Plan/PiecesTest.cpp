//===- PiecesTest.cpp - Where a program is cut, and what lies together ----===//

#include "colossal/Plan/Pieces.h"
#include "ProgramBuilder.h"
#include "colossal/Plan/Search.h"
#include "gtest/gtest.h"

#include <set>

using namespace colossal;
using namespace colossal::plan;

/// Pre-norm residual blocks that all read a memory, and a loss after each. As
/// Differentiate gives it: the gradient of a residual is one op with that of
/// the norm beside it, belongs to the block before, and needs values of the
/// block behind. The skip of the first block goes to the last.
static Program residual(int64_t layers) {
  using S = Segment;
  ProgramBuilder b;
  b.bounds = {{"b", 16}, {"e", 32}, {"f", 32}};
  auto kernel = [](std::vector<std::vector<int>> linear = {}) {
    ProgramBuilder::Options options;
    options.work.flopsPerPoint = 1;
    options.linear = std::move(linear);
    return options;
  };
  int x = b.argument("x", Role::Batch, "b e", 0);
  int start = b.argument("start", Role::Parameter, "e f");
  std::vector<int> weights, inputs, norms, hidden;
  for (int64_t l = 0; l < layers; ++l)
    weights.push_back(
        b.argument("weight." + std::to_string(l), Role::Parameter, "f e"));
  int memory = b.product("memory", S::Forward, "b e, e f -> b f", {x, start});
  int h = b.one("embedding", S::Forward, "b f -> b f", {memory}, kernel());
  int first = h, loss = -1;
  for (int64_t l = 0; l < layers; ++l) {
    std::string name = "block." + std::to_string(l);
    inputs.push_back(h);
    norms.push_back(
        b.one(name + "/norm", S::Forward, "b f -> b", {h}, kernel()));
    hidden.push_back(b.one(name + "/scale", S::Forward, "b f, b, b f -> b f",
                           {h, norms[l], memory}, kernel()));
    int product = b.product(name + "/product", S::Forward, "b f, f e -> b e",
                            {hidden[l], weights[l]});
    bool skips = l + 1 == layers;
    h = skips ? b.one(name + "/add", S::Forward, "b f, b f, b f -> b f",
                      {h, product, first}, kernel({{0, 1, 2}}))
              : b.one(name + "/add", S::Forward, "b f, b f -> b f",
                      {h, product}, kernel({{0, 1}}));
    int own = b.one(name + "/loss", S::Forward, "b f -> ", {h}, kernel({{0}}));
    loss = l == 0 ? own
                  : b.one(name + "/sum", S::Forward, ",  -> ", {loss, own},
                          kernel({{0, 1}}));
  }
  b.program.values[loss].metric = true;
  b.forwardOf = "block." + std::to_string(layers - 1) + "/add";
  int g = b.one("seed", S::Backward, "b f -> b f", {h}, kernel({{0}}));
  std::vector<int> ofMemory, gradients(layers);
  int last = g;
  for (int64_t l = layers - 1; l >= 0; --l) {
    std::string name = "block." + std::to_string(l);
    b.forwardOf = name + "/product";
    int back = b.product(name + "/back", S::Backward, "b e, f e -> b f",
                         {g, weights[l]});
    gradients[l] = b.product(name + "/weight", S::Backward, "b f, b e -> f e",
                             {hidden[l], g});
    b.forwardOf = name + "/scale";
    ofMemory.push_back(b.one(name + "/memory", S::Backward,
                             "b f, b f, b -> b f", {back, inputs[l], norms[l]},
                             kernel({{0}})));
    b.forwardOf =
        l == 0 ? "embedding" : "block." + std::to_string(l - 1) + "/add";
    g = b.one(name + "/residual", S::Backward, "b f, b f, b f, b, b f -> b f",
              {g, back, inputs[l], norms[l], memory}, kernel({{0, 1}}));
  }
  b.forwardOf = "embedding";
  int both = b.one("embedding/back", S::Backward, "b f, b f -> b f", {g, last},
                   kernel({{0, 1}}));
  b.forwardOf = "memory";
  int total = ofMemory[0];
  for (size_t i = 1; i <= ofMemory.size(); ++i)
    total = b.one(
        "memory/sum" + std::to_string(i), S::Backward, "b f, b f -> b f",
        {total, i < ofMemory.size() ? ofMemory[i] : both}, kernel({{0, 1}}));
  int startGradient =
      b.product("start/gradient", S::Backward, "b e, b f -> e f", {x, total});
  auto update = [&](int weight, int gradient, const std::string &spec) {
    b.forwardOf = b.program.values[weight].name;
    int next = b.one(b.forwardOf + "/update", S::Update, spec,
                     {weight, gradient}, kernel({{0, 1}}));
    b.program.values[next].updates = weight;
  };
  for (int64_t l = 0; l < layers; ++l)
    update(weights[l], gradients[l], "f e, f e -> f e");
  update(start, startGradient, "e f, e f -> e f");
  return b.program;
}

namespace {
struct Parts {
  explicit Parts(Program theProgram)
      : program(std::move(theProgram)), batching(analyzeBatching(program)),
        nodes(buildNodes(program, batching)) {}
  Pieces at(Granularity granularity) const {
    return findPieces(program, batching, nodes, granularity);
  }

  Program program;
  Batching batching;
  std::vector<OpNode> nodes;
};
} // namespace

/// Values go to later pieces, gradients to earlier ones.
static void expectPipeline(const Parts &parts, const Pieces &pieces) {
  std::vector<int> pieceOf(parts.program.ops.size());
  for (size_t n = 0; n < parts.nodes.size(); ++n)
    for (int op : parts.nodes[n].ops)
      pieceOf[op] = pieces.ofNode[n];
  for (size_t i = 0; i < parts.program.ops.size(); ++i)
    for (const Access &operand : parts.program.ops[i].operands) {
      int producer = parts.program.values[operand.value].producer;
      if (producer < 0)
        continue;
      Segment made = parts.program.ops[producer].segment;
      if (made == Segment::Backward &&
          parts.program.ops[i].segment == Segment::Backward)
        EXPECT_GE(pieceOf[producer], pieceOf[i]) << parts.program.ops[i].name;
      if (parts.program.ops[i].segment == Segment::Forward)
        EXPECT_LE(pieceOf[producer], pieceOf[i]) << parts.program.ops[i].name;
    }
}

TEST(Pieces, BlocksRepeatWhereSeveralValuesCross) {
  std::set<size_t> different;
  for (int64_t layers : {8, 20}) {
    Parts parts(residual(layers));
    ASSERT_TRUE(parts.program.check().empty()) << parts.program.check()[0];
    Pieces blocks = parts.at(Granularity::Blocks);
    expectPipeline(parts, blocks);
    std::map<int, int> copies;
    for (int representative : blocks.representatives)
      ++copies[representative];
    int most = 0;
    for (auto [representative, count] : copies)
      most = std::max(most, count);
    // All but those where a skip begins and ends.
    EXPECT_GE(most, layers - 3);
    different.insert(copies.size());
  }
  EXPECT_EQ(different.size(), 1u) << "the problem grows with the depth";
}

// a -> b -> a -> b, again and again: as nodes, a and b would wait for each
// other. What is on no cycle stays together.
TEST(Nodes, GroupsOnCyclesFallApart) {
  constexpr int repeats = 3000;
  ProgramBuilder builder;
  builder.bounds = {{"n", 4}};
  int value = builder.argument("x", Role::Batch, "n");
  for (int i = 0; i < repeats; ++i)
    for (const char *name : {"a", "b", "a", "b", "c", "c"}) {
      builder.group = name + std::to_string(i);
      value = builder.one(builder.group + std::to_string(value),
                          Segment::Forward, "n -> n", {value});
    }
  Parts parts(std::move(builder.program));
  ASSERT_EQ(parts.nodes.size(), 5u * repeats);
  for (size_t n = 0; n < parts.nodes.size(); ++n) {
    size_t first = n / 5 * 6 + n % 5;
    std::vector<int> expected = {int(first)};
    if (n % 5 == 4)
      expected.push_back(int(first) + 1);
    EXPECT_EQ(parts.nodes[n].ops, expected);
  }
}

TEST(Pieces, FinerCutsToTheLastNode) {
  Parts parts(residual(3));
  int forward = 0;
  for (const OpNode &node : parts.nodes)
    forward += node.segment == Segment::Forward;
  Pieces cuts = parts.at(Granularity::Cuts);
  Pieces nodes = parts.at(Granularity::Nodes);
  expectPipeline(parts, cuts);
  expectPipeline(parts, nodes);
  EXPECT_GE(cuts.stageable(), 4);
  EXPECT_LT(cuts.stageable(), forward);
  EXPECT_EQ(nodes.stageable(), forward);
}

// A program without backward whose update reads what depends on the batch alone
// (an evaluation that adds up over the batch): every node has a piece.
TEST(Pieces, AnUpdateMayReadWhatDependsOnTheBatchAlone) {
  ProgramBuilder builder;
  builder.bounds = {{"b", 8}, {"n", 4}};
  int x = builder.argument("x", Role::Batch, "b", 0);
  int z = builder.argument("z", Role::Batch, "n");
  int w = builder.argument("w", Role::Parameter, "n");
  int early = builder.one("early", Segment::Forward, "n -> n", {z});
  int sum = builder.one("sum", Segment::Forward, "b, n -> n", {x, w});
  int end = builder.one("end", Segment::Update, "n -> n", {early});
  builder.program.values[sum].output = true;
  builder.program.values[end].output = true;
  Parts parts(builder.program);
  for (Granularity granularity :
       {Granularity::Blocks, Granularity::Cuts, Granularity::Nodes}) {
    Pieces pieces = parts.at(granularity);
    for (int piece : pieces.ofNode) {
      EXPECT_GE(piece, 0);
      EXPECT_LT(piece, pieces.count());
    }
  }
}

// A long chain of equal ops has few representatives and few pieces.
TEST(Pieces, LongChainsAreJoined) {
  Parts parts(residual(2000));
  Pieces blocks = parts.at(Granularity::Blocks);
  EXPECT_LE(blocks.count(), 600);
  std::set<int> different(blocks.representatives.begin(),
                          blocks.representatives.end());
  EXPECT_LE(different.size(), 8u);
  EXPECT_LE(parts.at(Granularity::Cuts).count(), 600);
}

TEST(Pieces, FewBlocksManyStages) {
  Program program = residual(2);
  std::string error;
  std::optional<machine::Cluster> cluster = machine::readClusterFile(
      COLOSSAL_SOURCE_DIR "/examples/clusters/cpu-2.json", error);
  ASSERT_TRUE(cluster) << error;
  auto search = [&](const std::string &pins, int64_t devices) {
    cluster->devices = cluster->levels[0].groupSize = devices;
    SearchOptions options;
    options.pins = *Pins::parse(pins, error);
    return searchPlan(program, *cluster, options, error);
  };
  for (int64_t stages : {2, 3, 7}) {
    std::optional<SearchResult> found =
        search("microbatches=4,pipeline=" + std::to_string(stages), stages);
    ASSERT_TRUE(found) << stages << ": " << error;
    std::set<int64_t> used;
    for (const PlannedOp &op : found->plan.ops)
      used.insert(op.stage);
    EXPECT_EQ(int64_t(used.size()), stages);
  }
  EXPECT_FALSE(search("pipeline=64", 64));
  EXPECT_EQ(error, "no plan: found pipeline=64, expected at most 13: the "
                   "program cannot be cut into more stages");
}
