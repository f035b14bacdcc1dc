//===- Share.cpp - What a rank reads and writes of a shard ----------------===//

#include "colossal/Run/Share.h"

#include <algorithm>
#include <set>

namespace colossal::rank {

Replica replicaOf(const Layout &layout, const Coordinate &coordinate) {
  std::set<std::string> used = {"time"};
  for (const auto &dimension : layout.dimensions)
    for (const SubDimension &sub : dimension)
      used.insert(sub.axes.begin(), sub.axes.end());
  Replica replica;
  for (size_t i = 0; i < coordinate.mesh.size(); ++i) {
    const Axis &axis = coordinate.mesh[i];
    if (used.count(axis.name))
      continue;
    replica.axes.push_back(axis.name);
    replica.index = replica.index * axis.size + coordinate.position[i];
    replica.count *= axis.size;
  }
  return replica;
}

int64_t elementsOfShard(const Layout &layout, const Coordinate &coordinate) {
  int64_t elements = 0;
  forEachRun(layout, coordinate,
             [&](const Run &run) { elements += run.length; });
  return elements;
}

Share shareOf(int64_t elements, int64_t elementBytes, int64_t index,
              int64_t count, int64_t number) {
  if (elements * elementBytes < count * kLeastShareBytes)
    return number % count == index ? Share{0, elements} : Share{0, 0};
  // The first `rest` shares are one element longer.
  int64_t each = elements / count, rest = elements % count;
  auto begin = [&](int64_t i) { return i * each + std::min(i, rest); };
  return {begin(index), begin(index + 1)};
}

void forEachRunOfShare(const Layout &layout, const Coordinate &coordinate,
                       const Share &share,
                       const std::function<void(const Run &)> &visit) {
  int64_t passed = 0;
  Run last;
  forEachRun(layout, coordinate, [&](const Run &run) {
    int64_t begin = std::max<int64_t>(share.begin - passed, 0);
    int64_t end = std::min(share.end - passed, run.length);
    passed += run.length;
    if (begin >= end)
      return;
    Run piece{run.global + begin, run.local + begin, end - begin};
    if (last.length > 0 && last.global + last.length == piece.global &&
        last.local + last.length == piece.local) {
      last.length += piece.length;
      return;
    }
    if (last.length > 0)
      visit(last);
    last = piece;
  });
  if (last.length > 0)
    visit(last);
}

} // namespace colossal::rank
