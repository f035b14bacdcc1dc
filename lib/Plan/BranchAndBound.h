//===- BranchAndBound.h - From a relaxation to whole numbers ----*- C++ -*-===//
//
// Branches on groups of columns of which one is 1, with the simplex method
// going on from the last basis: a node takes a few of the root's iterations,
// where HiGHS' own integer solver presolves, cuts and rounds for many times as
// long as the relaxation takes. Dives first (the largest fraction becomes 1),
// then goes on where the bound is least.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_LIB_PLAN_BRANCHANDBOUND_H
#define COLOSSAL_LIB_PLAN_BRANCHANDBOUND_H

#include "Highs.h"

namespace colossal::plan {

struct BranchLimits {
  double gap = 0;                    ///< accepted, as a part of the cost
  double step = 0;                   ///< solutions differ by at least this
  int64_t nodes = 0, iterations = 0; ///< work after which it gives up
  /// Time at which it gives up: once there is a solution, if it needs one.
  std::optional<std::chrono::steady_clock::time_point> deadline;
  bool needsOne = false;
};

struct BranchResult {
  /// Of the best solution's columns; empty: none below the cutoff was found.
  std::vector<double> values;
  double cost = Highs::infinity; ///< or the cutoff
  double bound = 0;              ///< no solution costs less
  bool proven = false;           ///< within the gap, or that there is none
  int64_t nodes = 0;
};

/// `highs` holds the relaxation of `program`, solved to its optimum; its bounds
/// are as before afterwards. Looks for solutions below `cutoff`.
BranchResult branchAndBound(Highs &highs, const LinearProgram &program,
                            double cutoff, const BranchLimits &limits);

} // namespace colossal::plan

#endif // COLOSSAL_LIB_PLAN_BRANCHANDBOUND_H
