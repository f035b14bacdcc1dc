//===- colossal-opt.cpp - Runs any pass on text ---------------------------===//

#include "Colossal/IR/ColossalDialect.h"
#include "Colossal/Transforms/Passes.h"
#include "colossal/Differentiate/Passes.h"
#include "colossal/Lower/LowerGroup.h"
#include "colossal/Normalize/Passes.h"
#include "colossal/Partition/Passes.h"
#include "colossal/Plan/Passes.h"
#include "colossal/Schedule/Grouping.h"
#include "colossal/Schedule/StageSchedule.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "mlir/Transforms/Passes.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  registry.insert<colossal::ColossalDialect, mlir::func::FuncDialect,
                  mlir::arith::ArithDialect, mlir::math::MathDialect>();
  mlir::registerTransformsPasses();
  colossal::registerColossalPasses();
  colossal::registerDifferentiatePasses();
  colossal::registerNormalizePasses();
  colossal::registerPartitionPasses();
  colossal::registerPlanPasses();
  colossal::schedule::registerGroupingPasses();
  colossal::schedule::registerSchedulePasses();
  colossal::lower::registerLoweringPasses();
  return mlir::asMainReturnCode(mlir::MlirOptMain(
      argc, argv, "Colossal: the passes of every phase\n", registry));
}
