//===- Reshard.cpp - From one sharding to another by collectives ----------===//

#include "colossal/Partition/Reshard.h"
#include "Colossal/IR/Combiner.h"
#include "llvm/ADT/STLExtras.h"

#include <map>
#include <set>

using namespace mlir;
using namespace colossal;
using namespace colossal::partition;

namespace {
using Axes = SmallVector<unsigned, 2>;

/// A message of this many bytes costs about as much as its latency: one
/// all-reduce over two axes is better than two for a scalar, and bytes decide
/// for everything large.
constexpr int64_t latencyBytes = 16384;

/// Edges out of one state, towards a target.
class Neighbours {
public:
  Neighbours(const ShardState &state, const ShardState &target,
             const Mesh &mesh, int64_t elementBytes)
      : state(state), target(target), mesh(mesh), elementBytes(elementBytes) {}

  void visit(llvm::function_ref<void(const ReshardStep &, int64_t)> edge);

private:
  int64_t bytes(const ShardState &s) const {
    return s.localElements(mesh) * elementBytes;
  }
  /// Whether `axes` may join (or leave) as the minor-most ones of a
  /// sub-dimension of `size` that `major` cuts: parts must fit into parts.
  bool nests(int64_t size, ArrayRef<unsigned> major,
             ArrayRef<unsigned> axes) const {
    if (major.empty())
      return true;
    SubDim outerCut{size, Axes(major)}, bothCut = outerCut;
    llvm::append_range(bothCut.axes, axes);
    return bothCut.bound(mesh) * mesh.sizeOf(axes) == outerCut.bound(mesh);
  }
  bool movable(ArrayRef<unsigned> axes) const {
    return !llvm::is_contained(axes, mesh.timeAxis());
  }
  /// The axes that the target adds on sub-dimension `d` to what is there, in
  /// every length; each nests.
  SmallVector<Axes> additions(unsigned d) const {
    SmallVector<Axes> result;
    ArrayRef<unsigned> have = state.subDims[d].axes,
                       want = target.subDims[d].axes;
    if (want.size() <= have.size() || want.take_front(have.size()) != have)
      return result;
    for (size_t n = have.size() + 1; n <= want.size(); ++n) {
      Axes added(want.slice(have.size(), n - have.size()));
      if (nests(state.subDims[d].size, have, added))
        result.push_back(added);
    }
    return result;
  }
  ReshardStep cut(StepKind kind, unsigned d, ArrayRef<unsigned> axes) const;

  const ShardState &state, &target;
  const Mesh &mesh;
  int64_t elementBytes;
};
} // namespace

/// A step whose view is [outer, extent, innermost] around sub-dimension `d`,
/// and whose cut side has `axes` more than its whole side.
ReshardStep Neighbours::cut(StepKind kind, unsigned d,
                            ArrayRef<unsigned> axes) const {
  ReshardStep step;
  step.kind = kind;
  step.axes = Axes(axes);
  step.after = state;
  step.outer = state.outer(d, mesh);
  step.innermost = state.innermost(d, mesh);
  Axes &list = step.after.subDims[d].axes;
  if (kind == StepKind::AllGather) {
    list.pop_back_n(axes.size());
    step.extent = step.after.subDims[d].bound(mesh);
  } else {
    step.extent = state.subDims[d].bound(mesh);
    llvm::append_range(list, axes);
  }
  return step;
}

/// Where zero is neutral the value is kept on one rank; where equal values
/// combine to the same value it is its own part.
static bool mayBecomePartial(FactorKind kind) {
  const CombinerFacts &facts = factsOf(combinerOf(kind));
  return facts.isZeroNeutral || facts.isIdempotent;
}

void Neighbours::visit(
    llvm::function_ref<void(const ReshardStep &, int64_t)> edge) {
  auto sent = [&](int64_t total, ArrayRef<unsigned> axes) {
    int64_t g = mesh.sizeOf(axes);
    return latencyBytes + (total * (g - 1) + g - 1) / g;
  };
  // Axes to be reduced, by combiner, and axes that become partial.
  for (const CombinerFacts &facts : combiners) {
    FactorKind combiner = kindOf(facts.combiner);
    Axes done;
    for (auto [axis, kind] : state.partial)
      if (kind == combiner && target.partialOver(axis) != kind)
        done.push_back(axis);
    if (done.empty() || done.size() > 6 || !movable(done))
      continue;
    for (unsigned set = 1; set < (1u << done.size()); ++set) {
      ReshardStep step;
      step.combiner = combiner;
      step.after = state;
      for (unsigned i = 0; i < done.size(); ++i)
        if (set >> i & 1) {
          step.axes.push_back(done[i]);
          step.after.setPartial(done[i], std::nullopt);
        }
      step.outer = state.localElements(mesh);
      edge(step, 2 * sent(bytes(state), step.axes));
    }
  }
  Axes masked;
  FactorKind maskCombiner = FactorKind::Sum;
  for (auto [axis, kind] : target.partial)
    if (!state.partialOver(axis) && state.cutBy(axis) < 0 &&
        axis != mesh.timeAxis() && mayBecomePartial(kind) &&
        (masked.empty() || kind == maskCombiner)) {
      masked.push_back(axis);
      maskCombiner = kind;
    }
  if (!masked.empty()) {
    ReshardStep step;
    step.kind = StepKind::Mask;
    step.axes = masked;
    step.combiner = maskCombiner;
    step.after = state;
    for (unsigned axis : masked)
      step.after.setPartial(axis, maskCombiner);
    edge(step, 1 + bytes(state) / 64);
  }

  for (unsigned d = 0; d < state.subDims.size(); ++d) {
    ArrayRef<unsigned> have = state.subDims[d].axes;
    for (const Axes &axes : additions(d)) {
      bool replicated = llvm::all_of(axes, [&](unsigned axis) {
        return !state.partialOver(axis) && state.cutBy(axis) < 0;
      });
      std::optional<FactorKind> combiner = state.partialOver(axes.front());
      bool reducible =
          combiner && movable(axes) && llvm::all_of(axes, [&](unsigned axis) {
            return state.partialOver(axis) == combiner;
          });
      if (replicated) {
        ReshardStep step = cut(StepKind::Slice, d, axes);
        edge(step, 1 + bytes(step.after) / 64);
      }
      if (reducible) {
        ReshardStep step = cut(StepKind::ReduceScatter, d, axes);
        step.combiner = *combiner;
        for (unsigned axis : axes)
          step.after.setPartial(axis, std::nullopt);
        edge(step, sent(bytes(state), axes));
      }
    }
    for (size_t n = 1; n <= have.size(); ++n) {
      Axes axes(have.take_back(n));
      if (!movable(axes) ||
          !nests(state.subDims[d].size, have.drop_back(n), axes))
        continue;
      ReshardStep step = cut(StepKind::AllGather, d, axes);
      edge(step, sent(bytes(step.after), axes));
      for (unsigned e = 0; e < state.subDims.size(); ++e) {
        if (e == d || !llvm::is_contained(additions(e), axes))
          continue;
        ReshardStep move;
        move.kind = StepKind::AllToAll;
        move.axes = axes;
        move.after = step.after;
        llvm::append_range(move.after.subDims[e].axes, axes);
        unsigned x = std::min(d, e), y = std::max(d, e);
        // Both in the form in which they are whole.
        move.outer = state.outer(x, mesh);
        move.innermost = state.innermost(y, mesh);
        move.middle = 1;
        for (unsigned i = x + 1; i < y; ++i)
          move.middle *= state.subDims[i].bound(mesh);
        move.xExtent = (x == d ? move.after : state).subDims[x].bound(mesh);
        move.yExtent = (y == d ? move.after : state).subDims[y].bound(mesh);
        move.gatherX = x == d;
        edge(move, sent(bytes(state), axes));
      }
    }
  }
}

std::optional<std::vector<ReshardStep>>
colossal::partition::planReshard(const ShardState &from, const ShardState &to,
                                 const Mesh &mesh, int64_t elementBytes) {
  // Dijkstra; states are compared by their text, ties go to the state found
  // first.
  struct Node {
    ShardState state;
    std::vector<ReshardStep> path;
  };
  using Key = std::pair<int64_t, int64_t>; // cost, order of discovery
  std::map<Key, Node> frontier;
  std::set<std::string> settled;
  int64_t discovered = 0;
  frontier.insert({{0, discovered++}, {from, {}}});
  std::string goal = to.toString(mesh);
  while (!frontier.empty()) {
    auto first = frontier.begin();
    int64_t cost = first->first.first;
    Node node = std::move(first->second);
    frontier.erase(first);
    std::string text = node.state.toString(mesh);
    if (text == goal)
      return node.path;
    if (!settled.insert(text).second)
      continue;
    Neighbours(node.state, to, mesh, elementBytes)
        .visit([&](const ReshardStep &step, int64_t stepCost) {
          if (settled.count(step.after.toString(mesh)))
            return;
          Node next{step.after, node.path};
          next.path.push_back(step);
          frontier.insert({{cost + stepCost, discovered++}, std::move(next)});
        });
  }
  return std::nullopt;
}
