//===- GroupOf.h - What follows from the ops of a group ---------*- C++ -*-===//

#ifndef COLOSSAL_LIB_SCHEDULE_GROUPOF_H
#define COLOSSAL_LIB_SCHEDULE_GROUPOF_H

#include "colossal/Schedule/Grouping.h"
#include "colossal/Schedule/KernelPlanner.h"

namespace colossal::schedule {

/// What the op is alone.
GroupKind kindOf(mlir::Operation *op, const KernelPlanner &planner);

/// Whether ranks meet there.
bool isCommunication(GroupKind kind);

/// Whether the op may be in a group with others.
bool mayFuse(mlir::Operation *op, const KernelPlanner &planner);

/// A function of indices that has no group: every kernel that needs it computes
/// it.
bool isInlined(mlir::Operation *op, const KernelPlanner &planner);

/// Distinct values that come from outside of `ops`, in order of first use.
llvm::SmallVector<mlir::Value> inputsOf(llvm::ArrayRef<mlir::Operation *> ops);

/// Values used outside. A function of indices is computed where it is used, so
/// it is an output only of a group of its own.
llvm::SmallVector<mlir::Value> outputsOf(llvm::ArrayRef<mlir::Operation *> ops,
                                         const KernelPlanner &planner);

/// The group of `ops`, which are in program order, with the inlined ones.
/// `isPlaced`: buffers are given, so nobody asks which may be shared.
Group groupOf(mlir::func::FuncOp function,
              llvm::ArrayRef<mlir::Operation *> ops,
              const KernelPlanner &planner, bool isPlaced = false);

} // namespace colossal::schedule

#endif // COLOSSAL_LIB_SCHEDULE_GROUPOF_H
