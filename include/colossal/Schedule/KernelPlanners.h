//===- KernelPlanners.h - The planners there are, by device -----*- C++ -*-===//
//
// Library: ColossalSchedulePasses.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_SCHEDULE_KERNELPLANNERS_H
#define COLOSSAL_SCHEDULE_KERNELPLANNERS_H

#include "colossal/Schedule/KernelPlanner.h"
#include "mlir/IR/BuiltinOps.h"

namespace colossal::schedule {

/// The planner of a kind of device ("cpu"). Emits an error at the module where
/// there is none.
mlir::FailureOr<const KernelPlanner *> kernelPlannerOf(mlir::ModuleOp module,
                                                       llvm::StringRef device);

/// That of the device that a module was scheduled for (`rank.device`). Emits an
/// error where it says none.
mlir::FailureOr<const KernelPlanner *> kernelPlannerOf(mlir::ModuleOp module);

} // namespace colossal::schedule

#endif // COLOSSAL_SCHEDULE_KERNELPLANNERS_H
