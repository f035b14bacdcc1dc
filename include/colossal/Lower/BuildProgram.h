//===- BuildProgram.h - From a schedule to a rank program -------*- C++ -*-===//

#ifndef COLOSSAL_LOWER_BUILDPROGRAM_H
#define COLOSSAL_LOWER_BUILDPROGRAM_H

#include "colossal/Lower/LowerGroup.h"
#include "colossal/Schedule/StageSchedule.h"

namespace colossal::lower {

/// Fills the segments of `schedule.program`: every group becomes one op on the
/// buffers that Schedule placed. Kernels are added to `lowering`. Errors are
/// emitted at the op that cannot be lowered.
mlir::FailureOr<rank::Program>
buildProgram(const schedule::StageSchedule &schedule, Lowering &lowering);

/// What Lower makes of a scheduled module.
struct LoweredStages {
  /// A `rank.program` for each stage, and the module of their kernels.
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::vector<rank::Program> programs;
};

/// \pre `stages` are of `module`, which stays as it is
/// Errors are emitted as by buildProgram, and for faults of what was built.
mlir::FailureOr<LoweredStages>
lowerStages(mlir::ModuleOp module,
            llvm::ArrayRef<schedule::StageSchedule> stages);

} // namespace colossal::lower

#endif // COLOSSAL_LOWER_BUILDPROGRAM_H
