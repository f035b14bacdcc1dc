//===- ReshardTest.cpp - Every reshard ends where it should ---------------===//

#include "RandomLayout.h"
#include "ShardSimulation.h"
#include <gtest/gtest.h>

using namespace colossal;
using namespace colossal::layout;
using namespace colossal::layout::test;

namespace {
std::string kindsOf(const std::vector<ReshardStep> &steps) {
  std::string text;
  for (const ReshardStep &step : steps) {
    static const char *kindNames[] = {"all_reduce", "reduce_scatter",
                                      "all_gather", "all_to_all",
                                      "slice",      "mask"};
    text += (text.empty() ? "" : " ") + std::string(kindNames[int(step.kind)]);
    for (unsigned axis : step.axes)
      text += "," + std::to_string(axis);
  }
  return text;
}
} // namespace

// Random sizes (uneven ones, and 1), meshes and shardings. Every path must
// exist, and end with exactly the shards of the target, padding zero.
TEST(Reshard, RandomPathsAreRight) {
  std::mt19937 random(1);
  int uneven = 0, several = 0;
  for (int i = 0; i < 3000; ++i) {
    Mesh mesh = randomMesh(random);
    Layout sizes = randomSizes(random);
    Layout from = randomLayout(sizes, mesh, random, false);
    Layout to = randomLayout(sizes, mesh, random, false, true);
    auto steps = planReshard(from, to, mesh, bytesSent(mesh, 4));
    std::string what = from.toString(mesh) + " to " + to.toString(mesh);
    ASSERT_TRUE(steps.has_value()) << what;
    ShardSimulation simulation(from, mesh, random);
    ASSERT_EQ(simulation.compare(from), "") << what;
    for (const ReshardStep &step : *steps) {
      simulation.apply(step);
      ASSERT_EQ(simulation.compare(step.after), "")
          << what << ": " << kindsOf(*steps);
    }
    ASSERT_EQ(simulation.compare(to), "") << what;
    several += steps->size() > 1;
    for (const SubDim &sub : to.subDims)
      uneven += sub.bound(mesh) * mesh.sizeOf(sub.axes) != sub.size;
  }
  EXPECT_GT(uneven, 500);
  EXPECT_GT(several, 500);
}

// The simulation tells a wrong step from a right one.
TEST(Reshard, PlantedFaultsAreSeen) {
  std::mt19937 random(2);
  Mesh mesh = Mesh::withTime({{"a0", 2}, {"a1", 3}});
  Layout sizes = Layout::whole({{5}, {4}});
  Layout from = sizes, to = sizes;
  from.setPartial(0, Combiner::Sum);
  from.subDims[1].axes = {1};
  to.subDims[0].axes = {0};
  auto steps = planReshard(from, to, mesh, bytesSent(mesh, 4));
  ASSERT_TRUE(steps.has_value());
  auto differs = [&](const std::function<void(std::vector<ReshardStep> &)> &f) {
    std::vector<ReshardStep> faulty = *steps;
    f(faulty);
    ShardSimulation simulation(from, mesh, random);
    for (const ReshardStep &step : faulty)
      simulation.apply(step);
    return simulation.compare(to) != "";
  };
  using Steps = std::vector<ReshardStep>;
  EXPECT_FALSE(differs([](Steps &) {}));
  EXPECT_TRUE(differs([](Steps &s) { s.pop_back(); }));
  for (size_t i = 0; i < steps->size(); ++i) {
    StepKind kind = (*steps)[i].kind;
    if (kind == StepKind::ReduceScatter) {
      EXPECT_TRUE(differs([&](Steps &s) { s[i].combiner = Combiner::Max; }));
      EXPECT_TRUE(differs([&](Steps &s) { s[i].kind = StepKind::Slice; }));
    }
  }
}

// The expected collective for each pair of states, one axis.
TEST(Reshard, OneAxis) {
  Mesh mesh = Mesh::withTime({{"a0", 2}});
  Layout whole = Layout::whole({{64}, {64}});
  Layout cut0 = whole, cut1 = whole, sum = whole, maximum = whole;
  cut0.subDims[0].axes = {0};
  cut1.subDims[1].axes = {0};
  sum.setPartial(0, Combiner::Sum);
  maximum.setPartial(0, Combiner::Max);
  auto path = [&](const Layout &from, const Layout &to) {
    return kindsOf(*planReshard(from, to, mesh, bytesSent(mesh, 4)));
  };
  EXPECT_EQ(path(sum, whole), "all_reduce,0");
  EXPECT_EQ(path(maximum, whole), "all_reduce,0");
  EXPECT_EQ(path(sum, cut1), "reduce_scatter,0");
  EXPECT_EQ(path(cut1, whole), "all_gather,0");
  EXPECT_EQ(path(cut0, cut1), "all_to_all,0");
  EXPECT_EQ(path(cut1, cut0), "all_to_all,0");
  EXPECT_EQ(path(whole, cut0), "slice,0");
  EXPECT_EQ(path(whole, sum), "mask,0");
  EXPECT_EQ(path(whole, whole), "");
  // The parts of a product are combined, and never made.
  Layout product = whole;
  product.setPartial(0, Combiner::Product);
  EXPECT_EQ(path(product, cut0), "reduce_scatter,0");
  EXPECT_FALSE(
      planReshard(whole, product, mesh, bytesSent(mesh, 4)).has_value());
}

// Two axes on one sub-dimension leave minor first, or together where the parts
// do not nest; two reductions of a scalar are one message.
TEST(Reshard, TwoAxes) {
  Mesh mesh = Mesh::withTime({{"a0", 2}, {"a1", 2}});
  auto path = [&](int64_t size, const Axes &from, const Axes &to) {
    Layout a = Layout::whole({{size}}), b = a;
    a.subDims[0].axes = from;
    b.subDims[0].axes = to;
    return kindsOf(*planReshard(a, b, mesh, bytesSent(mesh, 4)));
  };
  EXPECT_EQ(path(8, {0, 1}, {0}), "all_gather,1");
  EXPECT_EQ(path(7, {0, 1}, {0}), "all_gather,1");
  EXPECT_EQ(path(5, {0, 1}, {0}), "all_gather,0,1 slice,0");
  EXPECT_EQ(path(5, {0}, {0, 1}), "all_gather,0 slice,0,1");
  EXPECT_EQ(path(8, {0, 1}, {}), "all_gather,0,1");
  Layout scalar = Layout::whole({}), partial = scalar;
  partial.setPartial(0, Combiner::Sum);
  partial.setPartial(1, Combiner::Sum);
  EXPECT_EQ(kindsOf(*planReshard(partial, scalar, mesh, bytesSent(mesh, 4))),
            "all_reduce,0,1");
}

// Time cuts, but is never gathered or reduced.
TEST(Reshard, Time) {
  Mesh mesh = Mesh::withTime({{"a0", 2}}, 4);
  Layout whole = Layout::whole({{16}});
  Layout time = whole, both = whole, sum = whole;
  time.subDims[0].axes = {1};
  both.subDims[0].axes = {1, 0};
  sum.setPartial(1, Combiner::Sum);
  EXPECT_EQ(kindsOf(*planReshard(whole, both, mesh, bytesSent(mesh, 4))),
            "slice,1,0");
  EXPECT_EQ(kindsOf(*planReshard(both, time, mesh, bytesSent(mesh, 4))),
            "all_gather,0");
  EXPECT_FALSE(planReshard(time, whole, mesh, bytesSent(mesh, 4)).has_value());
  EXPECT_FALSE(planReshard(sum, whole, mesh, bytesSent(mesh, 4)).has_value());
  std::mt19937 random(3);
  ShardSimulation simulation(whole, mesh, random);
  std::vector<ReshardStep> steps =
      *planReshard(whole, both, mesh, bytesSent(mesh, 4));
  for (const ReshardStep &step : steps)
    simulation.apply(step);
  EXPECT_EQ(simulation.compare(both), "");
}
