//===- LowerPasses.cpp - Prints kernels -----------------------------------===//

#include "colossal/Lower/LowerGroup.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Pass/Pass.h"

using namespace mlir;
using namespace colossal;

namespace {
struct PrintKernelsPass
    : PassWrapper<PrintKernelsPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(PrintKernelsPass)
  StringRef getArgument() const final { return "colossal-print-kernels"; }
  StringRef getDescription() const final {
    return "Print the loops of every distinct kernel, and which op calls it";
  }
  void getDependentDialects(DialectRegistry &registry) const final {
    registry.insert<ColossalDialect, func::FuncDialect, scf::SCFDialect,
                    LLVM::LLVMDialect>();
  }
  void runOnOperation() final {
    lower::Lowering lowering(&getContext());
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      if (failed(schedule::checkGroupable(function)))
        return signalPassFailure();
      schedule::prepareForGrouping(function);
      for (const schedule::Group &group : schedule::groupOps(function)) {
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

void colossal::lower::registerLoweringPasses() {
  PassRegistration<PrintKernelsPass>();
}
