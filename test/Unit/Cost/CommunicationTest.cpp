//===- CommunicationTest.cpp - Times of collectives and messages ----------===//

#include "ExampleCluster.h"
#include "colossal/Cost/Cost.h"

#include <gtest/gtest.h>

#include <random>

using namespace colossal::cost;

static const Span node{{4, 1}}, network{{1, 2}}, both{{4, 2}}, one{{1, 1}};

TEST(Communication, GroupOfOneAndNoBytesAreFree) {
  Cluster cluster = exampleCluster();
  for (auto time : {allReduceTime, reduceScatterTime, allGatherTime,
                    allToAllTime, sendRecvTime}) {
    EXPECT_EQ(time(cluster, one, 1 << 20), 0);
    EXPECT_EQ(time(cluster, Span{}, 1 << 20), 0);
    EXPECT_EQ(time(cluster, node, 0), 0);
    EXPECT_GT(time(cluster, node, 1), 0);
  }
}

TEST(Communication, ScalarAllReduceIsOneTree) {
  Cluster cluster = exampleCluster();
  cluster.levels[0].hopNs = 200;
  // Depth 2 inside the node and 1 across, 4 bytes at 10 and at 1 per ns.
  EXPECT_EQ(allReduceTime(cluster, node, 4), 2 * 100 + 1);
  EXPECT_EQ(allReduceTime(cluster, both, 4), 201 + 1000 + 4);
}

TEST(Communication, AllReduceInOneNode) {
  Cluster cluster = exampleCluster();
  // latency + 2 hops of 3, 2 * 3/4 of the bytes at 10 per ns.
  EXPECT_EQ(allReduceTime(cluster, node, 1000000), 100 + 60 + 150000);
}

TEST(Communication, AllReduceAcrossNodesSharesTheNetwork) {
  Cluster cluster = exampleCluster();
  // One of four ranks of a node: a quarter of 4 bytes per ns. Of two ranks,
  // the tree moves as much as slices and has no hops.
  EXPECT_EQ(allReduceTime(cluster, network, 1000000), 1000 + 1000000);
  // All four: each brings the quarter that it reduced inside the node.
  EXPECT_EQ(allReduceTime(cluster, both, 1000000),
            (100 + 60 + 150000) + (1000 + 100 + 250000));
  cluster.levels[1].sharing = colossal::machine::Sharing::PerRank;
  EXPECT_EQ(allReduceTime(cluster, network, 1000000), 1000 + 250000);
}

TEST(Communication, GatherAndScatter) {
  Cluster cluster = exampleCluster();
  EXPECT_EQ(allGatherTime(cluster, node, 1000000), 100 + 30 + 150000);
  EXPECT_EQ(reduceScatterTime(cluster, node, 1000000), 100 + 30 + 150000);
  EXPECT_EQ(allGatherTime(cluster, both, 1000000),
            (100 + 30 + 150000) + (1000 + 50 + 125000));
}

TEST(Communication, AllToAll) {
  Cluster cluster = exampleCluster();
  // 3 of 8 peers in the node at 5 bytes per ns, 4 of 8 across at 1.
  EXPECT_EQ(allToAllTime(cluster, both, 1000000),
            (100 + 30 + 75000) + (1000 + 50 + 500000));
  EXPECT_EQ(allToAllTime(cluster, node, 1000000), 100 + 30 + 150000);
}

TEST(Communication, SendOverTheWorstLevel) {
  Cluster cluster = exampleCluster();
  EXPECT_EQ(sendRecvTime(cluster, Span{{2, 1}}, 1000), 100 + 500);
  EXPECT_EQ(sendRecvTime(cluster, Span{{1, 2}}, 1000), 1000 + 1000);
}

TEST(Communication, MoreBytesNeverTakeLess) {
  Cluster cluster = exampleCluster();
  std::mt19937 random(1);
  for (int trial = 0; trial < 2000; ++trial) {
    Span span{{1 + int64_t(random() % 4), 1 + int64_t(random() % 2)}};
    int64_t bytes = int64_t(random() % (1u << (random() % 30)));
    int64_t more = bytes + 1 + int64_t(random() % 1000);
    for (auto time : {allReduceTime, reduceScatterTime, allGatherTime,
                      allToAllTime, sendRecvTime})
      EXPECT_GE(time(cluster, span, more), time(cluster, span, bytes));
    // More groups of the highest level neither (more ranks in each may: they
    // share the work of crossing).
    Span wider = span;
    ++wider.ways[1];
    for (auto time : {allReduceTime, reduceScatterTime, allGatherTime})
      EXPECT_GE(time(cluster, wider, bytes), time(cluster, span, bytes));
  }
}

/// Reduce-scatter and all-gather are the two halves of an all-reduce where
/// they reach the same bandwidth.
TEST(Communication, HalvesMakeAWhole) {
  Cluster cluster = exampleCluster();
  cluster.levels[0].gatherEfficiency = 1.0;
  for (auto &level : cluster.levels)
    level.latencyNs = 0;
  EXPECT_EQ(allReduceTime(cluster, both, 4000000),
            reduceScatterTime(cluster, both, 4000000) +
                allGatherTime(cluster, both, 4000000));
}
