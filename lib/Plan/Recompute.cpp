//===- Recompute.cpp - Which copies backward computes again ---------------===//

#include "colossal/Plan/Recompute.h"
#include "RecomputeOptions.h"

#include <algorithm>
#include <numeric>
#include <tuple>

using namespace colossal;
using namespace colossal::plan;

namespace {
/// From option `level` - 1 of a block (0: none) to option `level`.
struct Upgrade {
  int block = 0, level = 0;
  int64_t timeNs = 0, bytes = 0; ///< of the difference

  double price() const { return double(timeNs) / double(bytes); }
};

class Chooser {
public:
  Chooser(const CopyGraph &graph, const std::vector<RecomputeBlock> &blocks,
          int stage, int64_t inFlight, bool mayRepeatForEachUse)
      : graph(graph), blocks(blocks), stage(stage), inFlight(inFlight),
        mayRepeatForEachUse(mayRepeatForEachUse), levels(blocks.size(), 0) {
    for (size_t b = 0; b < blocks.size(); ++b)
      if (blocks[b].stage == stage)
        for (size_t level = 1; level <= blocks[b].options.size(); ++level)
          upgrades.push_back(upgradeTo(int(b), int(level)));
    std::sort(upgrades.begin(), upgrades.end(),
              [](const Upgrade &a, const Upgrade &b) {
                return std::make_tuple(a.price(), a.block, a.level) <
                       std::make_tuple(b.price(), b.block, b.level);
              });
    plain = memory();
  }

  /// As few as fit into `room`; else those that need least.
  void fit(int64_t room) {
    if (plain.peak(inFlight) <= room)
      return;
    if (takeFirst(room))
      return;
    forEachUse = mayRepeatForEachUse;
    if (!takeFirst(room))
      takeLeanest();
  }
  void takeBlocks(const std::vector<bool> &chosen) {
    for (size_t b = 0; b < blocks.size(); ++b)
      if (chosen[b] && blocks[b].stage == stage)
        levels[b] = int(blocks[b].options.size());
  }

  std::vector<bool> copies() const {
    std::vector<bool> copies(graph.copies.size());
    for (size_t b = 0; b < blocks.size(); ++b)
      if (levels[b] > 0)
        for (int copy : blocks[b].options[levels[b] - 1].copies)
          copies[copy] = true;
    return copies;
  }
  /// As chosen, and with everything kept.
  CopyMemory memory() const {
    return memoryOf(graph, stage, copies(), forEachUse);
  }
  const CopyMemory &memoryOfPlain() const { return plain; }
  int64_t peak() const { return memory().peak(inFlight); }

private:
  Upgrade upgradeTo(int block, int level) const {
    const std::vector<RecomputeOption> &options = blocks[block].options;
    Upgrade upgrade{block, level, options[level - 1].timeNs,
                    options[level - 1].bytes};
    if (level > 1) {
      upgrade.timeNs -= options[level - 2].timeNs;
      upgrade.bytes -= options[level - 2].bytes;
    }
    return upgrade;
  }
  void take(size_t count) {
    std::fill(levels.begin(), levels.end(), 0);
    for (size_t i = 0; i < count; ++i) {
      int &level = levels[upgrades[i].block];
      level = std::max(level, upgrades[i].level);
    }
  }
  int64_t peakOf(size_t count) {
    take(count);
    int64_t bytes = peak();
    take(0);
    return bytes;
  }
  /// The least number of upgrades that fit, if any number does.
  bool takeFirst(int64_t room) {
    size_t low = 1, high = upgrades.size();
    while (low < high) {
      size_t middle = (low + high) / 2;
      if (peakOf(middle) <= room)
        high = middle;
      else
        low = middle + 1;
    }
    if (upgrades.empty() || peakOf(low) > room)
      return false;
    take(low);
    giveBack(room);
    return true;
  }
  /// What computes again is live while its block goes back, so more is not
  /// always less: a sample of all counts, and from there block by block.
  void takeLeanest() {
    size_t step = std::max<size_t>(1, upgrades.size() / 64), best = 0;
    int64_t least = plain.peak(inFlight);
    for (size_t count = upgrades.size(); count > 0;
         count -= std::min(count, step))
      if (int64_t bytes = peakOf(count); bytes < least) {
        least = bytes;
        best = count;
      }
    take(best);
    for (int round = 0; round < 2; ++round)
      for (size_t b = 0; b < blocks.size(); ++b)
        if (blocks[b].stage == stage)
          least = std::min(least, takeLeanestLevel(int(b), least));
  }
  /// Of one block, where it needs less than `least`.
  int64_t takeLeanestLevel(int block, int64_t least) {
    int best = levels[block];
    for (int level = 0; level <= int(blocks[block].options.size()); ++level) {
      levels[block] = level;
      if (int64_t bytes = peak(); bytes < least) {
        least = bytes;
        best = level;
      }
    }
    levels[block] = best;
    return least;
  }
  /// The last upgrade may have freed more than was missing: what fits without
  /// an upgrade does without it, the most expensive first.
  void giveBack(int64_t room) {
    std::vector<int> order(blocks.size());
    std::iota(order.begin(), order.end(), 0);
    std::sort(order.begin(), order.end(), [&](int a, int b) {
      auto time = [&](int block) {
        return levels[block] ? upgradeTo(block, levels[block]).timeNs : 0;
      };
      return std::make_pair(-time(a), a) < std::make_pair(-time(b), b);
    });
    for (int block : order)
      while (levels[block] > 0) {
        --levels[block];
        if (peak() <= room)
          continue;
        ++levels[block];
        break;
      }
  }

  const CopyGraph &graph;
  const std::vector<RecomputeBlock> &blocks;
  int stage;
  int64_t inFlight;
  bool mayRepeatForEachUse;
  std::vector<Upgrade> upgrades; ///< of the stage, least time per byte first
  std::vector<int> levels;       ///< per block; 0: nothing again
  /// Where nothing fits without: what is cheap is not held between its uses.
  bool forEachUse = false;
  CopyMemory plain;
};

/// The copies of the graph, and the values inside the nodes that run again:
/// those are stored nowhere.
class Namer {
public:
  Namer(const Program &program, const Batching &batching,
        const std::vector<OpNode> &nodes, const Plan &plan,
        const CopyGraph &graph)
      : program(program), batching(batching), nodes(nodes), plan(plan),
        graph(graph) {}

  std::vector<RecomputedCopy> run(const std::vector<bool> &copies,
                                  const std::vector<bool> &forEachUse) {
    std::vector<RecomputedCopy> names;
    std::vector<bool> isInner(program.values.size());
    for (size_t c = 0; c < copies.size(); ++c) {
      if (!copies[c])
        continue;
      names.push_back(graph.copies[c].name);
      names.back().forEachUse = forEachUse[c];
      int n = graph.steps[graph.copies[c].producer].node;
      if (n >= 0)
        markInner(nodes[n], isInner);
    }
    for (size_t v = 0; v < isInner.size(); ++v)
      if (isInner[v])
        names.push_back({int(v), originalCopy});
    for (size_t r = 0; r < plan.reshards.size(); ++r)
      if (isInner[plan.reshards[r].value] &&
          plan.reshards[r].segment == Segment::Forward)
        names.push_back({plan.reshards[r].value, int(r)});
    std::sort(names.begin(), names.end(),
              [](const RecomputedCopy &a, const RecomputedCopy &b) {
                return std::tie(a.value, a.copy) < std::tie(b.value, b.copy);
              });
    return names;
  }

private:
  void markInner(const OpNode &node, std::vector<bool> &isInner) const {
    for (int op : node.ops)
      for (const Access &access : program.ops[op].results) {
        bool isSum = batching.partial[access.value] && plan.microbatches > 1;
        if (!isSum &&
            !std::count(node.outputs.begin(), node.outputs.end(), access.value))
          isInner[access.value] = true;
      }
  }

  const Program &program;
  const Batching &batching;
  const std::vector<OpNode> &nodes;
  const Plan &plan;
  const CopyGraph &graph;
};
} // namespace

Recomputation colossal::plan::chooseRecomputation(
    const Program &program, const Batching &batching,
    const std::vector<OpNode> &nodes, const std::vector<int> &blockOfNode,
    const Plan &plan, const PlanTimes &times, const RecomputeRequest &request) {
  CopyGraph graph =
      buildCopyGraph(program, batching, nodes, blockOfNode, plan, times);
  std::vector<RecomputeBlock> blocks = recomputeBlocks(graph);
  Recomputation result;
  result.blocksWithOption = int64_t(blocks.size());
  result.stages = plan.stages;
  const Stages &stages = plan.mesh.stages;
  std::vector<bool> pinned(blocks.size()), copies(graph.copies.size()),
      forEachUse(graph.copies.size());
  for (size_t b = 0; b < blocks.size(); ++b)
    pinned[b] = request.blocks && (*request.blocks == recomputeAll ||
                                   int64_t(b) < *request.blocks);
  for (int s = 0; s < int(plan.stages.size()); ++s) {
    StagePrediction &stage = result.stages[s];
    Chooser chooser(graph, blocks, s, stage.inFlight, !request.holdsRepeated);
    const CopyMemory &plain = chooser.memoryOfPlain();
    int64_t plainPeak = plain.peak(stage.inFlight);
    if (request.blocks)
      chooser.takeBlocks(pinned);
    else // what the walk over copies does not count stays as it was
      chooser.fit(request.memoryBytes - (stage.peakBytes - plainPeak));
    CopyMemory memory = chooser.memory();
    int64_t saved = plainPeak - memory.peak(stage.inFlight);
    for (int other = 0; other < int(plan.stages.size()); ++other)
      if (stages.groupOf(other) == stages.groupOf(s))
        result.stages[other].peakBytes -= saved;
    stage.activationBytes -= plain.kept - memory.kept;
    stage.recomputeNs = memory.repeatedNs;
    stage.times.backwardNs += memory.repeatedNs;
    std::vector<bool> chosen = chooser.copies();
    for (size_t c = 0; c < chosen.size(); ++c) {
      copies[c] = copies[c] || chosen[c];
      forEachUse[c] = forEachUse[c] || (chosen[c] && memory.forEachUse[c]);
    }
  }
  result.copies =
      Namer(program, batching, nodes, plan, graph).run(copies, forEachUse);
  return result;
}
