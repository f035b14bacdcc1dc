// The dialect: a program is text, and an op says what its factors are.
#include "Colossal/IR/ColossalDialect.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"

static const char *program = R"(
func.func @product(%x: tensor<4x8xf32>, %w: tensor<8x2xf32>) -> tensor<4x2xf32> {
  %y = colossal.generic "product" [m = 4, n = 2, k = 8 : sum] (%x : [m, k], %w : [k, n]) -> ([m, n]) {
    ^bb0(%a: f32, %b: f32):
      %c = arith.mulf %a, %b : f32
      colossal.yield %c : f32
  } : (tensor<4x8xf32>, tensor<8x2xf32>) -> tensor<4x2xf32>
  return %y : tensor<4x2xf32>
})";

int main() {
  mlir::MLIRContext context;
  context.loadDialect<colossal::ColossalDialect, mlir::arith::ArithDialect, mlir::func::FuncDialect>();
  auto module = mlir::parseSourceString<mlir::ModuleOp>(program, &context);
  if (!module)
    return 1;
  module->walk([](colossal::FactoredOp op) {
    llvm::outs() << op.getFactoredName() << " has " << op.getFactorList().size() << " factors\n";
  });
}
