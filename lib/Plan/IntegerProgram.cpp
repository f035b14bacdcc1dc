//===- IntegerProgram.cpp - The inner problem on HiGHS --------------------===//
//
//   x[n,k]   binary  node n takes strategy k (tied nodes share their columns)
//   q[v,s]   binary  value v is kept in state s
//   r[v,g,a] >= 0    arc a of value v is paid in segment g
//   f[v,g,c,a]       flow of v to user c over arc a (r itself for one user)
//   e[v,s]   >= 0    a copy kept beside the stored one
//
//   sum_k x = 1, sum_s q = 1, f <= r, e >= q - supply
//   supply(s) + inflow(s) - outflow(s) = demand(s)   per v, g, c, s
//
// supply: the producing node's x in the producing segment, q afterwards;
// demand: the user's x, or q for the keeping itself. Strong rows (one flow per
// user) keep the relaxation tight: most instances end at the root.
//
//===----------------------------------------------------------------------===//

#include "BranchAndBound.h"
#include "colossal/Plan/Solvers.h"

#include <algorithm>
#include <numeric>

using namespace colossal::plan;
using Clock = std::chrono::steady_clock;

namespace {
struct Term {
  int column;
  double factor;
};
using Terms = std::vector<Term>;

/// Merges terms of the same column.
Terms mergeTerms(Terms terms) {
  std::sort(terms.begin(), terms.end(),
            [](const Term &a, const Term &b) { return a.column < b.column; });
  Terms merged;
  for (const Term &term : terms) {
    if (!merged.empty() && merged.back().column == term.column)
      merged.back().factor += term.factor;
    else
      merged.push_back(term);
  }
  merged.erase(std::remove_if(merged.begin(), merged.end(),
                              [](const Term &t) { return t.factor == 0; }),
               merged.end());
  return merged;
}

class Program {
public:
  explicit Program(const Problem &problem)
      : problem(problem), uses(usesOf(problem)) {
    addStrategies();
    for (size_t v = 0; v < problem.values.size(); ++v)
      addValue(int(v));
    if (problem.memoryLimit)
      addRow(memoryRow, -infinity, double(*problem.memoryLimit) * perMiB);
  }

  std::optional<Solution> solve(const IntegerProgramOptions &options,
                                IntegerProgramReport &report,
                                std::string &error);

private:
  bool solveHard(Highs &highs, const std::vector<double> &reduced,
                 double relaxed, double cost, const Solution *start,
                 std::optional<Clock::time_point> deadline, bool needsOne,
                 std::vector<double> &values, IntegerProgramReport &report,
                 std::string &error);
  bool completes(const Solution &start) const;
  std::optional<Solution> read(const std::vector<double> &solved,
                               std::string &error) const;

  static constexpr double infinity = 1e30;
  static constexpr double perMiB = 1.0 / (1 << 20);

  int addColumn(double cost, double upper, bool integer) {
    linear.costs.push_back(cost);
    linear.uppers.push_back(upper);
    linear.integrality.push_back(integer);
    return int(linear.costs.size()) - 1;
  }
  void addRow(const Terms &terms, double lower, double upper) {
    if (terms.empty())
      return;
    linear.starts.push_back(int(linear.columns.size()));
    // A column may stand on both sides: a node that uses its own result's tie.
    for (const Term &term : mergeTerms(terms)) {
      linear.columns.push_back(term.column);
      linear.factors.push_back(term.factor);
    }
    linear.lowers.push_back(lower);
    linear.rowUppers.push_back(upper);
  }
  /// Exactly one of them is 1.
  void addGroup(const Terms &terms) {
    addRow(terms, 1, 1);
    linear.groups.emplace_back();
    for (const Term &term : terms)
      linear.groups.back().push_back(term.column);
  }
  void addMemory(int column, int64_t bytes) {
    if (bytes == 0)
      return;
    linear.costs[column] += double(priceOf(problem, bytes));
    memoryRow.push_back({column, double(bytes) * perMiB});
  }

  int root(int node) {
    while (parents[node] != node)
      node = parents[node] = parents[parents[node]];
    return node;
  }

  /// Gives HiGHS the binary columns; it finds the others.
  void setStart(void *highs, const Solution &start) const;

  void addStrategies();
  void addValue(int v);
  void addSegment(int v, int segment, const std::vector<Terms> &supply);

  const Problem &problem;
  std::vector<ValueUses> uses;
  std::vector<int> parents;            ///< tied nodes, union-find
  std::vector<int> firsts;             ///< per node its first strategy column
  std::vector<std::vector<int>> keeps; ///< per value its q columns

  LinearProgram linear;
  Terms memoryRow;
};
} // namespace

void Program::addStrategies() {
  parents.resize(problem.nodes.size());
  std::iota(parents.begin(), parents.end(), 0);
  for (const Tie &tie : problem.ties) {
    int a = root(tie.first), b = root(tie.second);
    parents[std::max(a, b)] = std::min(a, b);
  }
  firsts.assign(problem.nodes.size(), -1);
  for (size_t n = 0; n < problem.nodes.size(); ++n) {
    const ProblemNode &node = problem.nodes[n];
    int owner = root(int(n));
    if (owner == int(n)) {
      firsts[n] = int(linear.costs.size());
      Terms one;
      for (size_t k = 0; k < node.strategies.size(); ++k)
        one.push_back({addColumn(0, 1, true), 1});
      addGroup(one);
    }
    firsts[n] = firsts[owner];
    double times = double(node.weight * problem.repeats[int(node.segment)]);
    for (size_t k = 0; k < node.strategies.size(); ++k)
      linear.costs[firsts[n] + k] += times * double(node.strategies[k].cost);
  }
}

void Program::addValue(int v) {
  const ProblemValue &value = problem.values[v];
  const ValueUses &use = uses[v];
  size_t states = value.states.size();
  const ProblemNode &producer = problem.nodes[use.producer];
  std::vector<Terms> produced(states), kept(states);
  for (size_t k = 0; k < producer.strategies.size(); ++k) {
    int column = firsts[use.producer] + int(k);
    int state = producer.strategies[k].outputs[use.output];
    produced[state].push_back({column, 1});
    addMemory(column,
              value.weight * value.storedCopies * value.states[state].bytes);
  }
  keeps.emplace_back();
  if (use.crosses) {
    Terms one;
    for (size_t s = 0; s < states; ++s) {
      int column = addColumn(0, value.states[s].mayKeep, true);
      keeps.back().push_back(column);
      one.push_back({column, 1});
      kept[s] = {{column, 1}};
      int64_t bytes = value.weight * value.keptCopies * value.states[s].bytes;
      if (!value.resident) {
        addMemory(column, bytes);
      } else if (bytes > 0) {
        int extra = addColumn(0, 1, false);
        addMemory(extra, bytes);
        Terms row = produced[s];
        row.push_back({extra, 1});
        row.push_back({column, -1});
        addRow(row, 0, infinity);
      }
    }
    addGroup(one);
  }
  for (int g = int(use.produced); g < segmentCount; ++g)
    addSegment(v, g, g == int(use.produced) ? produced : kept);
}

void Program::addSegment(int v, int segment, const std::vector<Terms> &supply) {
  const ProblemValue &value = problem.values[v];
  const ValueUses &use = uses[v];
  size_t states = value.states.size();
  // Demands: per user and state the columns that ask for it.
  std::vector<std::vector<Terms>> demands;
  for (const Use &one : use.uses[segment]) {
    std::vector<Terms> demand(states);
    const ProblemNode &node = problem.nodes[one.node];
    for (size_t k = 0; k < node.strategies.size(); ++k)
      demand[node.strategies[k].inputs[one.input]].push_back(
          {firsts[one.node] + int(k), -1});
    demands.push_back(std::move(demand));
  }
  if (segment == int(use.produced) && use.crosses) {
    std::vector<Terms> demand(states);
    for (size_t s = 0; s < states; ++s)
      demand[s] = {{keeps[v][s], -1}};
    demands.push_back(std::move(demand));
  }
  if (demands.empty())
    return;

  double times = double(value.weight * problem.repeats[segment]);
  std::vector<int> paid;
  for (const Arc &arc : value.arcs)
    paid.push_back(addColumn(times * double(arc.cost), 1, false));
  for (const std::vector<Terms> &demand : demands) {
    std::vector<Terms> rows(states);
    for (size_t s = 0; s < states; ++s) {
      rows[s] = supply[s];
      rows[s].insert(rows[s].end(), demand[s].begin(), demand[s].end());
    }
    for (size_t a = 0; a < value.arcs.size(); ++a) {
      int flow = paid[a];
      if (demands.size() > 1) {
        flow = addColumn(0, 1, false);
        addRow({{paid[a], 1}, {flow, -1}}, 0, infinity);
      }
      rows[value.arcs[a].to].push_back({flow, 1});
      rows[value.arcs[a].from].push_back({flow, -1});
    }
    for (Terms &row : rows)
      addRow(row, 0, 0);
  }
}

void Program::setStart(void *highs, const Solution &start) const {
  std::vector<double> values(linear.costs.size());
  for (size_t n = 0; n < problem.nodes.size(); ++n)
    if (start.strategies[n] < int(problem.nodes[n].strategies.size()))
      values[firsts[n] + start.strategies[n]] = 1;
  for (size_t v = 0; v < keeps.size(); ++v)
    if (!keeps[v].empty() && start.kept[v] >= 0)
      values[keeps[v][start.kept[v]]] = 1;
  std::vector<HighsInt> indices;
  std::vector<double> binaries;
  for (size_t c = 0; c < linear.costs.size(); ++c)
    if (linear.integrality[c]) {
      indices.push_back(HighsInt(c));
      binaries.push_back(values[c]);
    }
  Highs_setSparseSolution(highs, HighsInt(indices.size()), indices.data(),
                          binaries.data());
}

//===----------------------------------------------------------------------===//
// Solving
//===----------------------------------------------------------------------===//

/// What the relaxation's numbers may be wrong by, as a part of its cost.
static constexpr double inexact = 1e-6;
/// Iterations of the simplex method in the branch and bound: these, and so many
/// times those of the relaxation.
static constexpr int64_t branchIterations = 5000, branchRelaxations = 2;

/// Solves what is left with HiGHS' own solver: columns whose reduced costs
/// leave no room below `cost` are in no better solution.
bool Program::solveHard(Highs &highs, const std::vector<double> &reduced,
                        double relaxed, double cost, const Solution *start,
                        std::optional<Clock::time_point> deadline,
                        bool needsOne, std::vector<double> &values,
                        IntegerProgramReport &report, std::string &error) {
  double room = cost - relaxed + inexact * std::max(1.0, relaxed);
  std::vector<double> limits(linear.uppers);
  for (size_t c = 0; c < limits.size(); ++c)
    if (reduced[c] > room)
      limits[c] = 0;
  highs.setUppers(limits);
  highs.set("presolve", "choose");
  highs.set("solver", "choose");
  Highs_changeColsIntegralityByRange(
      highs, 0, HighsInt(linear.costs.size()) - 1, linear.integrality.data());
  if (start)
    setStart(highs, *start);
  highs.stopAt(deadline);
  HighsInt status = highs.run();
  if (status == kHighsModelStatusTimeLimit && needsOne &&
      !highs.hasSolution()) {
    highs.stopAt(std::nullopt);
    highs.set("mip_max_improving_sols", HighsInt(1));
    status = highs.run();
  }
  int64_t nodes = 0;
  Highs_getInt64InfoValue(highs, "mip_node_count", &nodes);
  report.nodes += nodes;
  if (status == kHighsModelStatusInfeasible) {
    report.optimal = true; // nothing costs less
    report.bound = cost;
    return true;
  }
  report.late = status == kHighsModelStatusTimeLimit ||
                status == kHighsModelStatusSolutionLimit;
  if (!highs.hasSolution()) {
    if (report.late)
      return true;
    error = "HiGHS ended with model status " + std::to_string(status);
    return false;
  }
  double bound = relaxed;
  Highs_getDoubleInfoValue(highs, "mip_dual_bound", &bound);
  report.bound = std::max(report.bound, std::min(bound, cost));
  report.optimal = status == kHighsModelStatusOptimal;
  values = highs.values();
  return true;
}

/// Whether the choices are a solution of this problem.
bool Program::completes(const Solution &start) const {
  for (size_t n = 0; n < problem.nodes.size(); ++n)
    if (start.strategies[n] >= int(problem.nodes[n].strategies.size()))
      return false;
  Solution solution = start;
  return completeWithArcs(problem, solution) &&
         solution.verify(problem).empty();
}

std::optional<Solution> Program::solve(const IntegerProgramOptions &options,
                                       IntegerProgramReport &report,
                                       std::string &error) {
  error.clear();
  report = {};
  report.columns = int64_t(linear.costs.size());
  report.rows = int64_t(linear.lowers.size());
  // Coefficients of at most 1e5, so that absolute tolerances do not matter.
  double unit = 1;
  for (double cost : linear.costs)
    unit = std::max(unit, cost / 1e5);
  for (double &cost : linear.costs)
    cost /= unit;
  linear.starts.push_back(int(linear.columns.size()));

  Highs highs(linear, options.log);
  highs.set("mip_rel_gap", options.gap);
  highs.set("mip_abs_gap", 1e-7);
  highs.set("mip_max_nodes", HighsInt(options.maximumNodes));
  // Presolving takes ten times as long as solving.
  highs.set("presolve", "off");
  highs.set("solver", "simplex");
  double cutoff =
      options.cutoff ? double(*options.cutoff) / unit : Highs::infinity;
  // What is known already.
  std::optional<Solution> best;
  if (options.start && completes(*options.start)) {
    best = *options.start;
    completeWithArcs(problem, *best);
    if (double(best->cost) / unit < cutoff)
      cutoff = double(best->cost) / unit;
    else
      best.reset();
  }
  highs.set("objective_bound", cutoff);
  bool needsOne = options.needsOne && !best;
  if (!needsOne)
    highs.stopAt(options.deadline);
  HighsInt status = highs.run();
  highs.stopAt(std::nullopt);
  if (status == kHighsModelStatusInfeasible)
    return std::nullopt;
  if (status == kHighsModelStatusObjectiveBound) {
    report.cutOff = !best;
    report.optimal = true;
    report.bound = cutoff * unit;
    return best;
  }
  if (status == kHighsModelStatusTimeLimit) {
    report.late = true;
    return best;
  }
  if (status != kHighsModelStatusOptimal) {
    error = "HiGHS ended with model status " + std::to_string(status);
    return std::nullopt;
  }
  double relaxed = highs.objective();
  std::vector<double> reduced = highs.reducedCosts();

  BranchLimits limits;
  limits.gap = options.gap;
  limits.step = 0.5 / unit; // costs are whole ns
  limits.nodes = options.branchNodes;
  limits.iterations = branchIterations + branchRelaxations * highs.iterations();
  limits.deadline = options.deadline;
  limits.needsOne = needsOne;
  BranchResult found = branchAndBound(highs, linear, cutoff, limits);
  report.nodes = found.nodes;
  report.bound = found.bound;
  report.optimal = found.proven;
  if (!found.values.empty()) {
    best = read(found.values, error);
    if (!best)
      return std::nullopt;
  }
  report.late = !found.proven && !(needsOne && !best) && options.deadline &&
                Clock::now() >= *options.deadline;
  if (!found.proven && !report.late) {
    found.values.clear();
    if (!solveHard(highs, reduced, relaxed, found.cost, best ? &*best : nullptr,
                   options.deadline, needsOne && !best, found.values, report,
                   error))
      return std::nullopt;
    if (!found.values.empty()) {
      std::optional<Solution> other = read(found.values, error);
      if (other && (!best || other->cost < best->cost))
        best = std::move(other);
    }
  }
  report.bound *= unit;
  if (best && options.cutoff && best->cost >= *options.cutoff)
    best.reset();
  report.cutOff = !best && error.empty() && options.cutoff && !report.late;
  return best;
}

/// The solution whose columns have these values; its arcs are found anew.
std::optional<Solution> Program::read(const std::vector<double> &solved,
                                      std::string &error) const {
  Solution solution;
  for (size_t n = 0; n < problem.nodes.size(); ++n) {
    auto first = solved.begin() + firsts[n];
    auto end = first + int64_t(problem.nodes[n].strategies.size());
    solution.strategies.push_back(int(std::max_element(first, end) - first));
  }
  for (const std::vector<int> &keep : keeps) {
    auto best = std::max_element(keep.begin(), keep.end(), [&](int a, int b) {
      return solved[a] < solved[b];
    });
    solution.kept.push_back(keep.empty() ? -1 : int(best - keep.begin()));
  }
  if (!completeWithArcs(problem, solution)) {
    error = "the solution of HiGHS leaves a use without its state";
    return std::nullopt;
  }
  std::vector<std::string> faults = solution.verify(problem);
  if (!faults.empty()) {
    error = "the solution of HiGHS is refused: " + faults.front();
    return std::nullopt;
  }
  return solution;
}

std::optional<Solution> colossal::plan::solveIntegerProgram(
    const Problem &problem, const IntegerProgramOptions &options,
    IntegerProgramReport &report, std::string &error) {
  return Program(problem).solve(options, report, error);
}
