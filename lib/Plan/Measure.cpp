//===- Measure.cpp - What pieces cost -------------------------------------===//

#include "colossal/Plan/Stages.h"

#include <algorithm>
#include <set>
#include <unordered_map>

using namespace colossal;
using namespace colossal::plan;

namespace {
class Meter {
public:
  Meter(const Pieces &pieces, const Formulation &formulation,
        const Solution &solution)
      : pieces(pieces), formulation(formulation), problem(formulation.problem),
        solution(solution), uses(usesOf(problem)), nodesOf(pieces.count()),
        valuesOf(pieces.count()) {
    for (size_t n = 0; n < problem.nodes.size(); ++n)
      nodesOf[formulation.nodes[n].piece].push_back(int(n));
    for (size_t v = 0; v < problem.values.size(); ++v)
      valuesOf[formulation.values[v].piece].push_back(int(v));
  }

  std::vector<PieceCost> run() {
    costs.resize(pieces.count());
    for (size_t n = 0; n < problem.nodes.size(); ++n) {
      PieceCost &cost = costs[formulation.nodes[n].piece];
      cost.times[int(problem.nodes[n].segment)] += strategy(int(n)).cost;
    }
    for (size_t v = 0; v < problem.values.size(); ++v)
      addValue(int(v));
    for (int piece = 0; piece < pieces.count(); ++piece)
      if (pieces.representatives[piece] == piece)
        for (int s = 0; s < segmentCount; ++s)
          costs[piece].transientBytes[s] = peakOf(piece, Segment(s));
    for (int piece = 0; piece < pieces.count(); ++piece)
      costs[piece] = costs[pieces.representatives[piece]];
    return costs;
  }

private:
  const Strategy &strategy(int node) const {
    return problem.nodes[node].strategies[solution.strategies[node]];
  }
  int produced(int v) const {
    return strategy(uses[v].producer).outputs[uses[v].output];
  }
  void addValue(int v);
  int64_t peakOf(int piece, Segment segment) const;

  const Pieces &pieces;
  const Formulation &formulation;
  const Problem &problem;
  const Solution &solution;
  std::vector<ValueUses> uses;
  std::vector<std::vector<int>> nodesOf, valuesOf; ///< per piece
  std::vector<PieceCost> costs;
};
} // namespace

void Meter::addValue(int v) {
  const ProblemValue &value = problem.values[v];
  PieceCost &cost = costs[formulation.values[v].piece];
  for (int s = 0; s < segmentCount; ++s)
    for (int arc : solution.arcs[v][s]) {
      cost.times[s] += value.arcs[arc].cost;
      cost.communication[s] += value.arcs[arc].cost;
    }
  cost.stateBytes += value.storedCopies * value.states[produced(v)].bytes;
  int kept = solution.kept[v];
  if (kept < 0 || (value.resident && kept == produced(v)))
    return;
  int64_t bytes = value.states[kept].bytes;
  switch (uses[v].produced) {
  case Segment::Prologue:
    cost.stateBytes += bytes;
    break;
  case Segment::Forward:
    cost.activationBytes += bytes;
    break;
  case Segment::Backward:
    cost.accumulatorBytes += bytes;
    break;
  case Segment::Update:
    break;
  }
}

/// The largest sum of bytes that live at once while the piece runs a segment,
/// without what the other terms count.
int64_t Meter::peakOf(int piece, Segment segment) const {
  // The users of a piece's values are in the piece.
  std::unordered_map<int, int> order;
  for (int n : nodesOf[piece])
    if (problem.nodes[n].segment == segment)
      order.emplace(n, int(order.size()));
  std::vector<int64_t> change(order.size() + 2);
  for (int v : valuesOf[piece]) {
    const ProblemValue &value = problem.values[v];
    // Copies of the value in this segment, by state: first and last node.
    std::map<int, std::pair<int, int>> lives;
    auto touch = [&](int state, int at) {
      auto [it, isNew] = lives.emplace(state, std::make_pair(at, at));
      it->second.first = std::min(it->second.first, at);
      it->second.second = std::max(it->second.second, at);
    };
    bool here = uses[v].produced == segment;
    if (here)
      touch(produced(v), order.at(uses[v].producer));
    for (const Use &use : uses[v].uses[int(segment)])
      touch(strategy(use.node).inputs[use.input], order.at(use.node));
    // An arc's source lives until the arc is taken.
    for (size_t round = 0; round < value.states.size(); ++round)
      for (int arc : solution.arcs[v][int(segment)]) {
        auto it = lives.find(value.arcs[arc].to);
        if (it != lives.end())
          touch(value.arcs[arc].from, it->second.first);
      }
    int kept = solution.kept[v];
    for (auto [state, life] : lives) {
      bool counted = state == kept || (value.resident && state == produced(v));
      if (counted)
        continue;
      change[life.first] += value.states[state].bytes;
      change[life.second + 1] -= value.states[state].bytes;
    }
  }
  int64_t live = 0, peak = 0;
  for (int64_t delta : change)
    peak = std::max(peak, live += delta);
  return peak;
}

Measured colossal::plan::measure(const Program &program,
                                 const Batching &batching,
                                 const std::vector<OpNode> &nodes,
                                 const Pieces &pieces,
                                 const Formulation &formulation,
                                 const Solution &solution) {
  Measured measured;
  measured.pieces = Meter(pieces, formulation, solution).run();
  // Values that another piece uses, in the state of their border: the state of
  // the source in the piece that uses it.
  std::unordered_map<int, int> sources;
  for (size_t i = 0; i < formulation.nodes.size(); ++i)
    if (formulation.nodes[i].kind == FormulatedNode::Kind::Source)
      sources.emplace(formulation.problem.nodes[i].outputs[0], int(i));
  std::vector<bool> isEverywhere = valuesOfEveryStage(program);
  std::map<int, Measured::Crossing> crossings;
  std::vector<int> pieceOfOp(program.ops.size());
  for (size_t n = 0; n < nodes.size(); ++n)
    for (int op : nodes[n].ops)
      pieceOfOp[op] = pieces.ofNode[n];
  std::map<int, int> homes;
  for (const ProgramValue &value : program.values)
    if (value.updates >= 0 && value.producer >= 0)
      homes[value.updates] = pieceOfOp[value.producer];
  for (size_t n = 0; n < nodes.size(); ++n)
    for (const NodeInput &input : nodes[n].inputs) {
      const ProgramValue &value = program.values[input.value];
      int piece = pieces.ofNode[n], from = piece;
      if (value.producer >= 0) {
        from = pieceOfOp[value.producer];
      } else if (value.role == Role::Parameter || value.role == Role::Buffer) {
        from = homes.emplace(input.value, piece).first->second;
      }
      if (from == piece || isEverywhere[input.value])
        continue;
      auto [it, isNew] = crossings.emplace(input.value, Measured::Crossing());
      Measured::Crossing &crossing = it->second;
      if (isNew) {
        crossing.value = input.value;
        crossing.from = from;
        crossing.isArgument = value.producer < 0;
        crossing.segment =
            value.producer < 0 ? Segment::Prologue : nodes[n].segment;
        int index = formulation.valueOf(pieces.representatives[piece],
                                        pieces.counterpart(piece, input.value));
        if (auto source = sources.find(index); source != sources.end())
          crossing.bytes =
              formulation.problem.values[index]
                  .states[formulation.problem.nodes[source->second]
                              .strategies[solution.strategies[source->second]]
                              .outputs[0]]
                  .bytes;
      }
      if (value.producer >= 0)
        crossing.segment = std::min(crossing.segment, nodes[n].segment);
      if (std::find(crossing.to.begin(), crossing.to.end(), piece) ==
          crossing.to.end())
        crossing.to.push_back(piece);
    }
  for (auto &[value, crossing] : crossings)
    measured.crossings.push_back(std::move(crossing));
  return measured;
}
