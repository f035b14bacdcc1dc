//===- MergeGraph.h - A graph whose nodes are merged ------------*- C++ -*-===//
//
// Which groups depend on which, while groups are merged. Two nodes may become
// one where no path leads from one to the other by way of a third: otherwise
// the third would have to run both after and before what they become.
//
// The nodes have an order in which every edge leads forwards. A path lies
// between its ends in that order, so searches stay between the places of the
// two nodes; they go from both ends and follow the one that has cost less, so
// that a value with thousands of readers is not passed through for each of
// them. A merge restores the order by moving only what stands wrongly (Pearce
// and Kelly, A Dynamic Topological Sort Algorithm for Directed Acyclic Graphs,
// 2006).
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_SCHEDULE_MERGEGRAPH_H
#define COLOSSAL_SCHEDULE_MERGEGRAPH_H

#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/SmallVector.h"

#include <vector>

namespace colossal::schedule {

class MergeGraph {
public:
  using Neighbours = llvm::SmallDenseSet<unsigned, 4>;

  /// Nodes 0, 1, 2, ... without edges.
  explicit MergeGraph(unsigned numNodes);

  /// An edge; none if the two are one.
  /// \pre `from` <= `to`, and nothing has been merged
  void connect(unsigned from, unsigned to);

  /// True if a path by way of a third node joins the two, in either direction.
  bool hasDetour(unsigned a, unsigned b) const;

  /// All edges of `other` become edges of `node`; `other` has none any more.
  /// \pre !hasDetour(node, other)
  void merge(unsigned node, unsigned other);

  const Neighbours &before(unsigned node) const { return nodes[node].before; }
  const Neighbours &after(unsigned node) const { return nodes[node].after; }
  /// Whether every edge leads to a later place. Always; for tests.
  bool isOrdered() const;

private:
  struct Node {
    Neighbours before, after;
    unsigned place;
  };
  std::vector<Node> nodes;

  llvm::SmallVector<unsigned> reached(unsigned start, Neighbours Node::*next,
                                      unsigned first, unsigned last) const;
};

} // namespace colossal::schedule

#endif // COLOSSAL_SCHEDULE_MERGEGRAPH_H
