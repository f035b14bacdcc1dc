//===- RandomProblems.cpp - Small random problems for solver tests --------===//

#include "RandomProblems.h"

#include <random>

using namespace colossal::plan;

namespace {
class Generator {
public:
  explicit Generator(uint32_t seed) : random(seed) {}

  Problem make() {
    int64_t microbatches = below(3) + 1;
    problem.repeats = {1, microbatches, microbatches, 1};
    if (below(2)) {
      // Stored state: a source and the sink of its update, tied.
      int value = addValue(1, below(2));
      problem.values[value].resident = true;
      source = addSource(value);
    }
    int nodes = 2 + below(3);
    int segment = 1;
    for (int i = 0; i < nodes; ++i) {
      segment = std::min(3, segment + (below(3) == 0));
      addNode(Segment(segment), 2 + below(2));
    }
    if (source >= 0)
      addSink();
    switch (below(4)) {
    case 0:
      problem.memoryPrice = below(1 << 20) * 40;
      break;
    case 1:
      problem.memoryLimit = 200 + below(1200);
      break;
    default:
      break;
    }
    if (below(3) == 0)
      excludeStates();
    return std::move(problem);
  }

private:
  int below(int bound) {
    return int(random() % uint32_t(bound)); // the same on every library
  }

  int addValue(int64_t stored, int64_t kept) {
    ProblemValue value;
    value.name = "v" + std::to_string(problem.values.size());
    value.weight = 1 + below(2);
    value.storedCopies = stored;
    value.keptCopies = kept;
    int states = 1 + below(3);
    for (int s = 0; s < states; ++s)
      value.states.push_back({"s" + std::to_string(s), 1 + below(200)});
    for (int a = 0; a < states; ++a)
      for (int b = 0; b < states; ++b)
        if (a != b && below(8) != 0)
          value.arcs.push_back({a, b, 1 + below(60)});
    problem.values.push_back(value);
    return int(problem.values.size()) - 1;
  }

  /// Of values with several states, one that is not kept.
  void excludeStates() {
    for (ProblemValue &value : problem.values)
      if (value.states.size() > 1 && below(2))
        value.states[below(int(value.states.size()))].mayKeep = false;
  }

  int addSource(int value) {
    ProblemNode node;
    node.name = "source";
    node.segment = Segment::Prologue;
    node.outputs = {value};
    for (size_t s = 0; s < problem.values[value].states.size(); ++s)
      node.strategies.push_back({"k" + std::to_string(s), 0, {}, {int(s)}});
    problem.nodes.push_back(node);
    return int(problem.nodes.size()) - 1;
  }

  void addNode(Segment segment, int strategies) {
    ProblemNode node;
    node.name = "n" + std::to_string(problem.nodes.size());
    node.segment = segment;
    node.weight = 1 + below(2);
    int count = int(problem.values.size());
    for (int i = 0; i < 2 && count > 0; ++i)
      node.inputs.push_back(below(count));
    int outputs = 1 + (below(3) == 0);
    for (int i = 0; i < outputs; ++i)
      node.outputs.push_back(addValue(0, 1 + below(2)));
    for (int k = 0; k < strategies; ++k) {
      Strategy strategy;
      strategy.name = "k" + std::to_string(k);
      strategy.cost = below(100);
      for (int value : node.inputs)
        strategy.inputs.push_back(below(states(value)));
      for (int value : node.outputs)
        strategy.outputs.push_back(below(states(value)));
      node.strategies.push_back(strategy);
    }
    problem.nodes.push_back(node);
  }

  void addSink() {
    ProblemNode sink;
    sink.name = "sink";
    sink.segment = Segment::Update;
    int stored = problem.nodes[source].outputs[0];
    int value = int(problem.values.size()) - 1;
    sink.inputs = {value};
    for (int s = 0; s < states(stored); ++s)
      sink.strategies.push_back(
          {"k" + std::to_string(s), 0, {s % states(value)}, {}});
    problem.ties.push_back({source, int(problem.nodes.size())});
    problem.nodes.push_back(sink);
  }

  int states(int value) { return int(problem.values[value].states.size()); }

  std::mt19937 random;
  Problem problem;
  int source = -1;
};
} // namespace

Problem colossal::plan::randomProblem(uint32_t seed) {
  return Generator(seed).make();
}
