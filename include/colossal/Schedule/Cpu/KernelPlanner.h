//===- KernelPlanner.h - What is one kernel on a CPU ------------*- C++ -*-===//

#ifndef COLOSSAL_SCHEDULE_CPU_KERNELPLANNER_H
#define COLOSSAL_SCHEDULE_CPU_KERNELPLANNER_H

#include "colossal/Schedule/KernelPlanner.h"

namespace colossal::schedule::cpu {

/// The planner of device kind "cpu": kernels of rows (KernelPlan.h), products
/// and whole ops by the runtime's library. What is fused:
///
/// - ops whose common *row* factors are parallel in all of them and at the same
///   index, so that one row of all of them is computed at a time (elementwise
///   chains, row reductions with their consumers, several reductions over one
///   space, an optimizer's update of one parameter);
/// - a reduction over rows (a bias gradient) is a kernel over columns; it fuses
///   the producers nobody else needs and other reductions over the same space.
const KernelPlanner &kernelPlanner();

} // namespace colossal::schedule::cpu

#endif // COLOSSAL_SCHEDULE_CPU_KERNELPLANNER_H
