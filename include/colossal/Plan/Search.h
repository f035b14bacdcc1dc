//===- Search.h - The search for a plan -------------------------*- C++ -*-===//
//
// Outer search over the number of stages, the mesh of a stage, microbatches and
// schedule; an integer program inside (Formulation.h); pieces distributed over
// the stages by dynamic programming (Stages.h); the winner judged by the
// simulation of its schedule (Timeline). Deterministic: the same input gives
// the same plan, byte by byte.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_PLAN_SEARCH_H
#define COLOSSAL_PLAN_SEARCH_H

#include "colossal/Plan/Recompute.h"
#include "colossal/Plan/SharedState.h"

#include <chrono>
#include <functional>
#include <map>

namespace colossal::plan {

/// What the user fixes; the rest is found.
struct Pins {
  std::optional<int64_t> data;   ///< size of the axes that cut the batch
  std::optional<int64_t> tensor; ///< size of the axes that cut parameters
                                 ///< in use and not the batch
  /// Of several axes the size of each, the one of most distant devices first;
  /// `data` and `tensor` are the products. Empty: one axis.
  std::vector<int64_t> dataAxes, tensorAxes;
  std::optional<int64_t> pipeline; ///< number of device groups
  std::optional<int64_t> chunks;   ///< stages of each device group
  std::optional<int64_t> microbatches;
  std::optional<int64_t> zero; ///< what is cut over the data axes: 0 nothing,
                               ///< 1 optimizer state, 2 gradients too, 3
                               ///< parameters too
  /// Blocks that compute again all that saves memory: 0, a number of them, or
  /// `recomputeAll`.
  std::optional<int64_t> recompute;
  std::optional<ScheduleKind> schedule;

  /// `data=2,tensor=2,pipeline=2,chunks=2,microbatches=4,zero=1,
  /// recompute=all,schedule=1f1b`; `data=2x4` are two axes. On failure returns
  /// nothing and `error` says what was found and expected.
  static std::optional<Pins> parse(const std::string &text, std::string &error);
  std::string toString() const;
};

/// A solution of an integer program, if it has one, and what no solution costs
/// less than (ns).
struct BoundedSolution {
  std::optional<Solution> solution;
  double bound = 0;
};

/// Solutions by division, microbatches and price of memory. They do not depend
/// on the budget: a search that is asked again with another one need not solve
/// again.
using SolutionCache = std::map<std::string, BoundedSolution>;

/// What a plan that was not searched for does against the pins: one line, or
/// nothing.
std::string contradictionOf(const Pins &pins, const Program &program,
                            const Plan &plan);

struct SearchOptions {
  Pins pins;
  int64_t memoryBytes = 0; ///< budget of a device; 0: the cluster's
  /// What the runtime of a device reserves beside the plan's memory if there is
  /// any communication.
  int64_t stagingBytes = 0;
  /// Bytes by which the schedule of the last plan exceeded its prediction
  /// (SearchResult::memoryBytes).
  int64_t memoryExcess = 0;
  /// The same for one configuration each (SearchResult::configuration): the
  /// others may still fit. Where both are given, the sum counts.
  std::map<std::string, int64_t> excessOf;
  /// Finds the plan that needs least memory, whatever the budget, in place of
  /// the fastest one that fits: the same plan under every budget.
  bool leanest = false;
  /// Recomputation makes nothing more than once in backward.
  bool holdsRepeated = false;
  /// Of another program's plan: mesh, stages and stored shardings are those.
  const SharedState *shared = nullptr;
  /// Shared by searches of one program, cluster and pins; may be null.
  SolutionCache *cache = nullptr;
  /// When the search ends with the best plan so far, but not without one. From
  /// then on plans depend on the machine.
  std::optional<std::chrono::steady_clock::time_point> deadline;
  /// If set, called before each division of the devices is solved: its label,
  /// how many are done and how many there are. For people who wait.
  std::function<void(const std::string &, size_t, size_t)> progress;
};

/// One configuration of the outer search, and what came of it.
struct Candidate {
  Mesh mesh;
  int64_t microbatches = 1;
  ScheduleKind schedule = ScheduleKind::OneFOneB;
  std::string label; ///< "data=2 tensor=2", the restriction it stands for
  bool fits = false;
  /// Given up since it takes at least `stepNs`, longer than the best plan then.
  bool isBound = false;
  int64_t stepNs = 0;
  int64_t memoryBytes = 0; ///< of the fullest stage, with staging
};

struct SearchResult {
  Plan plan;
  /// All that were solved to the end, best first; then those given up, and
  /// those that do not fit.
  std::vector<Candidate> candidates;
  int64_t problems = 0; ///< integer programs solved
  /// One line if the search ended at its deadline: what was not tried, and how
  /// far the plan may be from the optimum of its integer program.
  std::string remark;
  std::string configuration; ///< of the plan: division, microbatches, schedule
  int64_t memoryBytes = 0;   ///< predicted, of the fullest stage, with staging
};

/// So many seconds from now. On a number that is none or negative returns
/// nothing and sets `error`.
std::optional<std::chrono::steady_clock::time_point>
deadlineAfter(double seconds, std::string &error);

/// Finds the fastest plan that fits. On failure returns nothing; `error` then
/// says by how much the leanest plan does not fit, what fills the memory and
/// what would help, or which pin cannot be met.
std::optional<SearchResult> searchPlan(const Program &program,
                                       const machine::Cluster &cluster,
                                       const SearchOptions &options,
                                       std::string &error);

/// One line: the leanest plan needs `need` bytes on its fullest stage and
/// `given` are there; what fills them, and what would help.
std::string memoryRefusal(const std::vector<StagePrediction> &stages,
                          int64_t need, int64_t given, const Pins &pins);

} // namespace colossal::plan

#endif // COLOSSAL_PLAN_SEARCH_H
