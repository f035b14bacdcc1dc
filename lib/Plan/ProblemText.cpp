//===- ProblemText.cpp - Problems and solutions as text -------------------===//
//
// One statement per line, '#' begins a comment:
//
//   repeats 1 4 4 1                    (prologue forward backward update)
//   price 12  |  limit 1048576
//   value w weight 1 stored 1 kept 1 resident
//     state R 4096                     ("unkept" at the end: in one segment)
//     arc R S 100
//   node product forward weight 1 : x w -> y
//     strategy rows 500 : S R -> S
//   tie source sink
//
// Values come before the nodes that name them. Names have no spaces.
//
//===----------------------------------------------------------------------===//

#include "colossal/Plan/Problem.h"

#include <map>
#include <sstream>

using namespace colossal::plan;

static void writeNames(std::ostream &os, const Problem &problem,
                       const std::vector<int> &values) {
  for (int value : values)
    os << ' ' << problem.values[value].name;
}

static void writeStates(std::ostream &os, const Problem &problem,
                        const std::vector<int> &values,
                        const std::vector<int> &states) {
  for (size_t i = 0; i < values.size(); ++i)
    os << ' ' << problem.values[values[i]].states[states[i]].name;
}

std::string colossal::plan::writeProblem(const Problem &problem) {
  std::ostringstream os;
  os << "repeats";
  for (int64_t count : problem.repeats)
    os << ' ' << count;
  os << '\n';
  if (problem.memoryPrice)
    os << "price " << problem.memoryPrice << '\n';
  if (problem.memoryLimit)
    os << "limit " << *problem.memoryLimit << '\n';
  for (const ProblemValue &value : problem.values) {
    os << "value " << value.name << " weight " << value.weight << " stored "
       << value.storedCopies << " kept " << value.keptCopies
       << (value.resident ? " resident\n" : "\n");
    for (const State &state : value.states)
      os << "  state " << state.name << ' ' << state.bytes
         << (state.mayKeep ? "\n" : " unkept\n");
    for (const Arc &arc : value.arcs)
      os << "  arc " << value.states[arc.from].name << ' '
         << value.states[arc.to].name << ' ' << arc.cost << '\n';
  }
  for (const ProblemNode &node : problem.nodes) {
    os << "node " << node.name << ' ' << nameOf(node.segment) << " weight "
       << node.weight << " :";
    writeNames(os, problem, node.inputs);
    os << " ->";
    writeNames(os, problem, node.outputs);
    os << '\n';
    for (const Strategy &strategy : node.strategies) {
      os << "  strategy " << strategy.name << ' ' << strategy.cost << " :";
      writeStates(os, problem, node.inputs, strategy.inputs);
      os << " ->";
      writeStates(os, problem, node.outputs, strategy.outputs);
      os << '\n';
    }
  }
  for (const Tie &tie : problem.ties)
    os << "tie " << problem.nodes[tie.first].name << ' '
       << problem.nodes[tie.second].name << '\n';
  return os.str();
}

std::string colossal::plan::writeSolution(const Problem &problem,
                                          const Solution &solution) {
  std::ostringstream os;
  os << "cost " << solution.cost << " time " << solution.time << " memory "
     << solution.memory << '\n';
  for (size_t n = 0; n < problem.nodes.size(); ++n) {
    const ProblemNode &node = problem.nodes[n];
    const Strategy &strategy = node.strategies[solution.strategies[n]];
    os << "node " << node.name << ' ' << strategy.name << " :";
    writeStates(os, problem, node.inputs, strategy.inputs);
    os << " ->";
    writeStates(os, problem, node.outputs, strategy.outputs);
    os << '\n';
  }
  for (size_t v = 0; v < problem.values.size(); ++v) {
    const ProblemValue &value = problem.values[v];
    if (solution.kept[v] >= 0)
      os << "keep " << value.name << ' ' << value.states[solution.kept[v]].name
         << '\n';
    for (int s = 0; s < segmentCount; ++s)
      for (int arc : solution.arcs[v][s])
        os << "arc " << value.name << ' ' << nameOf(Segment(s)) << ' '
           << value.states[value.arcs[arc].from].name << ' '
           << value.states[value.arcs[arc].to].name << '\n';
  }
  return os.str();
}

namespace {
/// Reads statement by statement; `fault` is set at the first error.
class Reader {
public:
  std::optional<Problem> read(const std::string &text, const std::string &file,
                              std::string &error) {
    std::istringstream lines(text);
    std::string line;
    int number = 0;
    while (fault.empty() && std::getline(lines, line)) {
      ++number;
      line = line.substr(0, line.find('#'));
      std::istringstream words(line);
      std::string word;
      tokens.clear();
      next = 0;
      while (words >> word)
        tokens.push_back(word);
      if (!tokens.empty())
        statement();
      if (fault.empty() && next < tokens.size())
        expected("end of line");
    }
    if (!fault.empty()) {
      error = file + ":" + std::to_string(number) + ": " + fault;
      return std::nullopt;
    }
    std::vector<std::string> faults = problem.check();
    if (!faults.empty()) {
      error = file + ": " + faults.front();
      return std::nullopt;
    }
    return std::move(problem);
  }

private:
  void expected(const std::string &what) {
    if (fault.empty())
      fault = "found '" + (next < tokens.size() ? tokens[next] : "nothing") +
              "', expected " + what;
  }
  std::string name(const char *what) {
    if (next >= tokens.size()) {
      expected(what);
      return "";
    }
    return tokens[next++];
  }
  bool accept(const char *word) {
    if (next < tokens.size() && tokens[next] == word) {
      ++next;
      return true;
    }
    return false;
  }
  void word(const char *text) {
    if (!accept(text))
      expected(std::string("'") + text + "'");
  }
  int64_t integer() {
    int64_t result = 0;
    const std::string token = next < tokens.size() ? tokens[next] : "";
    if (token.empty() || token.size() > 18 ||
        token.find_first_not_of("0123456789") != std::string::npos)
      expected("a number that is not negative");
    else {
      result = std::stoll(token);
      ++next;
    }
    return result;
  }
  int find(const std::map<std::string, int> &names, const char *what) {
    auto it = next < tokens.size() ? names.find(tokens[next]) : names.end();
    if (it == names.end()) {
      expected(std::string("the name of a ") + what);
      return 0;
    }
    ++next;
    return it->second;
  }
  int state(int value) {
    const std::vector<State> &states = problem.values[value].states;
    for (size_t s = 0; s < states.size(); ++s)
      if (next < tokens.size() && states[s].name == tokens[next]) {
        ++next;
        return int(s);
      }
    expected("a state of \"" + problem.values[value].name + "\"");
    return 0;
  }

  void statement() {
    if (accept("repeats")) {
      for (int64_t &count : problem.repeats)
        count = integer();
    } else if (accept("price")) {
      problem.memoryPrice = integer();
    } else if (accept("limit")) {
      problem.memoryLimit = integer();
    } else if (accept("value")) {
      value();
    } else if (accept("state") && !problem.values.empty()) {
      State state;
      state.name = name("a name");
      state.bytes = integer();
      state.mayKeep = !accept("unkept");
      problem.values.back().states.push_back(state);
    } else if (accept("arc") && !problem.values.empty()) {
      Arc arc;
      int value = int(problem.values.size()) - 1;
      arc.from = state(value);
      arc.to = state(value);
      arc.cost = integer();
      problem.values.back().arcs.push_back(arc);
    } else if (accept("node")) {
      node();
    } else if (accept("strategy") && !problem.nodes.empty()) {
      strategy(problem.nodes.back());
    } else if (accept("tie")) {
      Tie tie;
      tie.first = find(nodes, "node");
      tie.second = find(nodes, "node");
      problem.ties.push_back(tie);
    } else {
      expected("a statement");
    }
  }
  void value() {
    ProblemValue value;
    value.name = name("a name");
    word("weight");
    value.weight = integer();
    word("stored");
    value.storedCopies = integer();
    word("kept");
    value.keptCopies = integer();
    value.resident = accept("resident");
    if (!values.emplace(value.name, int(problem.values.size())).second)
      fault = "the value \"" + value.name + "\" is defined twice";
    problem.values.push_back(value);
  }
  void node() {
    ProblemNode node;
    node.name = name("a name");
    std::optional<Segment> segment =
        segmentOf(next < tokens.size() ? tokens[next] : "");
    if (!segment)
      return expected("a segment");
    node.segment = *segment;
    ++next;
    word("weight");
    node.weight = integer();
    word(":");
    while (fault.empty() && !accept("->"))
      node.inputs.push_back(find(values, "value"));
    while (fault.empty() && next < tokens.size())
      node.outputs.push_back(find(values, "value"));
    if (!nodes.emplace(node.name, int(problem.nodes.size())).second)
      fault = "the node \"" + node.name + "\" is defined twice";
    problem.nodes.push_back(node);
  }
  void strategy(ProblemNode &node) {
    Strategy strategy;
    strategy.name = name("a name");
    strategy.cost = integer();
    word(":");
    for (int value : node.inputs)
      strategy.inputs.push_back(fault.empty() ? state(value) : 0);
    word("->");
    for (int value : node.outputs)
      strategy.outputs.push_back(fault.empty() ? state(value) : 0);
    node.strategies.push_back(strategy);
  }

  Problem problem;
  std::map<std::string, int> values, nodes;
  std::vector<std::string> tokens;
  size_t next = 0;
  std::string fault;
};
} // namespace

std::optional<Problem> colossal::plan::readProblem(const std::string &text,
                                                   const std::string &file,
                                                   std::string &error) {
  error.clear();
  return Reader().read(text, file, error);
}
