//===- Exhaustive.cpp - Tries every combination ---------------------------===//

#include "colossal/Plan/Solvers.h"

using namespace colossal::plan;

std::optional<Solution>
colossal::plan::solveExhaustively(const Problem &problem, std::string &error,
                                  int64_t limit) {
  error.clear();
  std::vector<ValueUses> uses = usesOf(problem);
  // One digit per node and per crossing value.
  std::vector<int> bases;
  for (const ProblemNode &node : problem.nodes)
    bases.push_back(int(node.strategies.size()));
  std::vector<int> crossing;
  for (size_t v = 0; v < problem.values.size(); ++v)
    if (uses[v].crosses) {
      crossing.push_back(int(v));
      bases.push_back(int(problem.values[v].states.size()));
    }
  int64_t combinations = 1;
  for (int base : bases) {
    combinations *= base;
    if (combinations > limit) {
      error = "more than " + std::to_string(limit) + " combinations";
      return std::nullopt;
    }
  }

  std::optional<Solution> best;
  std::vector<int> digits(bases.size());
  for (int64_t i = 0; i < combinations; ++i) {
    int64_t rest = i;
    for (size_t d = 0; d < digits.size(); ++d) {
      digits[d] = int(rest % bases[d]);
      rest /= bases[d];
    }
    Solution solution;
    solution.strategies.assign(digits.begin(),
                               digits.begin() + problem.nodes.size());
    solution.kept.assign(problem.values.size(), -1);
    for (size_t c = 0; c < crossing.size(); ++c)
      solution.kept[crossing[c]] = digits[problem.nodes.size() + c];
    bool allowed = true;
    for (int v : crossing)
      allowed &= problem.values[v].states[solution.kept[v]].mayKeep;
    for (const Tie &tie : problem.ties)
      allowed &= digits[tie.first] == digits[tie.second];
    if (!allowed || !completeWithArcs(problem, solution))
      continue;
    if (problem.memoryLimit && solution.memory > *problem.memoryLimit)
      continue;
    if (!best || solution.cost < best->cost)
      best = std::move(solution);
  }
  return best;
}
