//===- SchedulePasses.cpp - The phase as a pass, and its result as text ---===//

#include "colossal/Schedule/KernelPlanners.h"
#include "colossal/Schedule/Passes.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::schedule;

namespace colossal {
#define GEN_PASS_DEF_SCHEDULEPASS
#define GEN_PASS_DEF_PRINTSCHEDULEPASS
#include "colossal/Schedule/Passes.h.inc"
} // namespace colossal

namespace {
/// With the states of other programs of the bundle, or of this one alone.
struct SchedulePass : colossal::impl::SchedulePassBase<SchedulePass> {
  using SchedulePassBase::SchedulePassBase;
  SchedulePass(StateSchema schema, const KernelPlanner &planner)
      : schema(std::move(schema)) {
    device = planner.device().str();
  }

  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto planner = kernelPlannerOf(module, device);
    if (failed(planner))
      return signalPassFailure();
    FailureOr<std::vector<RankSchedule>> schedules =
        schema ? scheduleRanks(module, *schema, **planner, overlap)
               : scheduleRanks(module, **planner, overlap);
    if (failed(schedules))
      return signalPassFailure();
    attachSchedule(module, *schedules);
  }

  std::optional<StateSchema> schema;
};

struct PrintSchedulePass
    : colossal::impl::PrintSchedulePassBase<PrintSchedulePass> {
  void runOnOperation() override {
    auto planner = kernelPlannerOf(getOperation());
    if (failed(planner))
      return signalPassFailure();
    FailureOr<std::vector<RankSchedule>> schedules =
        readSchedule(getOperation(), **planner);
    if (failed(schedules))
      return signalPassFailure();
    for (const RankSchedule &schedule : *schedules)
      printSchedule(schedule, llvm::outs());
  }
};
} // namespace

std::unique_ptr<Pass>
colossal::createSchedulePass(StateSchema schema, const KernelPlanner &planner) {
  return std::make_unique<SchedulePass>(std::move(schema), planner);
}
