//===- RanksTest.cpp - Partitioned programs on several ranks --------------===//

#include "colossal/Reference/Ranks.h"
#include "Programs.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::reference;

static std::optional<StepResult> runText(const std::string &text,
                                         const NamedTensors &values,
                                         std::string &error,
                                         uint64_t seed = 1) {
  auto module = parse(text);
  if (!module)
    return std::nullopt;
  RankOptions options;
  options.seed = seed;
  return runStep(*module, values, options, error);
}

TEST(Ranks, MicrobatchesLinksAndPadding) {
  NamedTensors values = {{"x", reals({7}, {1, 2, 3, 4, 5, 6, 7})},
                         {"w", reals({}, {2})}};
  for (uint64_t seed = 1; seed < 20; ++seed) {
    std::string error;
    auto result = runText(kDataParallel, values, error, seed);
    ASSERT_TRUE(result) << error;
    EXPECT_EQ(result->metrics["loss"]->floats[0], 63.0);
    EXPECT_EQ(result->state["w"]->floats[0],
              9. + 25 + 49 + 81 + 121 + 169 + 225);
  }
}

/// Two stages, two ranks each, three microbatches; stage 1 doubles what stage
/// 0 sends and sends it back.
static std::string pipeline(const std::string &schedule,
                            const std::string &receiveName) {
  return R"(
module attributes {colossal.mesh = #colossal.mesh<tensor = 2>, colossal.stages = 2 : i64,
                   colossal.microbatches = 3 : i64, colossal.schedule = #colossal.schedule<")" +
         schedule + R"(">} {
  func.func @stage0.forward(
      %x: tensor<1x2xf32> {colossal.name = "x", colossal.per_microbatch, colossal.global_shape = [[3], [3]],
                           colossal.sharding = #colossal.sharding<[time], [tensor]>}) {
    colossal.send "x/0->1" %x to 1 tag 0 : tensor<1x2xf32>
    return
  }
  func.func @stage1.forward() -> (tensor<1x2xf32> {colossal.link = "y", colossal.per_microbatch}) {
    %x = colossal.recv ")" +
         receiveName + R"(" from 0 tag 0 : tensor<1x2xf32>
    %y = colossal.generic "double" [b = 1 of 3 {time(3) * 1}, n = 2 of 3 {tensor(2) * 2}] (%x : [b, n]) -> ([b, n]) {
      ^bb0(%a: f32):
        %p = arith.addf %a, %a : f32
        colossal.yield %p : f32
    } : (tensor<1x2xf32>) -> tensor<1x2xf32>
    return %y : tensor<1x2xf32>
  }
  func.func @stage1.backward(%y: tensor<1x2xf32> {colossal.link = "y", colossal.per_microbatch}) {
    colossal.send "y/1->0" %y to 0 tag 1 : tensor<1x2xf32>
    return
  }
  func.func @stage0.backward() -> (tensor<2xf32> {colossal.link = "g", colossal.accumulate = "sum"}) {
    %y = colossal.recv "y/1->0" from 1 tag 1 : tensor<1x2xf32>
    %g = colossal.generic "sum" [b = 1 of 3 {time(3) * 1} : sum, n = 2 of 3 {tensor(2) * 2}] (%y : [b, n]) -> ([n]) {
      ^bb0(%a: f32):
        colossal.yield %a : f32
    } : (tensor<1x2xf32>) -> tensor<2xf32>
    return %g : tensor<2xf32>
  }
  func.func @group0.update(%g: tensor<2xf32> {colossal.link = "g"})
      -> (tensor<2xf32> {colossal.updates = "w", colossal.global_shape = [[3]], colossal.sharding = #colossal.sharding<[tensor]>}) {
    return %g : tensor<2xf32>
  }
})";
}

TEST(Ranks, PipelineUnderBothSchedules) {
  NamedTensors values = {{"x", reals({3, 3}, {1, 2, 3, 4, 5, 6, 7, 8, 9})}};
  for (const char *schedule : {"gpipe", "1f1b"})
    for (uint64_t seed = 1; seed < 10; ++seed) {
      std::string error;
      auto result = runText(pipeline(schedule, "x/0->1"), values, error, seed);
      ASSERT_TRUE(result) << error;
      EXPECT_EQ(result->state["w"]->floats, (std::vector<double>{24, 30, 36}));
    }
}

TEST(Ranks, TransferOfAnotherValueIsRefused) {
  NamedTensors values = {{"x", reals({3, 3}, {1, 2, 3, 4, 5, 6, 7, 8, 9})}};
  std::string error;
  EXPECT_FALSE(runText(pipeline("1f1b", "z/0->1"), values, error));
  EXPECT_NE(error.find("in @stage1.forward[0] at colossal.recv \"z/0->1\" from "
                       "device group 0: found \"x/0->1\" of microbatch 0"),
            std::string::npos)
      << error;
}

TEST(Ranks, DeadlockNamesWhatEveryRankWaitsAt) {
  std::string error;
  EXPECT_FALSE(runText(R"(
module attributes {colossal.mesh = #colossal.mesh<>, colossal.stages = 2 : i64} {
  func.func @stage0.forward() {
    %x = colossal.recv "a" from 1 tag 0 : tensor<f32>
    colossal.send "b" %x to 1 tag 0 : tensor<f32>
    return
  }
  func.func @stage1.forward() {
    %x = colossal.recv "b" from 0 tag 0 : tensor<f32>
    colossal.send "a" %x to 0 tag 0 : tensor<f32>
    return
  }
})",
                       {}, error));
  EXPECT_EQ(error,
            "deadlock: no rank can go on:\n"
            "  rank 0 (device group 0) in @stage0.forward[0] at colossal.recv "
            "\"a\" from device group 1\n"
            "  rank 1 (device group 1) in @stage1.forward[0] at colossal.recv "
            "\"b\" from device group 0");
}

TEST(Ranks, ValueThatNobodyReceives) {
  std::string error;
  EXPECT_FALSE(runText(R"(
module attributes {colossal.mesh = #colossal.mesh<>, colossal.stages = 2 : i64} {
  func.func @stage0.forward(%x: tensor<f32> {colossal.name = "x"}) {
    colossal.send "a" %x to 1 tag 0 : tensor<f32>
    return
  }
})",
                       {{"x", reals({}, {1})}}, error));
  EXPECT_EQ(error, "rank 0 sends \"a\", but rank 1 does not receive it");
}

/// Ranks of one stage with different functions.
static std::string runDifferent(const std::string &first,
                                const std::string &second) {
  auto module =
      parse("module attributes {colossal.mesh = #colossal.mesh<data = 2>} {\n"
            "func.func @a(%x: tensor<4xf32> {colossal.name = \"x\"}) {\n" +
            first +
            "return\n}\n"
            "func.func @b(%x: tensor<4xf32> {colossal.name = \"x\"}) {\n" +
            second + "return\n}\n}");
  std::string error;
  auto mesh = Mesh::get(*module, error);
  std::vector<std::vector<RankStep>> steps;
  for (func::FuncOp function : module->getOps<func::FuncOp>())
    steps.push_back({{function, 0, nullptr}});
  EXPECT_FALSE(
      runStep(*mesh, steps, {{"x", reals({4}, {1, 2, 3, 4})}}, {}, error));
  return error;
}

TEST(Ranks, MismatchedCollectives) {
  std::string sum = "%0 = colossal.all_reduce \"s\" sum %x over [\"data\"] : "
                    "tensor<4xf32> -> tensor<4xf32>\n";
  std::string max = "%1 = colossal.all_reduce \"m\" max %x over [\"data\"] : "
                    "tensor<4xf32> -> tensor<4xf32>\n";
  // Swapped, dropped.
  EXPECT_EQ(
      runDifferent(sum + max, max + sum),
      "the ranks of a group are at different collectives:\n"
      "  rank 0 (device group 0, data = 0) in @a[0] at colossal.all_reduce "
      "\"s\" over [\"data\"]\n"
      "  rank 1 (device group 0, data = 1) in @b[0] at colossal.all_reduce "
      "\"m\" over [\"data\"]");
  EXPECT_EQ(
      runDifferent(sum + max, sum),
      "deadlock: no rank can go on:\n"
      "  rank 0 (device group 0, data = 0) in @a[0] at colossal.all_reduce "
      "\"m\" over [\"data\"]\n"
      "  rank 1 (device group 0, data = 1) has finished");
}

TEST(Ranks, ReplicasThatDiffer) {
  std::string error;
  EXPECT_FALSE(runText(R"(
module attributes {colossal.mesh = #colossal.mesh<data = 2>} {
  func.func @group0.update(%x: tensor<2xf32> {colossal.name = "x", colossal.global_shape = [[4]],
                                              colossal.sharding = #colossal.sharding<[data]>})
      -> (tensor<2xf32> {colossal.updates = "w"}) {
    return %x : tensor<2xf32>
  }
})",
                       {{"x", reals({4}, {1, 2, 3, 4})}}, error));
  EXPECT_EQ(error, "rank 1: state 'w': found 3.000000 at element 0, expected "
                   "1.000000 as on another rank");
}
