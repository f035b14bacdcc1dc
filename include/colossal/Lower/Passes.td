//===- Passes.td - Passes of phase Lower --------------------*- tablegen -*-===//
#ifndef COLOSSAL_LOWER_PASSES
#define COLOSSAL_LOWER_PASSES

include "mlir/Pass/PassBase.td"

def LowerPass : Pass<"colossal-lower", "::mlir::ModuleOp"> {
  let summary = "turns the groups of a scheduled module into kernels and library calls";
  let description = [{
    Fills each `rank.program` with one op a group, checks the programs of all device groups together,
    and replaces the functions of the segments by the module @kernels. Adds no buffer.
  }];
  let dependentDialects = ["::colossal::rank::RankDialect", "::mlir::func::FuncDialect",
      "::mlir::scf::SCFDialect", "::mlir::LLVM::LLVMDialect", "::mlir::arith::ArithDialect",
      "::mlir::math::MathDialect"];
}

def PrintKernelsPass : Pass<"colossal-print-kernels", "::mlir::ModuleOp"> {
  let summary = "prints the loops of every distinct kernel, and which op calls it";
  let dependentDialects = ["::colossal::ColossalDialect", "::mlir::func::FuncDialect",
      "::mlir::scf::SCFDialect", "::mlir::LLVM::LLVMDialect"];
}

#endif // COLOSSAL_LOWER_PASSES
