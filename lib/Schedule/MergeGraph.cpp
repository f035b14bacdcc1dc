//===- MergeGraph.cpp - A graph whose nodes are merged --------------------===//

#include "colossal/Schedule/MergeGraph.h"
#include "llvm/ADT/STLExtras.h"

using namespace colossal::schedule;
using llvm::SmallVector;

MergeGraph::MergeGraph(unsigned numNodes) : nodes(numNodes) {
  for (unsigned node = 0; node < numNodes; ++node)
    nodes[node].place = node;
}

void MergeGraph::connect(unsigned from, unsigned to) {
  if (from == to)
    return;
  nodes[from].after.insert(to);
  nodes[to].before.insert(from);
}

bool MergeGraph::isOrdered() const {
  return llvm::all_of(nodes, [&](const Node &node) {
    return llvm::all_of(node.after, [&](unsigned next) {
      return node.place < nodes[next].place;
    });
  });
}

namespace {
/// A search from one end.
struct Side {
  unsigned start;
  SmallVector<unsigned> open;
  llvm::SmallDenseSet<unsigned, 8> seen;
  size_t cost = 0; ///< edges looked at

  explicit Side(unsigned start) : start(start), open({start}), seen({start}) {}
};
} // namespace

bool MergeGraph::hasDetour(unsigned a, unsigned b) const {
  if (nodes[a].place > nodes[b].place)
    std::swap(a, b);
  unsigned first = nodes[a].place, last = nodes[b].place;
  Side down(a), up(b);
  // One side that has nowhere to go any more has seen all paths.
  while (!down.open.empty() && !up.open.empty()) {
    const Neighbours &below = nodes[down.open.back()].after;
    const Neighbours &above = nodes[up.open.back()].before;
    bool goesDown = down.cost + below.size() <= up.cost + above.size();
    Side &side = goesDown ? down : up;
    const Side &other = goesDown ? up : down;
    const Neighbours &next = goesDown ? below : above;
    side.cost += next.size();
    bool isEnd = side.open.pop_back_val() == side.start;
    for (unsigned node : next) {
      // The edge between the two is no detour.
      if (isEnd && node == other.start)
        continue;
      if (other.seen.contains(node))
        return true;
      unsigned place = nodes[node].place;
      if (place > first && place < last && side.seen.insert(node).second)
        side.open.push_back(node);
    }
  }
  return false;
}

/// What `start` reaches by way of `next` and of places between the two; without
/// `start`, in order.
SmallVector<unsigned> MergeGraph::reached(unsigned start,
                                          Neighbours Node::*next,
                                          unsigned first, unsigned last) const {
  llvm::SmallDenseSet<unsigned> seen;
  SmallVector<unsigned> open = {start}, found;
  while (!open.empty())
    for (unsigned node : nodes[open.pop_back_val()].*next)
      if (nodes[node].place > first && nodes[node].place < last &&
          seen.insert(node).second) {
        open.push_back(node);
        found.push_back(node);
      }
  llvm::sort(found, [&](unsigned x, unsigned y) {
    return nodes[x].place < nodes[y].place;
  });
  return found;
}

void MergeGraph::merge(unsigned node, unsigned other) {
  bool isFirst = nodes[node].place < nodes[other].place;
  unsigned early = isFirst ? node : other, late = isFirst ? other : node;
  unsigned first = nodes[early].place, last = nodes[late].place;
  auto isBetween = [&](unsigned neighbour) {
    return nodes[neighbour].place > first && nodes[neighbour].place < last;
  };
  // Where only one of the two has neighbours in between, the merged node takes
  // that one's place, and nothing else moves.
  bool needsAbove = llvm::any_of(nodes[late].before, isBetween);
  bool needsBelow = needsAbove && llvm::any_of(nodes[early].after, isBetween);

  for (unsigned before : nodes[other].before) {
    nodes[before].after.erase(other);
    connect(before, node);
  }
  for (unsigned after : nodes[other].after) {
    nodes[after].before.erase(other);
    connect(node, after);
  }
  nodes[other].before.clear();
  nodes[other].after.clear();

  if (!needsBelow) {
    nodes[node].place = needsAbove ? last : first;
    nodes[other].place = needsAbove ? first : last;
    return;
  }
  // What must run before the node takes the first of the places that are
  // concerned, then the node, then what must run after it.
  SmallVector<unsigned> moved = reached(node, &Node::before, first, last);
  moved.push_back(node);
  llvm::append_range(moved, reached(node, &Node::after, first, last));
  moved.push_back(other);
  SmallVector<unsigned> places;
  for (unsigned each : moved)
    places.push_back(nodes[each].place);
  llvm::sort(places);
  for (auto [each, place] : llvm::zip_equal(moved, places))
    nodes[each].place = place;
}
