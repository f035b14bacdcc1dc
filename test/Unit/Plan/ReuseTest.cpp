//===- ReuseTest.cpp - Distances of a program small enough to count -------===//

#include "../../../lib/Plan/Reuse.h"
#include "ProgramBuilder.h"
#include "gtest/gtest.h"

using namespace colossal;
using namespace colossal::plan;

/// A byte takes 1 + (distance - 1) / 1000 ns.
static machine::Cluster rampCluster() {
  machine::Cluster cluster;
  cluster.device.streaming = {{1, 100000000}};
  cluster.device.caches = {{1, 1000000000}, {1001, 500000000}};
  return cluster;
}

namespace {
using Distances = std::map<std::string, int64_t>;
} // namespace

/// x, w -> h -> k; k, w -> gw; w, gw -> w'. x, h and k have 8 numbers of 4
/// bytes of the batch, w 25.
static Program smallProgram() {
  ProgramBuilder builder;
  builder.bounds = {{"b", 8}, {"n", 25}};
  int x = builder.argument("x", Role::Batch, "b", 0);
  int w = builder.argument("w", Role::Parameter, "n");
  int h = builder.one("h", Segment::Forward, "b, n -> b", {x, w});
  int k = builder.one("k", Segment::Forward, "b -> b", {h});
  ProgramBuilder::Options linear;
  linear.linear = {{0}};
  int gw = builder.one("gw", Segment::Backward, "b, n -> n", {k, w}, linear);
  int next = builder.one("w'", Segment::Update, "n, n -> n", {w, gw});
  for (ProgramValue &value : builder.program.values)
    value.elementBytes = 4;
  builder.program.values[next].updates = w;
  return builder.program;
}

/// Per node the distances of the values at its border.
static std::map<std::string, Distances> distances(int64_t microbatches) {
  Program program = smallProgram();
  EXPECT_EQ(program.check(), std::vector<std::string>());
  Batching batching = analyzeBatching(program);
  std::vector<OpNode> nodes = buildNodes(program, batching);
  auto times =
      byteTimesOf(program, batching, nodes, wholeProgram(program, nodes),
                  rampCluster(), /*devices=*/1, microbatches);
  std::map<std::string, Distances> result;
  for (size_t n = 0; n < nodes.size(); ++n)
    for (auto [value, time] : (*times)[n])
      result[nodes[n].name][program.values[value].name] =
          int64_t((time - 1.0) * 1000.0 + 1.5);
  return result;
}

TEST(Reuse, OneMicrobatch) {
  std::map<std::string, Distances> found = distances(1);
  // All that the step touches: 32 + 100 + 32 + 32 + 100 + 100.
  EXPECT_EQ(found["h"], (Distances{{"x", 396}, {"w", 396}, {"h", 64}}));
  EXPECT_EQ(found["k"], (Distances{{"h", 64}, {"k", 232}}));
  EXPECT_EQ(found["gw"], (Distances{{"k", 232}, {"w", 296}, {"gw", 300}}));
  EXPECT_EQ(found["w'"], (Distances{{"w", 300}, {"gw", 300}, {"w'", 396}}));
}

TEST(Reuse, TwoMicrobatches) {
  std::map<std::string, Distances> found = distances(2);
  // x, h and k are half as long; the second microbatch finds w where the first
  // one left it, and a sum is touched once in each.
  EXPECT_EQ(found["h"], (Distances{{"x", 364}, {"w", 132}, {"h", 32}}));
  EXPECT_EQ(found["k"], (Distances{{"h", 32}, {"k", 216}}));
  EXPECT_EQ(found["gw"], (Distances{{"k", 216}, {"w", 248}, {"gw", 364}}));
  EXPECT_EQ(found["w'"], (Distances{{"w", 300}, {"gw", 300}, {"w'", 364}}));
}
