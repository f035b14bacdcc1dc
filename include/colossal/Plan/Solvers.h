//===- Solvers.h - Solvers of the inner problem -----------------*- C++ -*-===//
//
// Free functions from a Problem to a Solution of least cost. All of them are
// deterministic, and every answer has passed Solution::verify.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_PLAN_SOLVERS_H
#define COLOSSAL_PLAN_SOLVERS_H

#include "colossal/Plan/Problem.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace colossal::plan {

/// Tries everything. For tests: fails with a message if there are more than
/// `limit` combinations of strategies and kept states.
/// Returns nothing if no solution exists or on failure (`error` is then set).
std::optional<Solution> solveExhaustively(const Problem &problem,
                                          std::string &error,
                                          int64_t limit = 1 << 22);

struct IntegerProgramOptions {
  /// Largest number of branch-and-bound nodes: on the relaxation, and then of
  /// HiGHS' own integer solver. Limits are counted in work, so that an answer
  /// does not depend on the machine.
  int64_t branchNodes = 200;
  int64_t maximumNodes = 2000;
  /// Accepted relative distance to the bound; 0: exact.
  double gap = 0.0;
  /// A solution of a problem of the same shape (other costs) to start from.
  const Solution *start = nullptr;
  /// Solutions that do not cost less than this are not looked for (ns).
  std::optional<int64_t> cutoff;
  bool log = false;
  /// When to stop, with the best solution so far or with none; if `needsOne`,
  /// no sooner than there is a solution. For people who wait: from then on
  /// answers depend on the machine.
  std::optional<std::chrono::steady_clock::time_point> deadline;
  bool needsOne = false;
};

struct IntegerProgramReport {
  int64_t columns = 0, rows = 0, nodes = 0;
  bool optimal = false; ///< within the gap; else the node limit was met
  double bound = 0.0;   ///< no solution costs less (ns)
  bool cutOff = false;  ///< no solution costs less than the cutoff
  bool late = false;    ///< stopped at the deadline
};

/// An integer program on HiGHS, one thread, fixed seed. Exact if
/// `report.optimal`; else the best solution found.
/// Variables: strategies and kept states are binary; per value and segment the
/// arcs paid, and per user a unit flow from supply to demand over paid arcs.
/// The relaxation is branched on; HiGHS' own integer solver is asked where that
/// does not end soon (lib/Plan/BranchAndBound.h).
/// Returns nothing if no solution exists (`error` empty; below the cutoff, if
/// `report.cutOff`) or on failure.
std::optional<Solution>
solveIntegerProgram(const Problem &problem,
                    const IntegerProgramOptions &options,
                    IntegerProgramReport &report, std::string &error);

} // namespace colossal::plan

#endif // COLOSSAL_PLAN_SOLVERS_H
