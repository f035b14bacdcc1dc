//===- Problem.cpp - Checks, evaluation and verification ------------------===//

#include "colossal/Plan/Problem.h"

#include <algorithm>

using namespace colossal;
using namespace colossal::plan;

std::vector<ValueUses> colossal::plan::usesOf(const Problem &problem) {
  std::vector<ValueUses> uses(problem.values.size());
  for (size_t n = 0; n < problem.nodes.size(); ++n) {
    const ProblemNode &node = problem.nodes[n];
    for (size_t o = 0; o < node.outputs.size(); ++o) {
      ValueUses &value = uses[node.outputs[o]];
      value.producer = int(n);
      value.output = int(o);
      value.produced = node.segment;
    }
  }
  for (size_t n = 0; n < problem.nodes.size(); ++n) {
    const ProblemNode &node = problem.nodes[n];
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      ValueUses &value = uses[node.inputs[i]];
      value.uses[int(node.segment)].push_back({int(n), int(i)});
      value.crosses |= int(node.segment) > int(value.produced);
    }
  }
  return uses;
}

namespace {
/// Collects faults of a value or node by name.
struct Faults {
  std::vector<std::string> messages;
  void add(const std::string &where, const std::string &what) {
    messages.push_back(where + ": " + what);
  }
};
} // namespace

static void checkValue(const ProblemValue &value, Faults &faults) {
  std::string where = "value \"" + value.name + "\"";
  if (value.states.empty())
    faults.add(where, "has no state");
  if (value.weight < 0 || value.storedCopies < 0 || value.keptCopies < 0)
    faults.add(where, "has a negative weight or number of copies");
  for (const State &state : value.states)
    if (state.bytes < 0)
      faults.add(where, "state \"" + state.name + "\" has negative bytes");
  if (!value.states.empty() &&
      std::none_of(value.states.begin(), value.states.end(),
                   [](const State &state) { return state.mayKeep; }))
    faults.add(where, "has no state that it may be kept in");
  int count = int(value.states.size());
  for (const Arc &arc : value.arcs)
    if (arc.from < 0 || arc.from >= count || arc.to < 0 || arc.to >= count ||
        arc.from == arc.to || arc.cost < 0)
      faults.add(where, "has an arc between wrong states or of negative cost");
}

/// Checks that `states` holds a state of each of `values`.
static bool statesFit(const Problem &problem, const std::vector<int> &values,
                      const std::vector<int> &states) {
  if (values.size() != states.size())
    return false;
  for (size_t i = 0; i < values.size(); ++i)
    if (states[i] < 0 ||
        states[i] >= int(problem.values[values[i]].states.size()))
      return false;
  return true;
}

static void checkNode(const Problem &problem, const ProblemNode &node,
                      std::vector<int> &producers, Faults &faults) {
  std::string where = "node \"" + node.name + "\"";
  auto inRange = [&](int v) {
    return v >= 0 && v < int(problem.values.size());
  };
  if (!std::all_of(node.inputs.begin(), node.inputs.end(), inRange) ||
      !std::all_of(node.outputs.begin(), node.outputs.end(), inRange))
    return faults.add(where, "names a value that does not exist");
  for (int value : node.outputs)
    ++producers[value];
  if (node.strategies.empty())
    faults.add(where, "has no strategy");
  if (node.weight < 0)
    faults.add(where, "has a negative weight");
  for (const Strategy &strategy : node.strategies) {
    if (strategy.cost < 0)
      faults.add(where, "strategy \"" + strategy.name + "\" costs less than 0");
    if (!statesFit(problem, node.inputs, strategy.inputs) ||
        !statesFit(problem, node.outputs, strategy.outputs))
      faults.add(where, "strategy \"" + strategy.name +
                            "\" does not give one state per input and output");
  }
}

std::vector<std::string> Problem::check() const {
  Faults faults;
  if (memoryPrice < 0 || (memoryLimit && *memoryLimit < 0))
    faults.add("problem", "has a negative memory price or limit");
  for (int64_t count : repeats)
    if (count < 0)
      faults.add("problem", "has a negative number of repeats");
  for (const ProblemValue &value : values)
    checkValue(value, faults);
  std::vector<int> producers(values.size());
  for (const ProblemNode &node : nodes)
    checkNode(*this, node, producers, faults);
  for (size_t v = 0; v < values.size(); ++v)
    if (producers[v] != 1)
      faults.add("value \"" + values[v].name + "\"",
                 "found " + std::to_string(producers[v]) +
                     " producers, expected 1");
  if (!faults.messages.empty())
    return faults.messages;

  std::vector<ValueUses> uses = usesOf(*this);
  for (size_t v = 0; v < values.size(); ++v)
    for (int s = 0; s < int(uses[v].produced); ++s)
      if (!uses[v].uses[s].empty())
        faults.add("value \"" + values[v].name + "\"",
                   std::string("is produced in ") + nameOf(uses[v].produced) +
                       " and used before, in " + nameOf(Segment(s)));
  for (const Tie &tie : ties) {
    if (tie.first < 0 || tie.first >= int(nodes.size()) || tie.second < 0 ||
        tie.second >= int(nodes.size()))
      faults.add("tie", "names a node that does not exist");
    else if (nodes[tie.first].strategies.size() !=
             nodes[tie.second].strategies.size())
      faults.add("tie of \"" + nodes[tie.first].name + "\" and \"" +
                     nodes[tie.second].name + "\"",
                 "the numbers of strategies differ");
  }
  return faults.messages;
}

int64_t colossal::plan::priceOf(const Problem &problem, int64_t bytes) {
  // Bytes fit 50 bits and prices 20: the product may not fit 64.
  __int128 product = __int128(problem.memoryPrice) * bytes;
  return int64_t((product + ((1 << 20) - 1)) >> 20);
}

void colossal::plan::evaluate(const Problem &problem, Solution &solution) {
  solution.time = solution.memory = 0;
  int64_t price = 0;
  for (size_t n = 0; n < problem.nodes.size(); ++n) {
    const ProblemNode &node = problem.nodes[n];
    solution.time += node.weight * problem.repeats[int(node.segment)] *
                     node.strategies[solution.strategies[n]].cost;
  }
  std::vector<ValueUses> uses = usesOf(problem);
  auto count = [&](int64_t bytes) {
    solution.memory += bytes;
    price += priceOf(problem, bytes);
  };
  for (size_t v = 0; v < problem.values.size(); ++v) {
    const ProblemValue &value = problem.values[v];
    for (int s = 0; s < segmentCount; ++s)
      for (int arc : solution.arcs[v][s])
        solution.time +=
            value.weight * problem.repeats[s] * value.arcs[arc].cost;
    const ProblemNode &producer = problem.nodes[uses[v].producer];
    int produced = producer.strategies[solution.strategies[uses[v].producer]]
                       .outputs[uses[v].output];
    count(value.weight * value.storedCopies * value.states[produced].bytes);
    int kept = solution.kept[v];
    if (kept >= 0 && !(value.resident && kept == produced))
      count(value.weight * value.keptCopies * value.states[kept].bytes);
  }
  solution.cost = solution.time + price;
}

/// Checks that every use is reached from its supply over paid arcs.
static void verifyValue(const Problem &problem, const Solution &solution, int v,
                        const ValueUses &uses, Faults &faults) {
  const ProblemValue &value = problem.values[v];
  std::string where = "value \"" + value.name + "\"";
  int produced = problem.nodes[uses.producer]
                     .strategies[solution.strategies[uses.producer]]
                     .outputs[uses.output];
  int kept = solution.kept[v];
  if (uses.crosses != (kept >= 0) || kept >= int(value.states.size()) ||
      (kept >= 0 && !value.states[kept].mayKeep))
    return faults.add(where, "the kept state is wrong");
  for (int s = 0; s < segmentCount; ++s) {
    std::vector<bool> reached(value.states.size());
    bool here = s == int(uses.produced);
    if (here || kept >= 0)
      reached[here ? produced : kept] = true;
    for (size_t round = 0; round < value.states.size(); ++round)
      for (int arc : solution.arcs[v][s]) {
        if (arc < 0 || arc >= int(value.arcs.size()))
          return faults.add(where, "an arc does not exist");
        if (reached[value.arcs[arc].from])
          reached[value.arcs[arc].to] = true;
      }
    auto need = [&](int state, const std::string &user) {
      if (!reached[state])
        faults.add(where, std::string("state \"") + value.states[state].name +
                              "\" is not reached in " + nameOf(Segment(s)) +
                              " for " + user);
    };
    for (const Use &use : uses.uses[s])
      need(problem.nodes[use.node]
               .strategies[solution.strategies[use.node]]
               .inputs[use.input],
           "node \"" + problem.nodes[use.node].name + "\"");
    if (here && kept >= 0)
      need(kept, "later segments");
  }
}

std::vector<std::string> Solution::verify(const Problem &problem) const {
  Faults faults;
  if (strategies.size() != problem.nodes.size() ||
      kept.size() != problem.values.size() ||
      arcs.size() != problem.values.size()) {
    faults.add("solution", "has another size than the problem");
    return faults.messages;
  }
  for (size_t n = 0; n < problem.nodes.size(); ++n)
    if (strategies[n] < 0 ||
        strategies[n] >= int(problem.nodes[n].strategies.size())) {
      faults.add("node \"" + problem.nodes[n].name + "\"",
                 "the strategy does not exist");
      return faults.messages;
    }
  std::vector<ValueUses> uses = usesOf(problem);
  for (size_t v = 0; v < problem.values.size(); ++v)
    verifyValue(problem, *this, int(v), uses[v], faults);
  for (const Tie &tie : problem.ties)
    if (strategies[tie.first] != strategies[tie.second])
      faults.add("tie", "\"" + problem.nodes[tie.first].name + "\" and \"" +
                            problem.nodes[tie.second].name + "\" differ");
  if (!faults.messages.empty())
    return faults.messages;

  Solution again = *this;
  evaluate(problem, again);
  if (again.time != time || again.memory != memory || again.cost != cost)
    faults.add("solution", "states cost " + std::to_string(cost) +
                               " and memory " + std::to_string(memory) +
                               ", found " + std::to_string(again.cost) +
                               " and " + std::to_string(again.memory));
  if (problem.memoryLimit && again.memory > *problem.memoryLimit)
    faults.add("solution", "needs " + std::to_string(again.memory) +
                               " bytes, the limit is " +
                               std::to_string(*problem.memoryLimit));
  return faults.messages;
}
