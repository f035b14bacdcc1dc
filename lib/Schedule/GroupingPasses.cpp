//===- GroupingPasses.cpp - Prints groups ---------------------------------===//

#include "colossal/Schedule/Grouping.h"
#include "colossal/Schedule/KernelPlanners.h"
#include "colossal/Schedule/Passes.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::schedule;

namespace colossal {
#define GEN_PASS_DEF_PRINTGROUPSPASS
#include "colossal/Schedule/Passes.h.inc"
} // namespace colossal

namespace {
struct PrintGroupsPass : colossal::impl::PrintGroupsPassBase<PrintGroupsPass> {
  using PrintGroupsPassBase::PrintGroupsPassBase;

  void runOnOperation() override {
    auto planner = kernelPlannerOf(getOperation(), device);
    if (failed(planner))
      return signalPassFailure();
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      if (failed(checkGroupable(function)))
        return signalPassFailure();
      prepareForGrouping(function, **planner);
      llvm::outs() << "@" << function.getName() << ":\n";
      printGroups(groupOps(function, **planner), llvm::outs());
    }
  }
};
} // namespace
