//===- Passes.h - Passes on the dialect alone ------------------*- C++ -*-===//

#ifndef COLOSSAL_TRANSFORMS_PASSES_H
#define COLOSSAL_TRANSFORMS_PASSES_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"

namespace colossal {

#define GEN_PASS_DECL
#include "Colossal/Transforms/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "Colossal/Transforms/Passes.h.inc"

/// The two passes as functions, for phases that end with them.
void fuseElementwise(mlir::func::FuncOp function);
mlir::LogicalResult refineFactors(mlir::func::FuncOp function);

} // namespace colossal

#endif // COLOSSAL_TRANSFORMS_PASSES_H
