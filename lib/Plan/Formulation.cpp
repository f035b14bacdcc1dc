//===- Formulation.cpp - From a program to the inner problem --------------===//

#include "colossal/Plan/Formulation.h"
#include "Choices.h"
#include "Reuse.h"

#include <algorithm>
#include <set>

using namespace colossal;
using namespace colossal::plan;

namespace {
class Builder {
public:
  Builder(const Program &program, const Batching &batching,
          const std::vector<OpNode> &nodes, const Pieces &pieces,
          const machine::Cluster &cluster, const Mesh &mesh,
          const FormulationOptions &options)
      : program(program), batching(batching), nodes(nodes), pieces(pieces),
        cluster(cluster), mesh(mesh), options(options), reshards(cluster, mesh),
        byteTimes(options.byteTimes
                      ? options.byteTimes
                      : byteTimesOf(program, batching, nodes, pieces, cluster,
                                    mesh.devicesPerGroup(),
                                    options.microbatches)) {
    result.mesh = mesh;
    result.options = options;
    Problem &problem = result.problem;
    problem.repeats = {1, options.microbatches, options.microbatches, 1};
    weights.assign(pieces.count(), 0);
    for (int representative : pieces.representatives)
      ++weights[representative];
  }

  std::optional<Formulation> run(std::string &error) {
    findBorders();
    for (int piece = 0; piece < pieces.count(); ++piece)
      if (pieces.representatives[piece] == piece && !addPiece(piece)) {
        error = fault;
        return std::nullopt;
      }
    addTies();
    std::vector<ValueUses> uses = usesOf(result.problem);
    if (options.zero)
      restrictKept(uses);
    for (size_t v = 0; v < result.values.size(); ++v)
      pruneArcs(int(v), uses[v]);
    setMemory(result, program, options);
    return std::move(result);
  }

private:
  // Borders between pieces.
  void findBorders();
  int pieceOf(int value) const {
    int producer = program.values[value].producer;
    return producer < 0 ? homes[value] : opPieces[producer];
  }
  int representative(int value) const {
    return pieces.counterpart(pieceOf(value), value);
  }

  // States.
  std::vector<Placements> argumentStates(int value) const;
  std::vector<Placements> whereData(std::vector<Placements> states,
                                    bool isCut) const;
  std::vector<Placements> borderStates(int value) const;
  bool crossesPartial(int value) const;
  bool isLooped(int value) const;

  // Parts of the problem.
  bool addPiece(int piece);
  bool addOps(int piece, int node);
  int addValue(int piece, int value, const std::set<Combiner> &partials);
  void addSource(int piece, int value);
  void addSink(int piece, int value, Segment segment,
               const std::vector<Placements> &states);
  void addTies();
  void tie(int a, int b) {
    if (a >= 0 && b >= 0 && a != b)
      result.problem.ties.push_back({a, b});
  }
  bool keepsParts(int value, const Placements &from,
                  const Placements &to) const;
  void addArcs(int index);
  void restrictKept(const std::vector<ValueUses> &uses);
  void pruneArcs(int index, const ValueUses &uses);

  int stateIndex(int index, const Placements &state) const {
    const std::vector<Placements> &states = result.values[index].states;
    auto it = std::find(states.begin(), states.end(), state);
    return it == states.end() ? -1 : int(it - states.begin());
  }

  const Program &program;
  const Batching &batching;
  const std::vector<OpNode> &nodes;
  const Pieces &pieces;
  const machine::Cluster &cluster;
  const Mesh &mesh;
  const FormulationOptions &options;
  Reshards reshards;
  std::shared_ptr<const std::vector<ByteTimes>> byteTimes; ///< per node
  Formulation result;
  std::string fault;

  std::vector<int64_t> weights; ///< per piece, how many it stands for
  std::vector<int> opPieces;    ///< per op
  std::vector<int> homes;       ///< per argument the piece that owns it, or -1
  std::map<int, Segment>
      exported;                ///< representative value -> first use outside
  std::map<int, int> updateOf; ///< state argument -> its updated value
  std::map<std::pair<int, int>, int> sources, sinks, updateSinks;
};
} // namespace

//===----------------------------------------------------------------------===//
// Borders
//===----------------------------------------------------------------------===//

void Builder::findBorders() {
  opPieces.assign(program.ops.size(), 0);
  homes.assign(program.values.size(), -1);
  for (size_t n = 0; n < nodes.size(); ++n)
    for (int op : nodes[n].ops)
      opPieces[op] = pieces.ofNode[n];
  for (size_t v = 0; v < program.values.size(); ++v)
    if (int target = program.values[v].updates; target >= 0) {
      updateOf[target] = int(v);
      if (int producer = program.values[v].producer; producer >= 0)
        homes[target] = opPieces[producer];
    }
  for (size_t n = 0; n < nodes.size(); ++n)
    for (const NodeInput &input : nodes[n].inputs)
      if (program.values[input.value].producer < 0 && homes[input.value] < 0)
        homes[input.value] = pieces.ofNode[n];
  for (size_t n = 0; n < nodes.size(); ++n)
    for (const NodeInput &input : nodes[n].inputs) {
      int value = input.value;
      if (program.values[value].producer < 0 ||
          pieceOf(value) == pieces.ofNode[n])
        continue;
      auto [it, isNew] =
          exported.emplace(representative(value), nodes[n].segment);
      it->second = std::min(it->second, nodes[n].segment);
    }
}

bool Builder::isLooped(int value) const {
  int producer = program.values[value].producer;
  if (producer < 0)
    return program.values[value].role == Role::Batch;
  Segment segment = program.ops[producer].segment;
  return segment == Segment::Forward || segment == Segment::Backward;
}

//===----------------------------------------------------------------------===//
// States
//===----------------------------------------------------------------------===//

static std::vector<bool> allCuttable(const ProgramValue &value) {
  std::vector<bool> cuttable;
  for (int64_t bound : value.subDims())
    cuttable.push_back(bound > 1);
  return cuttable;
}

/// States in which an argument is stored.
std::vector<Placements> Builder::argumentStates(int index) const {
  if (auto given = options.stored.find(index); given != options.stored.end())
    return {given->second};
  const ProgramValue &value = program.values[index];
  std::vector<Placements> states =
      layout::legalPlacements(value.subDims(), mesh, allCuttable(value), {});
  if (!options.zero ||
      (value.role != Role::Optimizer && value.role != Role::Parameter))
    return states;
  return whereData(std::move(states),
                   *options.zero >= (value.role == Role::Optimizer ? 1 : 3));
}

/// Those that every data axis cuts, or leaves whole; where an axis can do
/// neither to any, what it does is free.
std::vector<Placements> Builder::whereData(std::vector<Placements> states,
                                           bool isCut) const {
  for (size_t a = 0; a < mesh.axes.size(); ++a) {
    if (ruleOf(options, a) != AxisRule::Data)
      continue;
    std::vector<Placements> allowed;
    for (const Placements &state : states)
      if (isCut ? state[a] >= 0 : state[a] == replicated)
        allowed.push_back(state);
    if (!allowed.empty())
      states = std::move(allowed);
  }
  return states;
}

/// ZeRO 2: what backward leaves to the update, so every gradient, is kept cut
/// over the data axes. ZeRO 3: so are parameters, and what the prologue makes
/// of them; who needs more of them gathers it for the segment.
void Builder::restrictKept(const std::vector<ValueUses> &uses) {
  std::vector<bool> isOfParameters(program.values.size());
  for (size_t v = 0; v < program.values.size(); ++v) {
    const ProgramValue &value = program.values[v];
    isOfParameters[v] = value.role == Role::Parameter;
    if (value.producer >= 0)
      for (const Access &operand : program.ops[value.producer].operands)
        isOfParameters[v] = isOfParameters[v] || isOfParameters[operand.value];
  }
  for (size_t v = 0; v < uses.size(); ++v) {
    bool isGradient = uses[v].produced == Segment::Backward;
    bool isWeight = uses[v].produced == Segment::Prologue &&
                    isOfParameters[result.values[v].value];
    if (!uses[v].crosses ||
        !(isGradient ? *options.zero >= 2 : isWeight && *options.zero == 3))
      continue;
    const std::vector<Placements> &states = result.values[v].states;
    std::vector<Placements> allowed = whereData(states, true);
    for (size_t s = 0; s < states.size(); ++s)
      result.problem.values[v].states[s].mayKeep =
          std::count(allowed.begin(), allowed.end(), states[s]) > 0;
  }
}

/// States in which a value may cross from piece to piece. Depends on shape and
/// use alone, so that tied nodes list the same states.
std::vector<Placements> Builder::borderStates(int index) const {
  const ProgramValue &value = program.values[index];
  std::set<Combiner> partials;
  if (crossesPartial(index))
    partials.insert(Combiner::Sum);
  return layout::legalPlacements(value.subDims(), mesh, allCuttable(value),
                                 partials);
}

bool Builder::crossesPartial(int index) const {
  return program.values[index].elements() == 1 ||
         exported.at(representative(index)) == Segment::Update;
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

int Builder::addValue(int piece, int index,
                      const std::set<Combiner> &partials) {
  const ProgramValue &value = program.values[index];
  int number = int(result.values.size());
  result.valueIndex[{piece, index}] = number;
  FormulatedValue formulated{piece, index,
                             layout::legalPlacements(value.subDims(), mesh,
                                                     allCuttable(value),
                                                     partials)};
  ProblemValue added;
  added.name = value.name;
  if (pieces.count() > 1)
    added.name += "@" + std::to_string(piece);
  std::replace(added.name.begin(), added.name.end(), ' ', '_');
  added.weight = weights[piece];
  int64_t parts = isLooped(index) ? options.microbatches : 1;
  for (const Placements &state : formulated.states)
    added.states.push_back(
        {nameOf(state), localBytes(value, mesh, state, batching.subDims[index],
                                   value.producer < 0 ? 1 : parts)});
  bool owned = value.producer < 0 && homes[index] == piece;
  added.resident = value.producer < 0;
  added.storedCopies = owned;
  result.problem.values.push_back(std::move(added));
  result.values.push_back(std::move(formulated));
  addArcs(number);
  return number;
}

/// Inside the loop, an axis may join or leave the batch only where parts of a
/// microbatch are equal: parts must fit into parts.
bool Builder::keepsParts(int value, const Placements &from,
                         const Placements &to) const {
  int batch = batching.subDims[value];
  if (batch < 0 || options.microbatches == 1)
    return true;
  bool moves = false;
  int64_t before = options.microbatches, after = before;
  for (size_t a = 0; a < from.size(); ++a) {
    moves |= (from[a] == batch) != (to[a] == batch);
    before *= from[a] == batch ? mesh.axes[a].size : 1;
    after *= to[a] == batch ? mesh.axes[a].size : 1;
  }
  int64_t bound = program.values[value].subDims()[batch];
  return !moves || (bound % before == 0 && bound % after == 0);
}

void Builder::addArcs(int index) {
  const FormulatedValue &value = result.values[index];
  int64_t parts = isLooped(value.value) ? options.microbatches : 1;
  for (size_t from = 0; from < value.states.size(); ++from)
    for (size_t to = 0; to < value.states.size(); ++to) {
      if (!keepsParts(value.value, value.states[from], value.states[to]))
        continue;
      std::optional<int64_t> time =
          reshards.time(program.values[value.value], value.states[from],
                        value.states[to], batching.subDims[value.value], parts);
      if (time)
        result.problem.values[index].arcs.push_back(
            {int(from), int(to), *time});
    }
}

/// Keeps the arcs of one cheapest path from each state that is produced to each
/// that is demanded, and between those: what else there is does not pay.
void Builder::pruneArcs(int index, const ValueUses &uses) {
  constexpr int64_t far = int64_t(1) << 60;
  ProblemValue &value = result.problem.values[index];
  size_t count = value.states.size();
  // From state to state, row by row.
  std::vector<int64_t> distance(count * count, far);
  std::vector<int> first(count * count, -1);
  for (size_t s = 0; s < count; ++s)
    distance[s * count + s] = 0;
  for (size_t a = 0; a < value.arcs.size(); ++a) {
    const Arc &arc = value.arcs[a];
    size_t pair = arc.from * count + arc.to;
    if (arc.cost < distance[pair]) {
      distance[pair] = arc.cost;
      first[pair] = int(a);
    }
  }
  for (size_t via = 0; via < count; ++via)
    for (size_t from = 0; from < count; ++from) {
      int64_t there = distance[from * count + via];
      if (there == far || from == via)
        continue;
      int step = first[from * count + via];
      for (size_t to = 0; to < count; ++to)
        if (int64_t whole = there + distance[via * count + to];
            whole < distance[from * count + to]) {
          distance[from * count + to] = whole;
          first[from * count + to] = step;
        }
    }
  std::set<int> sourcesOf, targets;
  for (const std::vector<Use> &segment : uses.uses)
    for (const Use &use : segment)
      for (const Strategy &strategy : result.problem.nodes[use.node].strategies)
        targets.insert(strategy.inputs[use.input]);
  if (uses.producer >= 0)
    for (const Strategy &strategy :
         result.problem.nodes[uses.producer].strategies)
      sourcesOf.insert(strategy.outputs[uses.output]);
  std::set<int> wanted;
  sourcesOf.insert(targets.begin(), targets.end());
  for (int from : sourcesOf)
    for (int to : targets)
      for (int at = from; at != to;) {
        int arc = first[at * count + to];
        if (arc < 0)
          break;
        wanted.insert(arc);
        at = value.arcs[arc].to;
      }
  std::vector<Arc> arcs;
  for (int a : wanted)
    arcs.push_back(value.arcs[a]);
  value.arcs = std::move(arcs);
}

//===----------------------------------------------------------------------===//
// Nodes
//===----------------------------------------------------------------------===//

void Builder::addSource(int piece, int index) {
  const ProgramValue &value = program.values[index];
  bool isArgument = value.producer < 0;
  std::vector<Placements> states =
      isArgument ? argumentStates(index) : borderStates(index);
  std::set<Combiner> partials;
  for (const Placements &state : states)
    if (std::count(state.begin(), state.end(), partialSum))
      partials.insert(Combiner::Sum);
  int number = addValue(piece, index, partials);
  ProblemNode node;
  node.name = "source:" + result.problem.values[number].name;
  node.segment = isArgument ? Segment::Prologue
                            : std::max(exported.at(representative(index)),
                                       program.ops[value.producer].segment);
  node.weight = weights[piece];
  node.outputs = {number};
  for (const Placements &state : states)
    node.strategies.push_back(
        {nameOf(state), 0, {}, {stateIndex(number, state)}});
  sources[{piece, index}] = int(result.problem.nodes.size());
  result.problem.nodes.push_back(std::move(node));
  result.nodes.push_back({FormulatedNode::Kind::Source, piece, -1, index});
  result.strategies.emplace_back();
}

void Builder::addSink(int piece, int index, Segment segment,
                      const std::vector<Placements> &states) {
  int number = result.valueOf(piece, index);
  ProblemNode node;
  node.name = std::string(nameOf(segment)) + "-sink" +
              std::to_string(result.problem.nodes.size()) + ":" +
              result.problem.values[number].name;
  node.segment = segment;
  node.weight = weights[piece];
  node.inputs = {number};
  for (const Placements &state : states)
    node.strategies.push_back(
        {nameOf(state), 0, {stateIndex(number, state)}, {}});
  result.problem.nodes.push_back(std::move(node));
  result.nodes.push_back({FormulatedNode::Kind::Sink, piece, -1, index});
  result.strategies.emplace_back();
}

bool Builder::addOps(int piece, int number) {
  const OpNode &node = nodes[number];
  ProblemNode added;
  added.name = node.name;
  std::replace(added.name.begin(), added.name.end(), ' ', '_');
  added.name += std::string(":") + nameOf(node.segment);
  added.segment = node.segment;
  added.weight = weights[piece];
  for (const NodeInput &input : node.inputs)
    added.inputs.push_back(result.valueOf(piece, input.value));

  std::vector<NodeStrategy> kept = legalStrategies(
      program, mesh, options, node,
      [&](const NodeStrategy &strategy) {
        for (size_t i = 0; i < added.inputs.size(); ++i)
          if (stateIndex(added.inputs[i], strategy.inputs[i]) < 0)
            return false;
        return true;
      },
      [&](const NodeStrategy &strategy) {
        return nodeTime(program, batching, cluster, reshards, mesh, node,
                        strategy, options.microbatches, (*byteTimes)[number]);
      },
      fault);
  if (kept.empty())
    return false;
  for (size_t o = 0; o < node.outputs.size(); ++o) {
    // A border lists partial states even where no strategy gives them.
    std::set<Combiner> partials;
    if (exported.count(node.outputs[o]) && crossesPartial(node.outputs[o]))
      partials.insert(Combiner::Sum);
    for (const NodeStrategy &strategy : kept)
      for (int axis : strategy.outputs[o])
        if (isPartial(axis))
          partials.insert(combinerOf(axis));
    added.outputs.push_back(addValue(piece, node.outputs[o], partials));
  }
  for (size_t k = 0; k < kept.size(); ++k) {
    Strategy strategy;
    for (const Choice &choice : kept[k].choices) {
      strategy.name += strategy.name.empty() ? "" : ".";
      strategy.name += choice.kind == Choice::Kind::Replicated ? "R"
                       : choice.kind == Choice::Kind::Class    ? "c"
                                                               : "lin";
      if (choice.kind != Choice::Kind::Replicated)
        strategy.name += std::to_string(choice.index);
    }
    if (strategy.name.empty())
      strategy.name = "R";
    // The index breaks ties, the same way everywhere.
    strategy.cost = kept[k].cost + int64_t(k);
    for (size_t i = 0; i < added.inputs.size(); ++i)
      strategy.inputs.push_back(stateIndex(added.inputs[i], kept[k].inputs[i]));
    for (size_t o = 0; o < added.outputs.size(); ++o)
      strategy.outputs.push_back(
          stateIndex(added.outputs[o], kept[k].outputs[o]));
    added.strategies.push_back(std::move(strategy));
  }
  result.problem.nodes.push_back(std::move(added));
  result.nodes.push_back({FormulatedNode::Kind::Ops, piece, number, -1});
  result.strategies.push_back(std::move(kept));
  return true;
}

bool Builder::addPiece(int piece) {
  for (int number : pieces.nodes[piece])
    for (const NodeInput &input : nodes[number].inputs) {
      bool outside = program.values[input.value].producer < 0 ||
                     pieceOf(input.value) != piece;
      if (outside && !sources.count({piece, input.value}))
        addSource(piece, input.value);
    }
  // State that is updated without being used.
  for (auto [argument, updated] : updateOf)
    if (homes[argument] == piece && !sources.count({piece, argument}))
      addSource(piece, argument);
  for (int number : pieces.nodes[piece])
    if (!addOps(piece, number))
      return false;
  for (int number : pieces.nodes[piece])
    for (int output : nodes[number].outputs) {
      const ProgramValue &value = program.values[output];
      if (auto it = exported.find(output); it != exported.end()) {
        sinks[{piece, output}] = int(result.problem.nodes.size());
        addSink(piece, output, std::max(it->second, nodes[number].segment),
                borderStates(output));
      }
      if (value.updates >= 0) {
        updateSinks[{piece, output}] = int(result.problem.nodes.size());
        addSink(piece, output, Segment::Update, argumentStates(value.updates));
      }
      if (value.metric && value.updates < 0)
        addSink(piece, output, Segment::Update,
                {Placements(mesh.axes.size(), replicated)});
      if (value.output)
        addSink(piece, output, nodes[number].segment,
                layout::legalPlacements(value.subDims(), mesh,
                                        allCuttable(value), {}));
    }
  return true;
}

void Builder::addTies() {
  // Every copy: what enters a piece is what left the other one.
  std::set<std::pair<int, int>> seen;
  for (size_t n = 0; n < nodes.size(); ++n) {
    int piece = pieces.ofNode[n];
    int rep = pieces.representatives[piece];
    for (const NodeInput &input : nodes[n].inputs) {
      int from = pieceOf(input.value);
      if (from == piece && program.values[input.value].producer >= 0)
        continue;
      auto source = sources.find({rep, pieces.counterpart(piece, input.value)});
      if (source == sources.end())
        continue;
      int fromRep = pieces.representatives[from];
      auto &others = program.values[input.value].producer < 0 ? sources : sinks;
      auto other = others.find({fromRep, representative(input.value)});
      if (other == others.end() || other->second == source->second)
        continue;
      if (seen.insert({source->second, other->second}).second)
        tie(source->second, other->second);
    }
  }
  for (auto [key, sink] : updateSinks) {
    auto source = sources.find({key.first, program.values[key.second].updates});
    if (source != sources.end())
      tie(source->second, sink);
  }
}

void colossal::plan::setMemory(Formulation &formulation, const Program &program,
                               const FormulationOptions &options) {
  formulation.options.inFlight = options.inFlight;
  formulation.options.memoryPrice = options.memoryPrice;
  formulation.options.memoryLimit = options.memoryLimit;
  formulation.problem.memoryPrice = options.memoryPrice;
  formulation.problem.memoryLimit = options.memoryLimit;
  for (size_t v = 0; v < formulation.values.size(); ++v) {
    int producer = program.values[formulation.values[v].value].producer;
    bool isActivation =
        producer >= 0 && program.ops[producer].segment == Segment::Forward;
    formulation.problem.values[v].keptCopies =
        isActivation ? options.inFlight : 1;
  }
}

std::optional<Formulation>
colossal::plan::formulate(const Program &program, const Batching &batching,
                          const std::vector<OpNode> &nodes,
                          const Pieces &pieces, const machine::Cluster &cluster,
                          const Mesh &mesh, const FormulationOptions &options,
                          std::string &error) {
  error.clear();
  return Builder(program, batching, nodes, pieces, cluster, mesh, options)
      .run(error);
}
