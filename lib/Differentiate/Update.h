//===- Update.h - Optimizer ops --------------------------------*- C++ -*-===//

#ifndef COLOSSAL_LIB_DIFFERENTIATE_UPDATE_H
#define COLOSSAL_LIB_DIFFERENTIATE_UPDATE_H

#include "OptimizerRule.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace colossal {

/// One parameter with its gradient and optimizer state (arguments), and after
/// `appendUpdate` their new values, in the order parameter, state; then, if the
/// options keep gradients, the gradient itself (complete, before clipping).
struct Trained {
  std::string name;
  mlir::Value parameter;
  mlir::Value gradient;
  /// Set by `assignGroups`: the settings, the decay that holds for this
  /// parameter, and the control that is its learning rate.
  const OptimizerSettings *settings = nullptr;
  double weightDecay = 0.0;
  std::string rate;
  llvm::SmallVector<mlir::Value> state;
  llvm::SmallVector<mlir::Value> updated;
};

/// Gives each parameter the settings of the first group that matches it. An
/// error where a pattern matches no parameter of the function.
mlir::LogicalResult assignGroups(mlir::func::FuncOp function,
                                 llvm::MutableArrayRef<Trained> trained,
                                 const OptimizerOptions &options);

/// The shape of a parameter's state.
llvm::SmallVector<int64_t> shapeOfState(llvm::ArrayRef<int64_t> parameter,
                                        StateExtent extent);

/// The run-time scalars (f64) an update needs.
struct Controls {
  llvm::StringMap<mlir::Value> rates; ///< by name of the control
  mlir::Value step;                   ///< of the optimizer, 1-based; null: no
                                      ///< update needs it
  mlir::Value clipNorm;               ///< null: no clipping
};

/// Arguments that hold a dynamic loss scale (LossScale.h): f32 and i32 scalars,
/// and after `appendUpdate` their new values. Null: there is none.
struct ScaleState {
  mlir::Value scale, goodSteps;
  llvm::SmallVector<mlir::Value> updated; ///< scale, goodSteps
};

/// What an update tells of itself: scalars, f32.
struct UpdateMetrics {
  mlir::Value norm;    ///< the gradients', before clipping; null: no clipping
  mlir::Value skipped; ///< 1 or 0; null: no step is skipped
  mlir::Value scale;   ///< of this step's gradients; null: it is not dynamic
};

/// Appends the update of all parameters, and of the loss scale.
UpdateMetrics appendUpdate(mlir::OpBuilder &builder, mlir::Value loss,
                           llvm::MutableArrayRef<Trained> trained,
                           const Controls &controls, ScaleState &scale,
                           const OptimizerOptions &options);

} // namespace colossal

#endif // COLOSSAL_LIB_DIFFERENTIATE_UPDATE_H
