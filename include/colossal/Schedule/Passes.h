//===- Passes.h - Passes of phase Schedule ----------------------*- C++ -*-===//

#ifndef COLOSSAL_SCHEDULE_PASSES_H
#define COLOSSAL_SCHEDULE_PASSES_H

#include "Rank/RankDialect.h"
#include "colossal/Schedule/RankSchedule.h"
#include "mlir/Pass/Pass.h"

namespace colossal {

#define GEN_PASS_DECL
#include "colossal/Schedule/Passes.h.inc"

/// colossal-schedule for one of several programs over the states of `schema`.
std::unique_ptr<mlir::Pass>
createSchedulePass(schedule::StateSchema schema,
                   const schedule::KernelPlanner &planner);

#define GEN_PASS_REGISTRATION
#include "colossal/Schedule/Passes.h.inc"

} // namespace colossal

#endif // COLOSSAL_SCHEDULE_PASSES_H
