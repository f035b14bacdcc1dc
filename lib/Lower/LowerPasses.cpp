//===- LowerPasses.cpp - The phase as a pass, and kernels as text ---------===//

#include "Rank/RankDialect.h"
#include "colossal/Lower/BuildProgram.h"
#include "colossal/Lower/Passes.h"
#include "colossal/Schedule/Cpu/KernelPlanner.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace colossal;

namespace colossal {
#define GEN_PASS_DEF_LOWERPASS
#define GEN_PASS_DEF_PRINTKERNELSPASS
#include "colossal/Lower/Passes.h.inc"
} // namespace colossal

namespace {

struct LowerPass : colossal::impl::LowerPassBase<LowerPass> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto groups =
        schedule::readSchedule(module, schedule::cpu::kernelPlanner());
    if (failed(groups))
      return signalPassFailure();
    FailureOr<lower::LoweredRanks> lowered = lower::lowerRanks(module, *groups);
    if (failed(lowered))
      return signalPassFailure();
    module.getBodyRegion().takeBody(lowered->module->getBodyRegion());
  }
};

struct PrintKernelsPass
    : colossal::impl::PrintKernelsPassBase<PrintKernelsPass> {
  void runOnOperation() override {
    lower::Lowering lowering(&getContext());
    const schedule::KernelPlanner &planner = schedule::cpu::kernelPlanner();
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      if (failed(schedule::checkGroupable(function)))
        return signalPassFailure();
      schedule::prepareForGrouping(function, planner);
      for (const schedule::Group &group :
           schedule::groupOps(function, planner)) {
        if (group.kind != schedule::GroupKind::Kernel)
          continue;
        FailureOr<lower::LoweredGroup> lowered = lowering.lowerGroup(group);
        if (failed(lowered))
          return signalPassFailure();
        llvm::outs() << "// " << group.name() << ": @" << lowered->op.symbol
                     << ", range " << lowered->op.range << ", grain "
                     << lowered->op.grain << "\n";
      }
    }
    lowering.module().print(llvm::outs());
    llvm::outs() << "\n";
  }
};

} // namespace
