//===- SearchTest.cpp - What the search finds, and that it is the best ----===//
//
// Clusters are the checked-in ones of examples/clusters.
//
//===----------------------------------------------------------------------===//

#include "colossal/Plan/Search.h"
#include "ProgramBuilder.h"
#include "colossal/Plan/PlanFile.h"
#include "gtest/gtest.h"

#include <algorithm>
#include <cmath>

using namespace colossal;
using namespace colossal::plan;

static machine::Cluster cluster(const std::string &name) {
  std::string error;
  std::optional<machine::Cluster> read = machine::readClusterFile(
      std::string(COLOSSAL_SOURCE_DIR "/examples/clusters/") + name + ".json",
      error);
  EXPECT_TRUE(read) << error;
  return read ? *read : machine::Cluster();
}

static SearchResult search(const Program &program,
                           const machine::Cluster &cluster,
                           const std::string &pins = "",
                           int64_t memoryBytes = 0) {
  std::string error;
  SearchOptions options;
  options.pins = *Pins::parse(pins, error);
  options.memoryBytes = memoryBytes;
  std::optional<SearchResult> result =
      searchPlan(program, cluster, options, error);
  EXPECT_TRUE(result) << pins << ": " << error;
  return result ? *result : SearchResult();
}

static std::string refusal(const Program &program,
                           const machine::Cluster &cluster,
                           const std::string &pins, int64_t memoryBytes = 0) {
  std::string error;
  SearchOptions options;
  options.pins = *Pins::parse(pins, error);
  options.memoryBytes = memoryBytes;
  EXPECT_FALSE(searchPlan(program, cluster, options, error));
  return error;
}

namespace {
/// Questions about a plan.
struct View {
  const Program &program;
  const Plan &plan;

  int op(const std::string &name) const {
    for (size_t i = 0; i < program.ops.size(); ++i)
      if (program.ops[i].name == name)
        return int(i);
    ADD_FAILURE() << "no op " << name;
    return 0;
  }
  /// Whether every axis cuts this factor in the op.
  bool cuts(const std::string &name, const std::string &factor) const {
    int index = op(name);
    for (const PlannedAxis &axis : plan.ops[index].axes)
      if (axis.factor < 0 ||
          program.ops[index].factors[axis.factor].name != factor)
        return false;
    return true;
  }
  /// Percent of the bytes of a role's arguments that some axis cuts.
  int64_t percentCut(Role role) const {
    int64_t all = 0, cut = 0;
    for (const auto &[index, state] : plan.arguments) {
      const ProgramValue &value = program.values[index];
      if (value.role != role)
        continue;
      int64_t bytes = value.elements() * value.elementBytes;
      all += bytes;
      for (int axis : state)
        if (axis >= 0) {
          cut += bytes;
          break;
        }
    }
    return 100 * cut / all;
  }
  /// Forward ops over the batch that every axis cuts along the batch.
  bool isDataParallel() const {
    Batching batching = analyzeBatching(program);
    for (size_t i = 0; i < program.ops.size(); ++i)
      for (const PlannedAxis &axis : plan.ops[i].axes)
        if (program.ops[i].segment == Segment::Forward &&
            batching.factors[i] >= 0 && axis.factor != batching.factors[i])
          return false;
    return true;
  }
};
} // namespace

static TransformerSize size(int64_t layers, int64_t batch, int64_t sequence,
                            int64_t vocabulary, int64_t heads,
                            int64_t features) {
  TransformerSize size;
  size.layers = layers;
  size.batch = batch;
  size.sequence = sequence;
  size.vocabulary = vocabulary;
  size.heads = heads;
  size.features = features;
  return size;
}

TEST(Search, DataParallelWithZeroOnSlowLinks) {
  Program program = transformer(size(2, 128, 64, 512, 4, 32));
  SearchResult result = search(program, cluster("slow-links-4"));
  View view{program, result.plan};
  EXPECT_EQ(result.plan.mesh.stages.groups, 1);
  EXPECT_TRUE(view.isDataParallel());
  EXPECT_GE(view.percentCut(Role::Optimizer), 90);
}

// Columns, then rows, the norms cut along the sequence or the features,
// vocabulary and loss cut along the vocabulary.
static void expectMegatron(const View &view, const std::string &columns,
                           const std::string &rows, const std::string &norm) {
  EXPECT_TRUE(view.cuts(columns, "f")) << columns;
  EXPECT_TRUE(view.cuts(rows, "f")) << rows;
  EXPECT_TRUE(view.cuts(norm, "s") || view.cuts(norm, "e")) << norm;
}

TEST(Search, MegatronOnFastLinks) {
  Program program = transformer(size(4, 1, 128, 2000, 16, 64));
  SearchResult result = search(program, cluster("fast-links-4"));
  View view{program, result.plan};
  EXPECT_EQ(result.plan.mesh.stages.groups, 1);
  EXPECT_GT(view.percentCut(Role::Parameter), 95);
  for (std::string block : {"h.0", "h.3"}) {
    expectMegatron(view, block + ".mlp.c_fc", block + ".mlp.c_proj",
                   block + ".ln_2/normalize");
    EXPECT_TRUE(view.cuts(block + ".attn.c_attn", "h"));
    EXPECT_TRUE(view.cuts(block + ".attn", "h"));
    EXPECT_TRUE(view.cuts(block + ".attn.c_proj", "h"));
  }
}

TEST(Search, VocabularyParallelHeadAndLoss) {
  Program program = transformer(size(1, 4, 64, 20000, 4, 64));
  SearchResult result = search(program, cluster("fast-links-4"), "tensor=4");
  View view{program, result.plan};
  for (const char *name : {"lm_head", "loss/max", "loss/sum", "loss/pick",
                           "loss/gradient", "lm_head.gradient"})
    EXPECT_TRUE(view.cuts(name, "v")) << name;
}

TEST(Search, PipelineOnSlowLinks) {
  Program program = transformer(size(4, 16, 128, 512, 8, 64));
  SearchResult result = search(program, cluster("slow-links-4"));
  EXPECT_EQ(result.plan.mesh.stages.groups, 4);
  EXPECT_GE(result.plan.microbatches, 4);
  // Each stage holds one block.
  View view{program, result.plan};
  for (int block = 0; block < 4; ++block)
    EXPECT_EQ(
        result.plan.ops[view.op("h." + std::to_string(block) + ".mlp.c_fc")]
            .stage,
        block);
}

TEST(Search, MixOverTwoLinkLevels) {
  machine::Cluster levels = cluster("two-level");
  Program program = transformer(size(2, 16, 256, 2000, 8, 64));
  SearchResult result = search(program, levels);
  const Plan &plan = result.plan;
  // What cuts parameters stays inside a node; something else goes across.
  std::vector<int64_t> sizes;
  for (const Axis &axis : plan.mesh.axes)
    sizes.push_back(axis.size);
  int inside = 0;
  for (size_t a = 0; a < sizes.size(); ++a)
    inside += machine::spanOfAxes(levels, sizes, {int64_t(a)},
                                  plan.mesh.stages.groups)
                  .worstLevel() == 0;
  EXPECT_GE(inside, 1);
  EXPECT_TRUE(plan.mesh.stages.groups > 1 || sizes.size() > 1);
  EXPECT_LT(plan.mesh.devicesPerGroup() * (plan.mesh.stages.groups > 1), 8);
}

// No pinned plan is faster than the plan that the search finds.
TEST(Search, NeverWorseThanPins) {
  struct Case {
    const char *cluster;
    Program program;
    int64_t memory;
  };
  PerceptronSize deep;
  deep.layers = 6;
  for (const Case &test :
       {Case{"fast-links-4", transformer(size(2, 8, 64, 500, 4, 32)), 0},
        Case{"slow-links-4", transformer(size(2, 8, 64, 500, 4, 32)), 0},
        Case{"slow-links-4", perceptron(deep), 0},
        Case{"slow-links-4", perceptron(deep), 2300000}}) {
    machine::Cluster on = cluster(test.cluster);
    int64_t best = search(test.program, on, "", test.memory).plan.stepNs;
    int pinned = 0;
    for (const char *pins :
         {"data=4", "tensor=4", "pipeline=4", "data=2,tensor=2",
          "data=2,pipeline=2", "tensor=2,pipeline=2", "data=4,zero=0",
          "data=4,zero=1", "pipeline=2,microbatches=4",
          "pipeline=4,schedule=gpipe", "data=4,microbatches=2,zero=1"}) {
      std::string error;
      SearchOptions options;
      options.pins = *Pins::parse(pins, error);
      options.memoryBytes = test.memory;
      std::optional<SearchResult> result =
          searchPlan(test.program, on, options, error);
      if (!result)
        continue;
      ++pinned;
      EXPECT_LE(best, result->plan.stepNs) << test.cluster << " " << pins;
    }
    EXPECT_GE(pinned, 3);
  }
}

// A search without time ends with its first plan, which is sound and says how
// far it may be from the optimum; with enough time it is the whole search.
TEST(Search, EndsAtItsDeadline) {
  Program program = transformer(size(2, 8, 64, 500, 4, 32));
  machine::Cluster on = cluster("fast-links-4");
  SearchResult whole = search(program, on);
  EXPECT_EQ(whole.remark, "");
  for (double seconds : {0.0, 1e6}) {
    std::string error;
    SearchOptions options;
    options.deadline = deadlineAfter(seconds, error);
    ASSERT_TRUE(options.deadline) << error;
    std::optional<SearchResult> result =
        searchPlan(program, on, options, error);
    ASSERT_TRUE(result) << error;
    EXPECT_TRUE(verifyPlan(program, result->plan).empty());
    if (seconds > 0) {
      EXPECT_EQ(result->remark, "");
      EXPECT_EQ(result->plan.stepNs, whole.plan.stepNs);
      continue;
    }
    EXPECT_NE(result->remark.find("with 1 of "), std::string::npos)
        << result->remark;
    EXPECT_GE(result->plan.stepNs, whole.plan.stepNs);
    EXPECT_LT(result->problems, whole.problems);
  }
  std::string error;
  EXPECT_FALSE(deadlineAfter(-1, error));
  EXPECT_FALSE(deadlineAfter(std::nan(""), error));
  EXPECT_NE(error.find("expected seconds, 0 or more"), std::string::npos);
}

// A division that was given up for its bound takes at least as long when it is
// pinned.
TEST(Search, DivisionsGivenUpAreSlower) {
  Program program = transformer(size(2, 8, 64, 500, 4, 32));
  int givenUp = 0;
  for (const char *name : {"fast-links-4", "slow-links-4"}) {
    machine::Cluster on = cluster(name);
    SearchResult found = search(program, on);
    for (const Candidate &candidate : found.candidates) {
      if (!candidate.isBound)
        continue;
      ++givenUp;
      EXPECT_GE(candidate.stepNs, found.plan.stepNs) << candidate.label;
      std::string pins = candidate.label;
      if (pins.find("axis") != std::string::npos)
        continue;
      std::replace(pins.begin(), pins.end(), ' ', ',');
      pins += ",microbatches=" + std::to_string(candidate.microbatches);
      EXPECT_GE(search(program, on, pins).plan.stepNs, candidate.stepNs)
          << name << " " << pins;
    }
  }
  EXPECT_GE(givenUp, 4);
}

// The plan does not depend on names and on how weights are stored.
TEST(Search, DisguisedProgramsGetTheSamePlan) {
  TransformerSize plain = size(2, 1, 128, 2000, 16, 64);
  TransformerSize disguised = plain;
  disguised.disguised = true;
  Program first = transformer(plain), second = transformer(disguised);
  machine::Cluster on = cluster("fast-links-4");
  SearchResult a = search(first, on), b = search(second, on);
  // Equal but for the order in which ties are broken.
  EXPECT_NEAR(double(a.plan.stepNs), double(b.plan.stepNs), 1000);
  EXPECT_TRUE(a.plan.mesh.stages == b.plan.mesh.stages);
  ASSERT_EQ(first.ops.size(), second.ops.size());
  View view{second, b.plan};
  for (size_t i = 0; i < first.ops.size(); ++i)
    if (first.ops[i].name.find("mlp.c_") != std::string::npos &&
        first.ops[i].segment == Segment::Forward &&
        first.ops[i].work.kind == Work::Kind::Product)
      EXPECT_TRUE(view.cuts(second.ops[i].name, "f"));
}

TEST(Search, SamePlanTwice) {
  Program program = transformer(size(2, 8, 64, 500, 4, 32));
  machine::Cluster on = cluster("fast-links-4");
  EXPECT_EQ(writePlan(program, on, search(program, on).plan),
            writePlan(program, on, search(program, on).plan));
}

TEST(Search, MemoryBudgetIsMet) {
  PerceptronSize deep;
  deep.layers = 6;
  Program program = perceptron(deep);
  machine::Cluster on = cluster("slow-links-4");
  int64_t free = 0, last = 0;
  for (const StagePrediction &stage : search(program, on).plan.stages)
    free = std::max(free, stage.peakBytes);
  for (int64_t percent : {95, 70, 50}) {
    int64_t budget = free * percent / 100;
    SearchResult result = search(program, on, "", budget);
    for (const StagePrediction &stage : result.plan.stages)
      EXPECT_LE(stage.peakBytes, budget) << percent;
    // Less memory is never faster.
    EXPECT_GE(result.plan.stepNs, last);
    last = result.plan.stepNs;
  }
}

TEST(Search, RefusalSaysWhatIsMissing) {
  Program program = perceptron({});
  machine::Cluster on = cluster("fast-links-4");
  std::string text = refusal(program, on, "", 1 << 18);
  EXPECT_NE(text.find("no plan fits: the leanest needs"), std::string::npos)
      << text;
  EXPECT_NE(text.find("more than the budget of 262144 bytes"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("give --memory"), std::string::npos) << text;
  // What it names is enough.
  int64_t need = std::stoll(text.substr(text.find("--memory ") + 9));
  search(program, on, "", need);
}

// More stages than blocks: branches of a block go to different stages.
TEST(Search, MoreStagesThanBlocks) {
  Program program = transformer(size(1, 8, 64, 500, 4, 32));
  SearchResult result =
      search(program, cluster("fast-links-4"), "pipeline=4,microbatches=4");
  View view{program, result.plan};
  EXPECT_LT(result.plan.ops[view.op("h.0.attn")].stage,
            result.plan.ops[view.op("h.0.mlp.c_fc")].stage);
}

TEST(Pins, WrongPinsAreRefused) {
  Program program = transformer(size(1, 8, 64, 500, 4, 32));
  machine::Cluster on = cluster("fast-links-4");
  EXPECT_EQ(refusal(program, on, "data=3"),
            "pins data=3: they need a multiple of 3 devices, the cluster has "
            "4");
  EXPECT_EQ(refusal(program, on, "data=2,tensor=1,pipeline=1"),
            "pins data=2,tensor=1,pipeline=1: they need 2 devices, the "
            "cluster has 4");
  EXPECT_EQ(refusal(program, on, "microbatches=3"),
            "no plan: 3 microbatches do not divide the batch of 8");
  std::string error;
  EXPECT_FALSE(Pins::parse("data=two", error));
  EXPECT_EQ(error, "pin: found 'data=two', expected data= and a positive "
                   "number");
  EXPECT_FALSE(Pins::parse("data=2x", error));
  EXPECT_EQ(error, "pin: found 'data=2x', expected data= and a positive "
                   "number");
  EXPECT_EQ(refusal(program, on, "data=2x1x1x1,tensor=2"),
            "pins data=2x1x1x1,tensor=2: found 5 axes, expected at most 4");
  EXPECT_FALSE(Pins::parse("zero=4", error));
  EXPECT_EQ(error,
            "pin: found 'zero=4', expected zero=0, zero=1, zero=2 or zero=3");
  EXPECT_EQ(Pins::parse("data=2,zero=1,schedule=gpipe", error)->toString(),
            "data=2,zero=1,schedule=gpipe");
  EXPECT_EQ(Pins::parse("tensor=2,data=2x4", error)->toString(),
            "data=2x4,tensor=2");
  EXPECT_EQ(Pins::parse("data=2x4", error)->data, 8);
}

TEST(Pins, ZeroCutsOptimizerStateAlone) {
  Program program = transformer(size(1, 8, 64, 500, 4, 32));
  machine::Cluster on = cluster("fast-links-4");
  SearchResult whole = search(program, on, "data=4,zero=0");
  SearchResult cut = search(program, on, "data=4,zero=1");
  EXPECT_EQ((View{program, whole.plan}.percentCut(Role::Optimizer)), 0);
  EXPECT_GT((View{program, cut.plan}.percentCut(Role::Optimizer)), 99);
  EXPECT_EQ((View{program, cut.plan}.percentCut(Role::Parameter)), 0);
}
