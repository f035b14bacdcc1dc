//===- RecomputeOptions.cpp - What a block may compute again --------------===//

#include "RecomputeOptions.h"
#include "MinimumCut.h"

#include <algorithm>
#include <set>

using namespace colossal;
using namespace colossal::plan;

namespace {
/// Prices in bytes per ns: 2^-8 to 2^10. Memory moves some 10 bytes per ns, so
/// the first ones trade products for a few bytes, the last ones nothing.
constexpr int lowestPrice = -8, highestPrice = 10;
/// Capacities count 2^-10 bytes.
constexpr int fraction = 10;

class BlockCutter {
public:
  BlockCutter(const CopyGraph &graph, std::vector<int> steps)
      : graph(graph), steps(std::move(steps)),
        isInside(graph.steps.size(), false) {
    for (int step : this->steps)
      isInside[step] = true;
  }

  std::vector<RecomputeOption> run();

private:
  /// How a copy may be there in backward.
  struct Supply {
    bool isFree = false; ///< kept in any case
    bool canRepeat = false;
  };
  Supply supplyOf(int copy) const;
  bool isNeeded(int copy) const {
    return std::any_of(graph.copies[copy].users.begin(),
                       graph.copies[copy].users.end(), [&](int user) {
                         return graph.steps[user].segment == Segment::Backward;
                       });
  }
  RecomputeOption cutAt(int price) const;

  const CopyGraph &graph;
  std::vector<int> steps;
  std::vector<bool> isInside;
};
} // namespace

BlockCutter::Supply BlockCutter::supplyOf(int index) const {
  const CopyGraph::Copy &copy = graph.copies[index];
  Supply supply;
  bool isNeededHere = false, isElsewhere = false, leaves = false;
  int stage = graph.steps[copy.producer].stage;
  int block = graph.steps[copy.producer].block;
  for (int user : copy.users) {
    const CopyGraph::Step &step = graph.steps[user];
    if (step.segment == Segment::Forward) {
      leaves |= !isInside[user] || !isInside[copy.producer];
      continue;
    }
    isElsewhere |= step.stage != stage;
    (step.block == block && step.stage == stage ? isNeededHere : leaves) = true;
  }
  supply.canRepeat = isInside[copy.producer] && !leaves && !isElsewhere &&
                     !copy.isHeld && !copy.isSum;
  supply.isFree = copy.isHeld || (!supply.canRepeat && isNeeded(index));
  return supply;
}

RecomputeOption BlockCutter::cutAt(int price) const {
  MinimumCut cut;
  int source = cut.addNode(), target = cut.addNode();
  std::map<int, std::pair<int, int>> sides; ///< copy -> before and behind
  std::map<int, int> nodes;                 ///< step -> node
  auto sidesOf = [&](int copy) {
    auto [it, isNew] = sides.try_emplace(copy);
    if (!isNew)
      return it->second;
    int before = cut.addNode(), behind = cut.addNode();
    Supply supply = supplyOf(copy);
    cut.addEdge(before, behind,
                supply.isFree ? 0 : graph.copies[copy].bytes << fraction);
    if (!supply.canRepeat)
      cut.addEdge(source, before, MinimumCut::unlimited);
    if (isInside[graph.copies[copy].producer] && isNeeded(copy))
      cut.addEdge(behind, target, MinimumCut::unlimited);
    return it->second = {before, behind};
  };
  for (int s : steps) {
    const CopyGraph::Step &step = graph.steps[s];
    int node = nodes[s] = cut.addNode();
    cut.addEdge(source, node, 1 + (step.timeNs << (price + fraction)));
    for (int copy : step.writes)
      cut.addEdge(node, sidesOf(copy).first, MinimumCut::unlimited);
    for (int copy : step.reads)
      cut.addEdge(sidesOf(copy).second, node, MinimumCut::unlimited);
  }
  std::vector<bool> isThere = cut.targetSide(source, target);
  RecomputeOption option;
  if (isThere.empty())
    return option;
  for (auto [s, node] : nodes)
    if (isThere[node])
      option.timeNs += graph.steps[s].timeNs;
  for (auto [copy, side] : sides) {
    if (isThere[side.first])
      option.copies.push_back(copy);
    bool isKept = isThere[side.second] && !isThere[side.first];
    bool wasKept = isNeeded(copy) && isInside[graph.copies[copy].producer];
    if (!supplyOf(copy).isFree)
      option.bytes +=
          (int64_t(wasKept) - int64_t(isKept)) * graph.copies[copy].bytes;
  }
  return option;
}

/// From the highest price, which changes little, to the lowest. Prices have
/// optima on the hull; equal ones are left out.
std::vector<RecomputeOption> BlockCutter::run() {
  std::vector<RecomputeOption> options;
  for (int price = highestPrice; price >= lowestPrice; --price) {
    RecomputeOption option = cutAt(price);
    int64_t before = options.empty() ? 0 : options.back().bytes;
    if (option.bytes > before)
      options.push_back(std::move(option));
  }
  return options;
}

std::vector<RecomputeBlock>
colossal::plan::recomputeBlocks(const CopyGraph &graph) {
  std::map<std::pair<int, int>, std::vector<int>> members;
  for (size_t s = 0; s < graph.steps.size(); ++s)
    if (graph.steps[s].segment == Segment::Forward)
      members[{graph.steps[s].stage, graph.steps[s].block}].push_back(int(s));
  std::vector<RecomputeBlock> blocks;
  for (auto &[key, steps] : members) {
    RecomputeBlock block;
    block.stage = key.first;
    block.options = BlockCutter(graph, steps).run();
    if (!block.options.empty())
      blocks.push_back(std::move(block));
  }
  return blocks;
}
