//===- PlanFile.h - Plans as JSON, and in words -----------------*- C++ -*-===//
//
// A plan file names ops, values, factors and sub-dimensions, never sizes. It
// holds a hash of the program's structure and one of the cluster; a file of
// another program, cluster or format version is refused with one message.
// Form: docs/Phases/04-plan.md.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_PLAN_PLANFILE_H
#define COLOSSAL_PLAN_PLANFILE_H

#include "colossal/Plan/Search.h"

namespace colossal::plan {

std::string writePlan(const Program &program, const machine::Cluster &cluster,
                      const Plan &plan);

/// Reads a plan for this program on this cluster. On failure returns nothing
/// and sets `error` to one line.
std::optional<Plan> readPlan(const Program &program,
                             const machine::Cluster &cluster,
                             const std::string &text, const std::string &file,
                             std::string &error);

/// For people: the plan, time and memory per stage, and what the alternatives
/// cost. `candidates` may be empty.
std::string explainPlan(const Program &program, const Plan &plan,
                        const std::vector<Candidate> &candidates);

} // namespace colossal::plan

#endif // COLOSSAL_PLAN_PLANFILE_H
