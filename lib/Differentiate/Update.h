//===- Update.h - Optimizer ops --------------------------------*- C++ -*-===//

#ifndef COLOSSAL_LIB_DIFFERENTIATE_UPDATE_H
#define COLOSSAL_LIB_DIFFERENTIATE_UPDATE_H

#include "Colossal/IR/ColossalDialect.h"
#include "colossal/Differentiate/Optimizer.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace colossal {

/// One parameter with its gradient and optimizer state (arguments), and after
/// `appendUpdate` their new values, in the order parameter, state; then, if the
/// options keep gradients, the gradient itself (complete, before clipping).
struct Trained {
  std::string name;
  mlir::Value parameter;
  mlir::Value gradient;
  llvm::SmallVector<mlir::Value> state;
  llvm::SmallVector<mlir::Value> updated;
};

/// Names of the optimizer state of each parameter: {"exp_avg", "exp_avg_sq"}.
llvm::SmallVector<llvm::StringRef> stateNames(const OptimizerOptions &options);

/// The run-time scalars (f64) an update needs.
struct Controls {
  mlir::Value learningRate;
  mlir::Value step;     ///< 1-based
  mlir::Value clipNorm; ///< null: no clipping
};

/// Appends the update of all parameters. Returns the global norm of the
/// gradients if they are clipped, else null.
mlir::Value appendUpdate(mlir::OpBuilder &builder,
                         llvm::MutableArrayRef<Trained> trained,
                         const Controls &controls,
                         const OptimizerOptions &options);

} // namespace colossal

#endif // COLOSSAL_LIB_DIFFERENTIATE_UPDATE_H
