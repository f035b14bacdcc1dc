//===- MergeGraphTest.cpp - Merging against the obvious answer ------------===//

#include "colossal/Schedule/MergeGraph.h"
#include "gtest/gtest.h"

#include <random>
#include <set>

using namespace colossal::schedule;

namespace {

/// Edges as a set; every question is a search of everything.
class ObviousGraph {
public:
  explicit ObviousGraph(unsigned numNodes) : after(numNodes) {}

  void connect(unsigned from, unsigned to) { after[from].insert(to); }

  bool hasDetour(unsigned a, unsigned b) const {
    return reachesByThird(a, b) || reachesByThird(b, a);
  }

  void merge(unsigned node, unsigned other) {
    for (unsigned next : after[other])
      if (next != node)
        after[node].insert(next);
    after[other].clear();
    for (unsigned from = 0; from < after.size(); ++from)
      if (after[from].erase(other) && from != node)
        after[from].insert(node);
  }

  const std::set<unsigned> &from(unsigned node) const { return after[node]; }

private:
  std::vector<std::set<unsigned>> after;

  bool reachesByThird(unsigned from, unsigned to) const {
    std::set<unsigned> seen;
    std::vector<unsigned> open;
    for (unsigned next : after[from])
      if (next != to)
        open.push_back(next);
    while (!open.empty()) {
      unsigned node = open.back();
      open.pop_back();
      if (node == to)
        return true;
      if (seen.insert(node).second)
        open.insert(open.end(), after[node].begin(), after[node].end());
    }
    return false;
  }
};

/// Merges random pairs of a random graph as long as that is legal, in both.
void mergeAtRandom(unsigned seed) {
  std::mt19937 random(seed);
  auto below = [&](unsigned bound) { return unsigned(random() % bound); };
  unsigned count = 2 + below(40), edges = below(3 * count);
  // Some nodes are read by many, or read many.
  unsigned hub = below(count);
  MergeGraph graph(count);
  ObviousGraph obvious(count);
  auto connect = [&](unsigned x, unsigned y) {
    if (x == y)
      return;
    graph.connect(std::min(x, y), std::max(x, y));
    obvious.connect(std::min(x, y), std::max(x, y));
  };
  for (unsigned i = 0; i < edges; ++i)
    connect(below(4) == 0 ? hub : below(count), below(count));
  std::vector<unsigned> alive(count);
  for (unsigned node = 0; node < count; ++node)
    alive[node] = node;
  unsigned merged = 0;
  for (unsigned attempt = 0; attempt < 4 * count && alive.size() > 1;
       ++attempt) {
    unsigned i = below(alive.size()), j = below(alive.size());
    unsigned node = alive[i], other = alive[j];
    if (node == other)
      continue;
    bool expected = obvious.hasDetour(node, other);
    ASSERT_EQ(graph.hasDetour(node, other), expected)
        << node << " and " << other << " after " << merged << " merges";
    if (expected)
      continue;
    graph.merge(node, other);
    obvious.merge(node, other);
    alive.erase(alive.begin() + j);
    ++merged;
    ASSERT_TRUE(graph.isOrdered()) << "after " << merged << " merges";
    for (unsigned from = 0; from < count; ++from) {
      const MergeGraph::Neighbours &after = graph.after(from);
      ASSERT_EQ(std::set<unsigned>(after.begin(), after.end()),
                obvious.from(from));
      for (unsigned to : after)
        ASSERT_TRUE(graph.before(to).contains(from));
    }
  }
}

TEST(MergeGraph, AgreesWithTheObviousOne) {
  for (unsigned seed = 0; seed < 3000; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    mergeAtRandom(seed);
    if (HasFatalFailure())
      return;
  }
}

/// 0 -> 1 -> 2, and 0 -> 2.
TEST(MergeGraph, AnEdgeIsNoDetour) {
  MergeGraph graph(3);
  graph.connect(0, 1);
  graph.connect(1, 2);
  graph.connect(0, 2);
  EXPECT_FALSE(graph.hasDetour(0, 1));
  EXPECT_TRUE(graph.hasDetour(2, 0));
  graph.merge(1, 0);
  EXPECT_FALSE(graph.hasDetour(1, 2));
  EXPECT_TRUE(graph.before(1).empty());
  EXPECT_TRUE(graph.after(0).empty());
}

/// What stands between two nodes and depends on neither may stay; what depends
/// on the first moves behind them, and what the second needs before them.
TEST(MergeGraph, RestoresTheOrder) {
  MergeGraph graph(5);
  graph.connect(0, 1); // after the first
  graph.connect(3, 4); // before the second
  EXPECT_FALSE(graph.hasDetour(0, 4));
  graph.merge(4, 0);
  EXPECT_TRUE(graph.isOrdered());
  EXPECT_TRUE(graph.hasDetour(3, 1));
  EXPECT_FALSE(graph.hasDetour(2, 1));
}

} // namespace
