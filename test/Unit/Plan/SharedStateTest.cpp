//===- SharedStateTest.cpp - One state under two programs -----------------===//

#include "colossal/Plan/SharedState.h"
#include "gtest/gtest.h"

#include <random>

using namespace colossal;
using namespace colossal::plan;

using Dims = std::vector<std::vector<int64_t>>;

/// Which coordinates hold an element, slowly: by the parts of every
/// sub-dimension that its axes cut.
static std::vector<int64_t> holders(const Dims &dims,
                                    const Placements &sharding,
                                    const Mesh &mesh,
                                    const std::vector<int64_t> &element) {
  std::vector<int64_t> found(sharding.size(), -1);
  int flat = 0;
  for (size_t d = 0; d < dims.size(); ++d) {
    int64_t rest = element[d], size = 1;
    for (int64_t bound : dims[d])
      size *= bound;
    for (int64_t bound : dims[d]) {
      size /= bound;
      int64_t index = rest / size, parts = 1;
      rest %= size;
      for (size_t a = 0; a < sharding.size(); ++a)
        parts *= sharding[a] == flat ? mesh.axes[a].size : 1;
      // The first axis is the major one.
      int64_t part = index / ((bound + parts - 1) / parts);
      for (size_t a = sharding.size(); a-- > 0;)
        if (sharding[a] == flat) {
          found[a] = part % mesh.axes[a].size;
          part /= mesh.axes[a].size;
        }
      ++flat;
    }
  }
  return found;
}

TEST(SharedState, WhatNoOpReadsIsWholeOnTheFirstStage) {
  Program program;
  auto add = [&](const char *name, Role role) {
    ProgramValue &value = program.values.emplace_back();
    value.name = name;
    value.role = role;
    value.producer = -1;
    value.dims = {{6}, {4}};
  };
  add("read", Role::Parameter);
  add("unread", Role::Parameter);
  add("x", Role::Batch);
  Plan plan;
  plan.mesh.axes = {{"data", 2}, {"tensor", 2}};
  plan.arguments[0] = {replicated, 1};
  plan.argumentStages[0] = 1;
  SharedState shared = sharedStateOf(program, plan);
  EXPECT_EQ(shared.states.size(), 2u);
  EXPECT_EQ(shared.states["read"].sharding, (Placements{replicated, 1}));
  EXPECT_EQ(shared.states["read"].stage, 1);
  EXPECT_EQ(shared.states["unread"].sharding,
            (Placements{replicated, replicated}));
  EXPECT_EQ(shared.states["unread"].stage, 0);
  EXPECT_EQ(shared.states["unread"].dims, program.values[1].dims);
}

TEST(SharedState, OtherViewsKeepEveryElementInItsPlace) {
  std::mt19937 random(7);
  auto pick = [&](int most) { return int(random() % unsigned(most)); };
  const std::vector<Dims> views[] = {
      {{{12}, {6}}, {{3, 4}, {6}}, {{4, 3}, {2, 3}}, {{2, 2, 3}, {6}}},
      {{{24}}, {{2, 12}}, {{2, 3, 4}}, {{8, 3}}, {{4, 6}}}};
  int mapped = 0, refused = 0;
  for (int round = 0; round < 4000; ++round) {
    const std::vector<Dims> &family = views[pick(2)];
    StoredState stored;
    stored.dims = family[pick(int(family.size()))];
    const Dims &other = family[pick(int(family.size()))];
    Mesh mesh;
    mesh.axes = {{"data", 2}, {"tensor", pick(2) ? 2 : 3}};
    int subDims = 0;
    for (const auto &dim : stored.dims)
      subDims += int(dim.size());
    for (size_t a = 0; a < mesh.axes.size(); ++a)
      stored.sharding.push_back(pick(subDims + 1) - 1);
    std::optional<Placements> seen = shardingIn(stored, mesh, other);
    if (!seen) {
      ++refused;
      EXPECT_NE(stored.dims, other);
      continue;
    }
    ++mapped;
    std::vector<int64_t> element(other.size());
    for (int sample = 0; sample < 20; ++sample) {
      for (size_t d = 0; d < other.size(); ++d) {
        int64_t size = 1;
        for (int64_t bound : other[d])
          size *= bound;
        element[d] = pick(int(size));
      }
      EXPECT_EQ(holders(stored.dims, stored.sharding, mesh, element),
                holders(other, *seen, mesh, element));
    }
  }
  EXPECT_GT(mapped, 500);
  EXPECT_GT(refused, 100);
}
