//===- Arborescence.cpp - Cheapest sets of shared arcs --------------------===//
//
// The arcs of one value in one segment form a tree from the supplied state to
// the demanded states. The cheapest one is found exactly (Dreyfus and Wagner):
// best[set][state] is the cost of a tree that starts at `state` and reaches the
// demanded states of `set`; it either splits there or begins with an arc.
//
//===----------------------------------------------------------------------===//

#include "colossal/Plan/Problem.h"

#include <algorithm>
#include <limits>

using namespace colossal::plan;

namespace {
constexpr int64_t infinite = std::numeric_limits<int64_t>::max() / 4;

/// How best[set][state] was reached.
struct Step {
  int arc = -1;    ///< begins with this arc
  int subset = -1; ///< or splits into this set and the rest
};

class Arborescence {
public:
  Arborescence(const ProblemValue &value, std::vector<int> terminals)
      : value(value), terminals(std::move(terminals)),
        best(size_t(1) << this->terminals.size(),
             std::vector<int64_t>(value.states.size(), infinite)),
        steps(best.size(), std::vector<Step>(value.states.size())) {
    for (int set = 1; set < int(best.size()); ++set)
      solveSet(set);
  }

  int64_t cost(int root) const { return best.back()[root]; }

  void collect(int set, int state, std::vector<int> &arcs) const {
    if (set == 0)
      return;
    const Step &step = steps[set][state];
    if (step.arc >= 0) {
      arcs.push_back(step.arc);
      return collect(set, value.arcs[step.arc].to, arcs);
    }
    if (step.subset >= 0) {
      collect(step.subset, state, arcs);
      collect(set & ~step.subset, state, arcs);
    }
  }
  int all() const { return int(best.size()) - 1; }

private:
  void solveSet(int set) {
    std::vector<int64_t> &row = best[set];
    if ((set & (set - 1)) == 0) {
      int index = 0;
      while (!(set >> index & 1))
        ++index;
      row[terminals[index]] = 0;
    } else {
      // Each split once: the part that holds the lowest element first.
      int low = set & -set;
      for (int part = (set - 1) & set; part; part = (part - 1) & set)
        if (part & low)
          for (size_t s = 0; s < row.size(); ++s)
            if (best[part][s] + best[set & ~part][s] < row[s]) {
              row[s] = best[part][s] + best[set & ~part][s];
              steps[set][s] = {-1, part};
            }
    }
    // Arcs backwards; few states, so rounds until nothing changes.
    for (bool changed = true; changed;) {
      changed = false;
      for (size_t a = 0; a < value.arcs.size(); ++a) {
        const Arc &arc = value.arcs[a];
        if (row[arc.to] + arc.cost < row[arc.from]) {
          row[arc.from] = row[arc.to] + arc.cost;
          steps[set][arc.from] = {int(a), -1};
          changed = true;
        }
      }
    }
  }

  const ProblemValue &value;
  std::vector<int> terminals;
  std::vector<std::vector<int64_t>> best;
  std::vector<std::vector<Step>> steps;
};
} // namespace

bool colossal::plan::completeWithArcs(const Problem &problem,
                                      Solution &solution) {
  std::vector<ValueUses> uses = usesOf(problem);
  solution.arcs.assign(problem.values.size(), {});
  for (size_t v = 0; v < problem.values.size(); ++v) {
    const ProblemValue &value = problem.values[v];
    int produced = problem.nodes[uses[v].producer]
                       .strategies[solution.strategies[uses[v].producer]]
                       .outputs[uses[v].output];
    for (int s = 0; s < segmentCount; ++s) {
      bool here = s == int(uses[v].produced);
      int root = here ? produced : solution.kept[v];
      std::vector<int> demands;
      for (const Use &use : uses[v].uses[s])
        demands.push_back(problem.nodes[use.node]
                              .strategies[solution.strategies[use.node]]
                              .inputs[use.input]);
      if (here && uses[v].crosses)
        demands.push_back(solution.kept[v]);
      std::sort(demands.begin(), demands.end());
      demands.erase(std::unique(demands.begin(), demands.end()), demands.end());
      demands.erase(std::remove(demands.begin(), demands.end(), root),
                    demands.end());
      if (demands.empty())
        continue;
      Arborescence tree(value, demands);
      if (tree.cost(root) >= infinite)
        return false;
      std::vector<int> &arcs = solution.arcs[v][s];
      tree.collect(tree.all(), root, arcs);
      std::sort(arcs.begin(), arcs.end());
      arcs.erase(std::unique(arcs.begin(), arcs.end()), arcs.end());
    }
  }
  evaluate(problem, solution);
  return true;
}
