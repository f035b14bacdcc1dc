//===- colossal-lsp-server.cpp - Our dialect in an editor -----------------===//
//
// What MLIR's editor extensions start in place of mlir-lsp-server: errors at
// their place, definitions, uses, what an op is.
//
//===----------------------------------------------------------------------===//

#include "Colossal/Ops/WholeOps.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/Tools/mlir-lsp-server/MlirLspServerMain.h"
#include "llvm/Support/LogicalResult.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  colossal::registerDialects(registry);
  return llvm::failed(mlir::MlirLspServerMain(argc, argv, registry));
}
