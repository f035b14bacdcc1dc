//===- BranchAndBound.cpp - From a relaxation to whole numbers ------------===//

#include "BranchAndBound.h"

#include <algorithm>
#include <queue>

using namespace colossal::plan;

namespace {
/// What is still a whole number to the simplex method.
constexpr double tolerance = 1e-6;

/// A dive that ends further above the bound than this: few branches will not
/// close that, cuts may.
constexpr double reach = 1.02;

/// A column of a group is the one that is 1, or is not.
struct Decision {
  int group = 0;
  HighsInt column = 0;
  bool isTaken = false;
};

/// Decisions whose relaxation costs at least `bound`.
struct Open {
  double bound = 0;
  int64_t number = 0; ///< the first of equal ones is first
  std::vector<Decision> decisions;
  bool operator<(const Open &other) const {
    return bound != other.bound ? bound > other.bound : number > other.number;
  }
};

class Tree {
public:
  Tree(Highs &highs, const LinearProgram &program, double cutoff,
       const BranchLimits &limits)
      : highs(highs), program(program), limits(limits) {
    result.cost = cutoff;
  }

  BranchResult run() {
    open.push({highs.objective(), 0, {}});
    while (!open.empty() && open.top().bound < target() && !isExhausted) {
      Open next = open.top();
      open.pop();
      decide(std::move(next.decisions));
      dive(next.bound);
      isExhausted |= !open.empty() && result.cost > reach * open.top().bound;
    }
    result.proven = !isExhausted;
    double left = open.empty() ? result.cost : open.top().bound;
    result.bound = std::min({left, result.cost, pending});
    decide({});
    highs.set("objective_bound", Highs::infinity);
    return std::move(result);
  }

private:
  void dive(double bound);
  void decide(std::vector<Decision> decisions);
  void apply(const Decision &decision, bool undo);
  bool branch(const std::vector<double> &values, Decision &decision) const;

  bool isLate() const {
    return mayStop() && std::chrono::steady_clock::now() >= *limits.deadline;
  }
  bool mayStop() const {
    return limits.deadline && !(limits.needsOne && result.values.empty());
  }

  /// Solutions that cost as much are of no use.
  double target() const {
    return std::min(result.cost - limits.step, result.cost * (1 - limits.gap));
  }

  Highs &highs;
  const LinearProgram &program;
  const BranchLimits &limits;
  BranchResult result;
  std::vector<Decision> decided; ///< as the bounds of `highs` are
  std::priority_queue<Open> open;
  int64_t iterations = 0, pushed = 0;
  bool isExhausted = false;
  /// Bound of what was looked at when the limits were met.
  double pending = Highs::infinity;
};
} // namespace

void Tree::apply(const Decision &decision, bool undo) {
  for (HighsInt column : program.groups[decision.group])
    if ((column == decision.column) != decision.isTaken)
      highs.setUpper(column, undo ? program.uppers[column] : 0);
}

void Tree::decide(std::vector<Decision> decisions) {
  // Decisions on one group overlap: all are undone before any is made.
  for (const Decision &decision : decided)
    apply(decision, true);
  for (const Decision &decision : decisions)
    apply(decision, false);
  decided = std::move(decisions);
}

/// The group whose largest column is nearest to 1 without being it.
bool Tree::branch(const std::vector<double> &values, Decision &decision) const {
  double most = 0;
  for (size_t g = 0; g < program.groups.size(); ++g) {
    const std::vector<HighsInt> &group = program.groups[g];
    HighsInt column = *std::max_element(
        group.begin(), group.end(),
        [&](HighsInt a, HighsInt b) { return values[a] < values[b]; });
    if (values[column] < 1 - tolerance && values[column] > most) {
      most = values[column];
      decision = {int(g), column, true};
    }
  }
  return most > 0;
}

/// `bound`: of what it begins with.
void Tree::dive(double bound) {
  while (true) {
    if (result.nodes >= limits.nodes || iterations >= limits.iterations ||
        isLate()) {
      isExhausted = true;
      pending = bound;
      return;
    }
    ++result.nodes;
    if (target() < Highs::infinity)
      highs.set("objective_bound", target());
    if (mayStop())
      highs.stopAt(limits.deadline);
    HighsInt status = highs.run();
    iterations += highs.iterations();
    if (status == kHighsModelStatusInfeasible ||
        status == kHighsModelStatusObjectiveBound)
      return;
    if (status != kHighsModelStatusOptimal) {
      isExhausted = true; // numbers went astray, or the time is over
      pending = bound;
      return;
    }
    bound = highs.objective();
    if (bound >= target())
      return;
    std::vector<double> values = highs.values();
    Decision decision;
    if (!branch(values, decision)) {
      result.cost = bound;
      result.values = std::move(values);
      return;
    }
    Open other{bound, ++pushed, decided};
    other.decisions.push_back(decision);
    other.decisions.back().isTaken = false;
    open.push(std::move(other));
    apply(decision, false);
    decided.push_back(decision);
  }
}

BranchResult colossal::plan::branchAndBound(Highs &highs,
                                            const LinearProgram &program,
                                            double cutoff,
                                            const BranchLimits &limits) {
  return Tree(highs, program, cutoff, limits).run();
}
