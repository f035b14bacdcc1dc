//===- Reshard.cpp - From one layout to another by collectives ------------===//

#include "colossal/Layout/Reshard.h"

#include <algorithm>
#include <map>
#include <set>

using namespace colossal;
using namespace colossal::layout;

bool colossal::layout::mayBecomePartial(Combiner combiner) {
  const CombinerFacts &facts = factsOf(combiner);
  return facts.isZeroNeutral || facts.isIdempotent;
}

StepCost colossal::layout::bytesSent(const Mesh &mesh, int64_t elementBytes) {
  // A message of this many bytes costs about as much as its latency: one
  // all-reduce over two axes is better than two for a scalar, and bytes decide
  // for everything large.
  constexpr int64_t latencyBytes = 16384;
  return [=](StepKind kind, const Axes &axes, int64_t elements) {
    int64_t bytes = elements * elementBytes, group = mesh.sizeOf(axes);
    if (kind == StepKind::Slice || kind == StepKind::Mask)
      return 1 + bytes / 64;
    int64_t sent = latencyBytes + boundOf(bytes * (group - 1), group);
    return kind == StepKind::AllReduce ? 2 * sent : sent;
  };
}

namespace {
using Visit = std::function<void(const ReshardStep &, int64_t)>;

/// Edges out of one state, towards a target.
class Neighbours {
public:
  Neighbours(const Layout &state, const Layout &target, const Mesh &mesh,
             const StepCost &cost)
      : state(state), target(target), mesh(mesh), cost(cost) {}

  void visit(const Visit &edge) const;

private:
  void visitReductions(const Visit &edge) const;
  void visitMask(const Visit &edge) const;
  void visitCuts(unsigned d, const Visit &edge) const;
  void visitGathers(unsigned d, const Visit &edge) const;
  ReshardStep exchange(unsigned d, unsigned e, const ReshardStep &gather) const;

  int64_t elements(const Layout &layout) const {
    return layout.localElements(mesh);
  }
  bool isMovable(const Axes &axes) const {
    return !std::count(axes.begin(), axes.end(), mesh.timeAxis());
  }
  /// The axes that the target adds on sub-dimension `d` to what is there, in
  /// every length; each nests.
  std::vector<Axes> additions(unsigned d) const {
    std::vector<Axes> result;
    const Axes &have = state.subDims[d].axes, &want = target.subDims[d].axes;
    if (want.size() <= have.size() ||
        !std::equal(have.begin(), have.end(), want.begin()))
      return result;
    for (size_t n = have.size() + 1; n <= want.size(); ++n) {
      Axes added(want.begin() + have.size(), want.begin() + n);
      if (nests(state.subDims[d].size, have, added, mesh))
        result.push_back(added);
    }
    return result;
  }
  ReshardStep cut(StepKind kind, unsigned d, const Axes &axes) const;

  const Layout &state, &target;
  const Mesh &mesh;
  const StepCost &cost;
};
} // namespace

/// A step whose view is [outer, extent, innermost] around sub-dimension `d`,
/// and whose cut side has `axes` more than its whole side.
ReshardStep Neighbours::cut(StepKind kind, unsigned d, const Axes &axes) const {
  ReshardStep step;
  step.kind = kind;
  step.axes = axes;
  step.after = state;
  step.outer = state.outer(d, mesh);
  step.innermost = state.innermost(d, mesh);
  Axes &list = step.after.subDims[d].axes;
  if (kind == StepKind::AllGather) {
    list.resize(list.size() - axes.size());
    step.extent = step.after.subDims[d].bound(mesh);
  } else {
    step.extent = state.subDims[d].bound(mesh);
    list.insert(list.end(), axes.begin(), axes.end());
  }
  return step;
}

/// Axes to be reduced, by combiner, in every set.
void Neighbours::visitReductions(const Visit &edge) const {
  for (const CombinerFacts &facts : combiners) {
    Axes done;
    for (auto [axis, combiner] : state.partial)
      if (combiner == facts.combiner && target.partialOver(axis) != combiner)
        done.push_back(axis);
    if (done.empty() || done.size() > 6 || !isMovable(done))
      continue;
    for (unsigned set = 1; set < (1u << done.size()); ++set) {
      ReshardStep step;
      step.combiner = facts.combiner;
      step.after = state;
      for (unsigned i = 0; i < done.size(); ++i)
        if (set >> i & 1) {
          step.axes.push_back(done[i]);
          step.after.setPartial(done[i], std::nullopt);
        }
      step.outer = elements(state);
      edge(step, cost(step.kind, step.axes, step.outer));
    }
  }
}

/// Axes that become partial.
void Neighbours::visitMask(const Visit &edge) const {
  ReshardStep step;
  step.kind = StepKind::Mask;
  step.after = state;
  for (auto [axis, combiner] : target.partial)
    if (state.isReplicatedOver({axis}) && axis != mesh.timeAxis() &&
        mayBecomePartial(combiner) &&
        (step.axes.empty() || combiner == step.combiner)) {
      step.axes.push_back(axis);
      step.combiner = combiner;
      step.after.setPartial(axis, combiner);
    }
  if (!step.axes.empty())
    edge(step, cost(step.kind, step.axes, elements(state)));
}

/// Slices and reduce-scatters of sub-dimension `d`.
void Neighbours::visitCuts(unsigned d, const Visit &edge) const {
  for (const Axes &axes : additions(d)) {
    if (state.isReplicatedOver(axes)) {
      ReshardStep step = cut(StepKind::Slice, d, axes);
      edge(step, cost(step.kind, axes, elements(step.after)));
    }
    std::optional<Combiner> combiner = state.partialOver(axes.front());
    if (combiner && isMovable(axes) &&
        std::all_of(axes.begin(), axes.end(), [&](unsigned axis) {
          return state.partialOver(axis) == combiner;
        })) {
      ReshardStep step = cut(StepKind::ReduceScatter, d, axes);
      step.combiner = *combiner;
      for (unsigned axis : axes)
        step.after.setPartial(axis, std::nullopt);
      edge(step, cost(step.kind, axes, elements(state)));
    }
  }
}

/// The exchange that gathers sub-dimension `d`, as `gather` does, and cuts `e`.
ReshardStep Neighbours::exchange(unsigned d, unsigned e,
                                 const ReshardStep &gather) const {
  ReshardStep move;
  move.kind = StepKind::AllToAll;
  move.axes = gather.axes;
  move.after = gather.after;
  Axes &list = move.after.subDims[e].axes;
  list.insert(list.end(), move.axes.begin(), move.axes.end());
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
  return move;
}

/// Gathers of sub-dimension `d`, and exchanges that cut another one.
void Neighbours::visitGathers(unsigned d, const Visit &edge) const {
  const Axes &have = state.subDims[d].axes;
  for (size_t n = 1; n <= have.size(); ++n) {
    Axes major(have.begin(), have.end() - n), axes(have.end() - n, have.end());
    if (!isMovable(axes) || !nests(state.subDims[d].size, major, axes, mesh))
      continue;
    ReshardStep gather = cut(StepKind::AllGather, d, axes);
    edge(gather, cost(gather.kind, axes, elements(gather.after)));
    for (unsigned e = 0; e < state.subDims.size(); ++e) {
      std::vector<Axes> joined = e == d ? std::vector<Axes>() : additions(e);
      if (std::count(joined.begin(), joined.end(), axes))
        edge(exchange(d, e, gather),
             cost(StepKind::AllToAll, axes, elements(state)));
    }
  }
}

void Neighbours::visit(const Visit &edge) const {
  visitReductions(edge);
  visitMask(edge);
  for (unsigned d = 0; d < state.subDims.size(); ++d) {
    visitCuts(d, edge);
    visitGathers(d, edge);
  }
}

std::optional<std::vector<ReshardStep>>
colossal::layout::planReshard(const Layout &from, const Layout &to,
                              const Mesh &mesh, const StepCost &cost) {
  // Dijkstra; layouts are compared by their text, ties go to the one found
  // first.
  struct Node {
    Layout layout;
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
    int64_t passed = first->first.first;
    Node node = std::move(first->second);
    frontier.erase(first);
    std::string text = node.layout.toString(mesh);
    if (text == goal)
      return node.path;
    if (!settled.insert(text).second)
      continue;
    Neighbours(node.layout, to, mesh, cost)
        .visit([&](const ReshardStep &step, int64_t stepCost) {
          if (settled.count(step.after.toString(mesh)))
            return;
          Node next{step.after, node.path};
          next.path.push_back(step);
          frontier.insert({{passed + stepCost, discovered++}, std::move(next)});
        });
  }
  return std::nullopt;
}
