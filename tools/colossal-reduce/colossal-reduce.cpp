//===- colossal-reduce.cpp - The smallest program that still fails --------===//
//
// mlir-reduce over our dialect and passes. Which programs are interesting says
// a script: interesting.sh, beside this file, for those that a command refuses
// with a given message.
//
//===----------------------------------------------------------------------===//

#include "Colossal/Ops/WholeOps.h"
#include "Colossal/Transforms/Passes.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Tools/mlir-reduce/MlirReduceMain.h"
#include "mlir/Transforms/Passes.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  colossal::registerDialects(registry);
  mlir::registerTransformsPasses();
  colossal::registerColossalPasses();
  mlir::MLIRContext context(registry);
  context.loadAllAvailableDialects();
  return mlir::failed(mlir::mlirReduceMain(argc, argv, context));
}
