//===- RandomProblems.h - Small random problems for solver tests -*- C++
//-*-===//

#ifndef COLOSSAL_TEST_PLAN_RANDOMPROBLEMS_H
#define COLOSSAL_TEST_PLAN_RANDOMPROBLEMS_H

#include "colossal/Plan/Problem.h"

namespace colossal::plan {

/// A problem with a few nodes in all four segments, values used several times
/// and across segments, stored values tied to their updates, and a memory
/// price or a memory limit in a part of the cases. Small enough to enumerate.
Problem randomProblem(uint32_t seed);

} // namespace colossal::plan

#endif // COLOSSAL_TEST_PLAN_RANDOMPROBLEMS_H
