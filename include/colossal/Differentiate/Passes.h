//===- Passes.h - Differentiate --------------------------------*- C++ -*-===//

#ifndef COLOSSAL_DIFFERENTIATE_PASSES_H
#define COLOSSAL_DIFFERENTIATE_PASSES_H

#include "colossal/Differentiate/Optimizer.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace colossal {

#define GEN_PASS_DECL
#include "colossal/Differentiate/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "colossal/Differentiate/Passes.h.inc"

/// The pass as a function.
mlir::LogicalResult differentiate(mlir::ModuleOp module,
                                  const OptimizerOptions &options);

/// The pass colossal-evaluation as a function. `outputs`: which are kept, by
/// name; empty: all.
mlir::LogicalResult makeEvaluation(mlir::ModuleOp module,
                                   llvm::ArrayRef<std::string> outputs = {});

} // namespace colossal

#endif // COLOSSAL_DIFFERENTIATE_PASSES_H
