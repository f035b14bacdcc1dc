//===- colossal-opt.cpp - Runs any pass on text ---------------------------===//

#include "Colossal/Ops/WholeOps.h"
#include "Colossal/Transforms/Passes.h"
#include "colossal/Diagnostics/Report.h"
#include "colossal/Differentiate/Passes.h"
#include "colossal/Emit/Passes.h"
#include "colossal/Lower/Passes.h"
#include "colossal/Normalize/Passes.h"
#include "colossal/Partition/Passes.h"
#include "colossal/Plan/Passes.h"
#include "colossal/Schedule/Passes.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "mlir/Transforms/Passes.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  colossal::registerDialects(registry);
  mlir::registerTransformsPasses();
  colossal::registerColossalPasses();
  colossal::registerDifferentiatePasses();
  colossal::registerNormalizePasses();
  colossal::registerPartitionPasses();
  colossal::registerPlanPasses();
  colossal::registerSchedulePasses();
  colossal::registerLowerPasses();
  colossal::registerEmitPasses();
  // MLIR's form of errors, but without the IR of the op, which for an error at
  // a function is all of it.
  llvm::SmallVector<char *> arguments(argv, argv + argc);
  static char quiet[] = "--mlir-print-op-on-diagnostic=false";
  if (llvm::none_of(arguments, [](llvm::StringRef argument) {
        return argument.ltrim('-').starts_with("mlir-print-op-on-diagnostic");
      }))
    arguments.insert(arguments.begin() + 1, quiet);
  colossal::beginTool("");
  return colossal::endTool(
      mlir::succeeded(mlir::MlirOptMain(int(arguments.size()), arguments.data(),
                                        "Colossal: the passes of every phase\n",
                                        registry))
          ? 0
          : 1);
}
