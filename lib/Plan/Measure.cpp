//===- Measure.cpp - What pieces cost -------------------------------------===//

#include "Curve.h"
#include "colossal/Plan/Stages.h"

#include <algorithm>
#include <set>
#include <unordered_map>

using namespace colossal;
using namespace colossal::plan;

namespace {
class Meter {
public:
  Meter(const Program &program, const Pieces &pieces,
        const Formulation &formulation, const Solution &solution)
      : program(program), pieces(pieces), formulation(formulation),
        problem(formulation.problem), solution(solution), uses(usesOf(problem)),
        nodesOf(pieces.count()), valuesOf(pieces.count()) {
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
          findPeaks(piece, Segment(s));
    for (int piece = 0; piece < pieces.count(); ++piece)
      costs[piece] = costs[pieces.representatives[piece]];
    return costs;
  }

private:
  /// A copy of a value in a segment, between positions of nodes.
  struct Life {
    int state = 0;
    int source = -1; ///< the copy that it is made of, before it in a list
    int first = 0, last = 0;
  };

  const Strategy &strategy(int node) const {
    return problem.nodes[node].strategies[solution.strategies[node]];
  }
  int produced(int v) const {
    return strategy(uses[v].producer).outputs[uses[v].output];
  }
  bool isNewState(int v) const {
    return program.values[formulation.values[v].value].updates >= 0;
  }
  void addValue(int v);
  std::vector<Life> livesOf(int v, Segment segment,
                            const std::unordered_map<int, int> &order) const;
  void findPeaks(int piece, Segment segment);

  const Program &program;
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

/// The copies of a value in a segment. Those that are kept or come from an
/// earlier segment are there at its end or from its begin; positions are those
/// of the nodes in `order`, and its size is the end.
std::vector<Meter::Life>
Meter::livesOf(int v, Segment segment,
               const std::unordered_map<int, int> &order) const {
  const ProblemValue &value = problem.values[v];
  int end = int(order.size()), kept = solution.kept[v];
  bool isMade = uses[v].produced == segment;
  bool isArgument = program.values[formulation.values[v].value].producer < 0;
  // Per state the first and last direct use.
  std::map<int, std::pair<int, int>> demands;
  auto demand = [&](int state, int at) {
    auto [it, isNew] = demands.emplace(state, std::make_pair(at, at));
    it->second.first = std::min(it->second.first, at);
    it->second.second = std::max(it->second.second, at);
  };
  for (const Use &use : uses[v].uses[int(segment)])
    demand(strategy(use.node).inputs[use.input], order.at(use.node));
  for (int s = int(segment) + 1; s < segmentCount && kept >= 0; ++s)
    if (uses[v].produced <= segment && !uses[v].uses[s].empty())
      demand(kept, end);
  int supply = isMade ? produced(v) : kept;
  if (supply < 0 || (!isMade && demands.empty()))
    return {};
  // Arcs make a tree: each copy comes from one before it.
  std::vector<Life> lives(1);
  lives[0].state = supply;
  for (size_t i = 0; i < lives.size(); ++i)
    for (int index : solution.arcs[v][int(segment)]) {
      const Arc &arc = value.arcs[index];
      if (arc.from == lives[i].state &&
          std::none_of(lives.begin(), lives.end(),
                       [&](const Life &life) { return life.state == arc.to; }))
        lives.push_back({arc.to, int(i)});
    }
  // When each is needed, the last ones first.
  for (Life &life : lives) {
    auto found = demands.find(life.state);
    life.first = found == demands.end() ? end : found->second.first;
    life.last = found == demands.end() ? 0 : found->second.second;
  }
  for (size_t i = lives.size(); i-- > 1;)
    lives[lives[i].source].first =
        std::min(lives[lives[i].source].first, lives[i].first);
  lives[0].first = isMade ? order.at(uses[v].producer) : 0;
  lives[0].last = std::max(lives[0].last, lives[0].first);
  for (size_t i = 1; i < lives.size(); ++i) {
    Life &life = lives[i], &source = lives[life.source];
    int64_t bytes = value.states[life.state].bytes,
            before = value.states[source.state].bytes;
    bool isRead = std::any_of(lives.begin(), lives.end(), [&](const Life &one) {
      return &one != &life && one.source == life.source &&
             one.first > life.first;
    });
    bool isLast = !isRead && source.last <= life.first;
    // What frees more than it takes is made early (Apply.cpp).
    if (isLast && !isArgument &&
        (bytes < before || (isNewState(v) && segment == Segment::Update)))
      life.first = source.last;
    life.last = std::max(life.last, life.first);
    // Of as many bytes it is in the place of its source.
    source.last =
        std::max(source.last, life.first - (isLast && bytes == before));
  }
  return lives;
}

/// The most that lives at once while the piece runs a segment: with what it
/// makes or frees of activations, and with one microbatch of gradients; and
/// without.
void Meter::findPeaks(int piece, Segment segment) {
  // The users of a piece's values are in the piece.
  std::unordered_map<int, int> order;
  for (int n : nodesOf[piece])
    if (problem.nodes[n].segment == segment)
      order.emplace(n, int(order.size()));
  int end = int(order.size());
  bool isLooped = isPerMicrobatch(segment);
  bool isOnce = formulation.options.microbatches == 1;
  Curve all(end + 1), besides(end + 1);
  for (int v : valuesOf[piece]) {
    const ProblemValue &value = problem.values[v];
    int kept = solution.kept[v];
    bool isMade = uses[v].produced == segment;
    bool isGradient = uses[v].produced == Segment::Backward;
    std::vector<Life> lives = livesOf(v, segment, order);
    for (const Life &life : lives) {
      int64_t bytes = value.states[life.state].bytes;
      if (value.resident && life.state == produced(v))
        continue;
      // A new state takes the place of the old one, and before it is gathered
      // that of the part of the old one that its op reads.
      bool isNew = isNewState(v) && segment == Segment::Update;
      if (isNew && &life == &lives.back())
        continue;
      if (life.state == kept) {
        bool isActivation = uses[v].produced == Segment::Forward;
        if (isLooped && (isActivation || (isGradient && isOnce)))
          all.add(life.first, life.last, bytes);
        // What a collective gives is added to the accumulator behind it.
        if (isMade && isGradient && !isOnce && kept != produced(v)) {
          all.add(life.first, life.first, bytes);
          besides.add(life.first, life.first, bytes);
        }
        continue;
      }
      // Gradients are counted to the end of the update: what is made of one
      // that dies is in its place.
      if (isGradient && segment == Segment::Update)
        bytes = std::max<int64_t>(0, bytes - value.states[kept].bytes);
      all.add(life.first + isNew, life.last, bytes);
      besides.add(life.first + isNew, life.last, bytes);
    }
  }
  costs[piece].peakBytes[int(segment)] = all.peak();
  costs[piece].transientBytes[int(segment)] = besides.peak();
}

/// What crosses further than to the next piece lives while those between run,
/// if it is not counted as an activation.
static void addPassing(const Pieces &pieces, const Formulation &formulation,
                       const Solution &solution, Measured &measured) {
  std::vector<ValueUses> uses = usesOf(formulation.problem);
  for (const Measured::Crossing &crossing : measured.crossings) {
    if (!crossing.isLooped() || crossing.isArgument)
      continue;
    int from = crossing.from;
    int index = formulation.valueOf(pieces.representatives[from],
                                    pieces.counterpart(from, crossing.value));
    if (uses[index].produced != crossing.segment || solution.kept[index] >= 0)
      continue;
    auto [first, last] =
        std::minmax_element(crossing.to.begin(), crossing.to.end());
    for (int piece = std::min(*first, from); piece <= std::max(*last, from);
         ++piece) {
      if (piece == from ||
          std::count(crossing.to.begin(), crossing.to.end(), piece))
        continue;
      PieceCost &cost = measured.pieces[piece];
      cost.peakBytes[int(crossing.segment)] += crossing.bytes;
      cost.transientBytes[int(crossing.segment)] += crossing.bytes;
    }
  }
}

Measured colossal::plan::measure(const Program &program,
                                 const Batching &batching,
                                 const std::vector<OpNode> &nodes,
                                 const Pieces &pieces,
                                 const Formulation &formulation,
                                 const Solution &solution) {
  Measured measured;
  measured.pieces = Meter(program, pieces, formulation, solution).run();
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
  addPassing(pieces, formulation, solution, measured);
  return measured;
}
