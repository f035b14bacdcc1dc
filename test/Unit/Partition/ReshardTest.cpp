//===- ReshardTest.cpp - Every reshard ends where it should ---------------===//

#include "ShardSimulation.h"
#include <gtest/gtest.h>

using namespace colossal;
using namespace colossal::partition;
using namespace colossal::partition::test;

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

/// A random sharding of `sizes`: each axis cuts, is partial or does nothing.
/// `isTarget`: not partial by product, which nothing else becomes.
ShardState randomState(const ShardState &sizes, const Mesh &mesh,
                       std::mt19937 &random, bool mixed,
                       bool isTarget = false) {
  ShardState state = sizes;
  std::vector<unsigned> order;
  for (unsigned axis = 0; axis < mesh.timeAxis(); ++axis)
    if (mesh.axes[axis].size > 1)
      order.push_back(axis);
  std::shuffle(order.begin(), order.end(), random);
  FactorKind rare[] = {FactorKind::Max, FactorKind::Min, FactorKind::Product};
  FactorKind all =
      random() % 2 ? FactorKind::Sum : rare[random() % (isTarget ? 2 : 3)];
  for (unsigned axis : order) {
    int choice = int(random() % (sizes.subDims.size() + 2));
    if (choice < int(sizes.subDims.size()))
      state.subDims[choice].axes.push_back(axis);
    else if (choice == int(sizes.subDims.size()))
      state.setPartial(axis, mixed && random() % 2 ? FactorKind::Max : all);
  }
  return state;
}

ShardState randomSizes(std::mt19937 &random) {
  llvm::SmallVector<llvm::SmallVector<int64_t>> structure(1 + random() % 3);
  for (auto &dim : structure)
    for (size_t i = 0, e = 1 + random() % 2; i < e; ++i)
      dim.push_back(1 + random() % 7);
  return ShardState::whole(structure);
}

Mesh randomMesh(std::mt19937 &random) {
  std::vector<MeshAxis> axes(1 + random() % 3);
  for (size_t i = 0; i < axes.size(); ++i)
    axes[i] = {"a" + std::to_string(i), int64_t(1 + random() % 3)};
  return Mesh::get(axes);
}
} // namespace

// Random sizes (uneven ones, and 1), meshes and shardings. Every path must
// exist, and end with exactly the shards of the target, padding zero.
TEST(Reshard, RandomPathsAreRight) {
  std::mt19937 random(1);
  int uneven = 0, several = 0;
  for (int i = 0; i < 3000; ++i) {
    Mesh mesh = randomMesh(random);
    ShardState sizes = randomSizes(random);
    ShardState from = randomState(sizes, mesh, random, false);
    ShardState to = randomState(sizes, mesh, random, false, true);
    auto steps = planReshard(from, to, mesh, 4);
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
  Mesh mesh = Mesh::get({{"a0", 2}, {"a1", 3}});
  ShardState sizes = ShardState::whole({{5}, {4}});
  ShardState from = sizes, to = sizes;
  from.setPartial(0, FactorKind::Sum);
  from.subDims[1].axes = {1};
  to.subDims[0].axes = {0};
  auto steps = planReshard(from, to, mesh, 4);
  ASSERT_TRUE(steps.has_value());
  auto differs = [&](llvm::function_ref<void(std::vector<ReshardStep> &)> f) {
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
      EXPECT_TRUE(differs([&](Steps &s) { s[i].combiner = FactorKind::Max; }));
      EXPECT_TRUE(differs([&](Steps &s) { s[i].kind = StepKind::Slice; }));
    }
  }
}

// The expected collective for each pair of states, one axis.
TEST(Reshard, OneAxis) {
  Mesh mesh = Mesh::get({{"a0", 2}});
  ShardState whole = ShardState::whole({{64}, {64}});
  ShardState cut0 = whole, cut1 = whole, sum = whole, maximum = whole;
  cut0.subDims[0].axes = {0};
  cut1.subDims[1].axes = {0};
  sum.setPartial(0, FactorKind::Sum);
  maximum.setPartial(0, FactorKind::Max);
  auto path = [&](const ShardState &from, const ShardState &to) {
    return kindsOf(*planReshard(from, to, mesh, 4));
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
  ShardState product = whole;
  product.setPartial(0, FactorKind::Product);
  EXPECT_EQ(path(product, cut0), "reduce_scatter,0");
  EXPECT_FALSE(planReshard(whole, product, mesh, 4).has_value());
}

// Two axes on one sub-dimension leave minor first, or together where the parts
// do not nest; two reductions of a scalar are one message.
TEST(Reshard, TwoAxes) {
  Mesh mesh = Mesh::get({{"a0", 2}, {"a1", 2}});
  auto path = [&](int64_t size, llvm::ArrayRef<unsigned> from,
                  llvm::ArrayRef<unsigned> to) {
    ShardState a = ShardState::whole({{size}}), b = a;
    a.subDims[0].axes.assign(from.begin(), from.end());
    b.subDims[0].axes.assign(to.begin(), to.end());
    return kindsOf(*planReshard(a, b, mesh, 4));
  };
  EXPECT_EQ(path(8, {0, 1}, {0}), "all_gather,1");
  EXPECT_EQ(path(7, {0, 1}, {0}), "all_gather,1");
  EXPECT_EQ(path(5, {0, 1}, {0}), "all_gather,0,1 slice,0");
  EXPECT_EQ(path(5, {0}, {0, 1}), "all_gather,0 slice,0,1");
  EXPECT_EQ(path(8, {0, 1}, {}), "all_gather,0,1");
  ShardState scalar = ShardState::whole({}), partial = scalar;
  partial.setPartial(0, FactorKind::Sum);
  partial.setPartial(1, FactorKind::Sum);
  EXPECT_EQ(kindsOf(*planReshard(partial, scalar, mesh, 4)), "all_reduce,0,1");
}

// Time cuts, but is never gathered or reduced.
TEST(Reshard, Time) {
  Mesh mesh = Mesh::get({{"a0", 2}}, 4);
  ShardState whole = ShardState::whole({{16}});
  ShardState time = whole, both = whole, sum = whole;
  time.subDims[0].axes = {1};
  both.subDims[0].axes = {1, 0};
  sum.setPartial(1, FactorKind::Sum);
  EXPECT_EQ(kindsOf(*planReshard(whole, both, mesh, 4)), "slice,1,0");
  EXPECT_EQ(kindsOf(*planReshard(both, time, mesh, 4)), "all_gather,0");
  EXPECT_FALSE(planReshard(time, whole, mesh, 4).has_value());
  EXPECT_FALSE(planReshard(sum, whole, mesh, 4).has_value());
  std::mt19937 random(3);
  ShardSimulation simulation(whole, mesh, random);
  std::vector<ReshardStep> steps = *planReshard(whole, both, mesh, 4);
  for (const ReshardStep &step : steps)
    simulation.apply(step);
  EXPECT_EQ(simulation.compare(both), "");
}
