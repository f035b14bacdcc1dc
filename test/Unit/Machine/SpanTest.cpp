//===- SpanTest.cpp - Groups of ranks in the hierarchy of links -----------===//

#include "colossal/Machine/Span.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

using namespace colossal::machine;

using Ways = std::vector<int64_t>;

static Cluster clusterOf(const std::vector<int64_t> &groupSizes) {
  Cluster cluster;
  cluster.devices = groupSizes.back();
  for (int64_t size : groupSizes) {
    LinkLevel level;
    level.groupSize = size;
    cluster.levels.push_back(level);
  }
  return cluster;
}

TEST(Span, AxesOfTwoLevels) {
  Cluster cluster = clusterOf({4, 8});
  EXPECT_EQ(spanOfAxes(cluster, {2, 4}, {1}).ways, (Ways{4, 1}));
  EXPECT_EQ(spanOfAxes(cluster, {2, 4}, {0}).ways, (Ways{1, 2}));
  EXPECT_EQ(spanOfAxes(cluster, {2, 4}, {0, 1}).ways, (Ways{4, 2}));
  EXPECT_EQ(spanOfAxes(cluster, {2, 4}, {}).ways, (Ways{1, 1}));
  EXPECT_EQ(spanOfAxes(cluster, {4, 2}, {0}).ways, (Ways{2, 2}));
  EXPECT_EQ(spanOfAxes(cluster, {4, 2}, {1}).ways, (Ways{2, 1}));
  EXPECT_EQ(spanOfAxes(cluster, {2, 2, 2}, {0, 2}).ways, (Ways{2, 2}));
  EXPECT_EQ(spanOfAxes(cluster, {2, 2}, {0, 1}, 2).ways, (Ways{4, 1}));
}

TEST(Span, WorstOfTheStages) {
  // Stages of 3 on nodes of 4: the second stage has ranks 3, 4, 5.
  Cluster cluster = clusterOf({4, 8});
  EXPECT_EQ(spanOfAxes(cluster, {3}, {0}, 1).ways, (Ways{3, 1}));
  EXPECT_EQ(spanOfAxes(cluster, {3}, {0}, 2).ways, (Ways{2, 2}));
}

TEST(Span, Stages) {
  Cluster cluster = clusterOf({4, 8});
  EXPECT_EQ(spanOfGroups(cluster, 2, 0, 1).ways, (Ways{2, 1}));
  EXPECT_EQ(spanOfGroups(cluster, 2, 1, 2).ways, (Ways{1, 2}));
  EXPECT_EQ(spanOfGroups(cluster, 4, 0, 1).ways, (Ways{1, 2}));
  EXPECT_EQ(spanOfGroups(cluster, 4, 1, 1).worstLevel(), -1);
}

TEST(Span, SizeAndLevel) {
  EXPECT_EQ(Span{{}}.size(), 1);
  EXPECT_EQ(Span{{}}.worstLevel(), -1);
  EXPECT_EQ((Span{{4, 1, 3}}).size(), 12);
  EXPECT_EQ((Span{{4, 1, 3}}).worstLevel(), 2);
  EXPECT_EQ((Span{{4, 1}}).worstLevel(), 0);
}

/// For every pair: the lowest level whose groups hold both.
static int64_t worstPairLevel(const Cluster &cluster,
                              const std::vector<int64_t> &ranks) {
  int64_t worst = -1;
  for (int64_t a : ranks)
    for (int64_t b : ranks)
      for (size_t level = 0; a != b && level < cluster.levels.size(); ++level) {
        worst = std::max(worst, int64_t(level));
        int64_t size = cluster.levels[level].groupSize;
        if (a / size == b / size)
          break;
      }
  return worst;
}

TEST(Span, RandomGroupsReachTheRightLevel) {
  std::mt19937 random(2);
  Cluster cluster = clusterOf({2, 6, 12, 24});
  for (int trial = 0; trial < 300; ++trial) {
    std::vector<int64_t> ranks;
    for (int64_t i = 0, count = 1 + int64_t(random() % 8); i < count; ++i)
      ranks.push_back(int64_t(random() % 24));
    Span span = spanOfRanks(cluster, ranks);
    size_t different = std::set<int64_t>(ranks.begin(), ranks.end()).size();
    EXPECT_EQ(span.worstLevel(), worstPairLevel(cluster, ranks));
    EXPECT_GE(span.size(), int64_t(different));
  }
}

TEST(Span, LargeClustersAreQuick) {
  Cluster cluster = clusterOf({8, 1024, 16384});
  EXPECT_EQ(spanOfAxes(cluster, {128, 16, 8}, {0, 2}, 1).ways,
            (Ways{8, 8, 16}));
}
