//===- MinimumCutTest.cpp - Cuts against all of them ----------------------===//

#include "../../../lib/Plan/MinimumCut.h"
#include "gtest/gtest.h"

#include <random>
#include <tuple>

using namespace colossal::plan;

namespace {
struct Graph {
  int nodes = 0;
  std::vector<std::tuple<int, int, int64_t>> edges;

  /// Of the cut with these target sides.
  int64_t capacity(unsigned targetSide) const {
    int64_t sum = 0;
    for (auto [from, to, room] : edges)
      if (!(targetSide >> from & 1) && (targetSide >> to & 1))
        sum += room;
    return sum;
  }
};
} // namespace

static unsigned sideOf(const Graph &graph) {
  MinimumCut cut;
  for (int n = 0; n < graph.nodes; ++n)
    cut.addNode();
  for (auto [from, to, room] : graph.edges)
    cut.addEdge(from, to, room);
  unsigned side = 0;
  std::vector<bool> target = cut.targetSide(0, 1);
  for (size_t n = 0; n < target.size(); ++n)
    side |= unsigned(target[n]) << n;
  return side;
}

// Every cut of random graphs of up to nine nodes is tried: none is cheaper, and
// of the cheapest ones none has fewer nodes on the target's side.
TEST(MinimumCut, CheapestAndSmallest) {
  std::mt19937 random(7);
  for (int trial = 0; trial < 300; ++trial) {
    Graph graph;
    graph.nodes = 2 + int(random() % 8);
    for (int e = 0; e < 3 * graph.nodes; ++e) {
      int from = int(random() % graph.nodes), to = int(random() % graph.nodes);
      if (from != to)
        graph.edges.push_back({from, to, int64_t(random() % 6)});
    }
    unsigned found = sideOf(graph);
    ASSERT_TRUE((found & 2) && !(found & 1));
    for (unsigned side = 0; side < 1u << graph.nodes; ++side) {
      if ((side & 1) || !(side & 2))
        continue;
      ASSERT_LE(graph.capacity(found), graph.capacity(side));
      if (graph.capacity(found) == graph.capacity(side)) {
        ASSERT_EQ(found & ~side, 0u);
      }
    }
  }
}

TEST(MinimumCut, UnlimitedEdgesAreNotCut) {
  constexpr int64_t no = MinimumCut::unlimited;
  EXPECT_EQ(sideOf({3, {{0, 2, no}, {2, 1, 5}}}), 2u);
  EXPECT_EQ(sideOf({3, {{0, 2, 5}, {2, 1, no}}}), 6u);
  EXPECT_EQ(sideOf({3, {{0, 2, no}, {2, 1, no}}}), 0u); // no cut at all
}
