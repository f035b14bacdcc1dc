//===- Assemble.cpp - From a solution of the problem to a plan ------------===//

#include "colossal/Plan/Plan.h"

#include <algorithm>
#include <tuple>

using namespace colossal::plan;

namespace {
class Assembler {
public:
  Assembler(const Program &program, const std::vector<OpNode> &nodes,
            const Pieces &pieces, const Formulation &formulation,
            const Solution &solution, const std::vector<int> &stageOfPiece)
      : program(program), nodes(nodes), pieces(pieces),
        formulation(formulation), solution(solution),
        stageOfPiece(stageOfPiece), uses(usesOf(formulation.problem)) {}

  Plan run();
  PlanTimes takeTimes() { return std::move(times); }

private:
  /// The copies of a value that a piece can read in a segment, by state.
  using Copies = std::map<int, int>;
  struct Key {
    int piece, value, segment;
    bool operator<(const Key &other) const {
      return std::tie(piece, value, segment) <
             std::tie(other.piece, other.value, other.segment);
    }
  };

  int representative(int piece) const { return pieces.representatives[piece]; }
  int problemValue(int piece, int value) const {
    return formulation.valueOf(representative(piece),
                               pieces.counterpart(piece, value));
  }
  int producedState(int index) const {
    const ValueUses &use = uses[index];
    return formulation.problem.nodes[use.producer]
        .strategies[solution.strategies[use.producer]]
        .outputs[use.output];
  }
  const Copies &copies(int piece, int value, int segment);
  int baseCopy(int piece, int value);
  int borderCopy(int piece, int value);
  void placeOps();
  void placeInnerReductions();
  void placeUses();
  void placeResults();

  const Program &program;
  const std::vector<OpNode> &nodes;
  const Pieces &pieces;
  const Formulation &formulation;
  const Solution &solution;
  const std::vector<int> &stageOfPiece;
  std::vector<ValueUses> uses;
  Plan plan;
  PlanTimes times;
  std::map<Key, Copies> known;
  std::map<int, int> inner; ///< value -> its inner reduction
  std::map<int, int> pieceOfOp;
  /// Per node of the program the node of the problem that stands for it.
  std::vector<int> formulated;
};
} // namespace

/// The copy in the state in which the value enters the piece, or is produced.
int Assembler::baseCopy(int piece, int value) {
  int producer = program.values[value].producer;
  if (producer < 0)
    return originalCopy;
  if (pieceOfOp[producer] != piece)
    return borderCopy(pieceOfOp[producer], value);
  auto it = inner.find(value);
  return it == inner.end() ? originalCopy : it->second;
}

/// The copy in which the value leaves the piece. The border's sink is the
/// first one of the value (Formulation.cpp).
int Assembler::borderCopy(int piece, int value) {
  int index = problemValue(piece, value);
  for (int s = 0; s < segmentCount; ++s)
    for (const Use &use : uses[index].uses[s])
      if (formulation.nodes[use.node].kind == FormulatedNode::Kind::Sink)
        return copies(piece, value, s)
            .at(formulation.problem.nodes[use.node]
                    .strategies[solution.strategies[use.node]]
                    .inputs[0]);
  return originalCopy;
}

const Assembler::Copies &Assembler::copies(int piece, int value, int segment) {
  Key key{piece, value, segment};
  if (auto it = known.find(key); it != known.end())
    return it->second;
  int index = problemValue(piece, value);
  const ValueUses &use = uses[index];
  Copies found;
  if (segment == int(use.produced)) {
    found[producedState(index)] = baseCopy(piece, value);
  } else {
    int kept = solution.kept[index];
    found[kept] = copies(piece, value, int(use.produced)).at(kept);
  }
  // Arcs in an order in which each starts from a copy that exists.
  std::vector<int> arcs = solution.arcs[index][segment];
  const ProblemValue &described = formulation.problem.values[index];
  const std::vector<Placements> &states = formulation.values[index].states;
  while (!arcs.empty()) {
    auto next = std::find_if(arcs.begin(), arcs.end(), [&](int arc) {
      return found.count(described.arcs[arc].from) > 0;
    });
    if (next == arcs.end())
      break; // verify() has excluded this
    const Arc &arc = described.arcs[*next];
    PlannedReshard reshard;
    reshard.value = value;
    reshard.source = found[arc.from];
    reshard.segment = Segment(segment);
    reshard.stage = stageOfPiece[piece];
    reshard.from = states[arc.from];
    reshard.to = states[arc.to];
    found.emplace(arc.to, int(plan.reshards.size()));
    plan.reshards.push_back(std::move(reshard));
    times.reshards.push_back(arc.cost);
    arcs.erase(next);
  }
  return known[key] = std::move(found);
}

void Assembler::placeOps() {
  plan.ops.resize(program.ops.size());
  std::map<std::pair<int, int>, int> index;
  for (size_t n = 0; n < formulation.nodes.size(); ++n)
    if (formulation.nodes[n].kind == FormulatedNode::Kind::Ops)
      index[{formulation.nodes[n].piece, formulation.nodes[n].node}] = int(n);
  formulated.assign(nodes.size(), -1);
  for (int piece = 0; piece < pieces.count(); ++piece)
    for (size_t i = 0; i < pieces.nodes[piece].size(); ++i) {
      int rep = representative(piece);
      formulated[pieces.nodes[piece][i]] = index[{rep, pieces.nodes[rep][i]}];
    }
  for (size_t n = 0; n < nodes.size(); ++n) {
    const NodeStrategy &strategy =
        formulation
            .strategies[formulated[n]][solution.strategies[formulated[n]]];
    times.nodes.push_back(strategy.cost);
    for (size_t p = 0; p < nodes[n].ops.size(); ++p) {
      int op = nodes[n].ops[p];
      pieceOfOp[op] = pieces.ofNode[n];
      PlannedOp &planned = plan.ops[op];
      planned.stage = stageOfPiece[pieces.ofNode[n]];
      planned.segment = nodes[n].segment;
      for (const Choice &choice : strategy.opChoices[p]) {
        PlannedAxis axis;
        if (choice.kind == Choice::Kind::Linear)
          axis.linear = program.ops[op].linear[choice.index];
        if (choice.kind == Choice::Kind::Class)
          for (size_t f = 0; f < nodes[n].classes[p].size(); ++f)
            if (nodes[n].classes[p][f] == choice.index)
              axis.factor = int(f);
        planned.axes.push_back(std::move(axis));
      }
    }
  }
}

/// A partial value that its own node uses is reduced where it is produced.
void Assembler::placeInnerReductions() {
  for (size_t n = 0; n < nodes.size(); ++n) {
    const NodeStrategy &strategy =
        formulation
            .strategies[formulated[n]][solution.strategies[formulated[n]]];
    // The counterparts of the reduced values, by position in the node.
    const OpNode &rep = nodes[formulation.nodes[formulated[n]].node];
    for (int value : strategy.reduced) {
      int position = int(std::find(rep.ops.begin(), rep.ops.end(),
                                   program.values[value].producer) -
                         rep.ops.begin());
      const Op &op = program.ops[nodes[n].ops[position]];
      const Access &access = op.results[program.values[value].result];
      Placements state = shardingOf(program, nodes[n], position, access, true,
                                    strategy.opChoices[position]);
      int copy = originalCopy;
      for (size_t a = 0; a < state.size(); ++a) {
        if (!isPartial(state[a]))
          continue;
        PlannedReshard reshard;
        reshard.value = access.value;
        reshard.source = copy;
        reshard.segment = nodes[n].segment;
        reshard.stage = stageOfPiece[pieces.ofNode[n]];
        reshard.from = state;
        state[a] = replicated;
        reshard.to = state;
        copy = int(plan.reshards.size());
        plan.reshards.push_back(std::move(reshard));
        times.reshards.push_back(0);
      }
      inner[access.value] = copy;
    }
  }
}

void Assembler::placeUses() {
  for (size_t n = 0; n < nodes.size(); ++n) {
    int piece = pieces.ofNode[n];
    const NodeStrategy &strategy =
        formulation
            .strategies[formulated[n]][solution.strategies[formulated[n]]];
    for (size_t i = 0; i < nodes[n].inputs.size(); ++i) {
      const NodeInput &input = nodes[n].inputs[i];
      int index = problemValue(piece, input.value);
      const std::vector<Placements> &states = formulation.values[index].states;
      int state =
          int(std::find(states.begin(), states.end(), strategy.inputs[i]) -
              states.begin());
      int copy = copies(piece, input.value, int(nodes[n].segment)).at(state);
      if (copy != originalCopy)
        plan.uses.push_back({input.op, input.operand, copy});
    }
    for (int op : nodes[n].ops)
      for (size_t o = 0; o < program.ops[op].operands.size(); ++o) {
        int value = program.ops[op].operands[o].value;
        int producer = program.values[value].producer;
        if (std::count(nodes[n].ops.begin(), nodes[n].ops.end(), producer) &&
            inner.count(value))
          plan.uses.push_back({op, int(o), inner[value]});
      }
  }
}

void Assembler::placeResults() {
  for (size_t v = 0; v < program.values.size(); ++v) {
    const ProgramValue &value = program.values[v];
    if (value.producer < 0 || !value.isResult())
      continue;
    int piece = pieceOfOp[value.producer];
    int index = problemValue(piece, int(v));
    int segment = int(value.output ? program.ops[value.producer].segment
                                   : Segment::Update);
    // The last sink is that of the result; a border's comes before it.
    for (const Use &use : uses[index].uses[segment]) {
      if (formulation.nodes[use.node].kind != FormulatedNode::Kind::Sink)
        continue;
      const Strategy &strategy = formulation.problem.nodes[use.node]
                                     .strategies[solution.strategies[use.node]];
      plan.results[int(v)] =
          copies(piece, int(v), segment).at(strategy.inputs[0]);
    }
  }
}

Plan Assembler::run() {
  plan.mesh = formulation.mesh;
  plan.microbatches = formulation.options.microbatches;
  placeOps();
  placeInnerReductions();
  placeUses();
  placeResults();
  // (piece, its value) by the piece and value that stand for them.
  std::map<std::pair<int, int>, std::vector<std::pair<int, int>>> copiesOf;
  for (int piece = 0; piece < pieces.count(); ++piece)
    if (representative(piece) != piece)
      for (auto [own, rep] : pieces.counterparts[piece])
        if (program.values[own].producer < 0)
          copiesOf[{representative(piece), rep}].push_back({piece, own});
  for (size_t n = 0; n < formulation.nodes.size(); ++n) {
    // Arguments of every copy, by the source that stands for them.
    const FormulatedNode &node = formulation.nodes[n];
    if (node.kind != FormulatedNode::Kind::Source ||
        program.values[node.value].producer >= 0)
      continue;
    int index = formulation.problem.nodes[n].outputs[0];
    const Placements &state =
        formulation.values[index].states[producedState(index)];
    auto place = [&](int argument, int piece) {
      plan.arguments[argument] = state;
      // The first piece is where it is updated, or first used.
      if (formulation.problem.values[index].storedCopies > 0)
        plan.argumentStages[argument] = stageOfPiece[piece];
    };
    place(node.value, node.piece);
    if (auto it = copiesOf.find({node.piece, node.value}); it != copiesOf.end())
      for (auto [piece, own] : it->second)
        place(own, piece);
  }
  return std::move(plan);
}

Plan colossal::plan::assemble(const Program &program,
                              const std::vector<OpNode> &nodes,
                              const Pieces &pieces,
                              const Formulation &formulation,
                              const Solution &solution,
                              const std::vector<int> &stageOfPiece,
                              PlanTimes *times) {
  Assembler assembler(program, nodes, pieces, formulation, solution,
                      stageOfPiece);
  Plan plan = assembler.run();
  if (times)
    *times = assembler.takeTimes();
  return plan;
}
