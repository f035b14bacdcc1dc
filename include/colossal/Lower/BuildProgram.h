//===- BuildProgram.h - From a schedule to a rank program -------*- C++ -*-===//

#ifndef COLOSSAL_LOWER_BUILDPROGRAM_H
#define COLOSSAL_LOWER_BUILDPROGRAM_H

#include "colossal/Lower/LowerGroup.h"
#include "colossal/Schedule/RankSchedule.h"

namespace colossal::lower {

/// Fills the segments of `schedule.program`: every group becomes one op on the
/// buffers that Schedule placed. Kernels are added to `lowering`. Errors are
/// emitted at the op that cannot be lowered.
mlir::FailureOr<rank::Program>
buildProgram(const schedule::RankSchedule &schedule, Lowering &lowering);

/// What Lower makes of a scheduled module.
struct LoweredRanks {
  /// A `rank.program` for each device group, and the module of their kernels.
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::vector<rank::Program> programs;
};

/// \pre `schedules` are of `module`, which stays as it is
/// Errors are emitted as by buildProgram, and for faults of what was built.
mlir::FailureOr<LoweredRanks>
lowerRanks(mlir::ModuleOp module,
           llvm::ArrayRef<schedule::RankSchedule> schedules);

} // namespace colossal::lower

#endif // COLOSSAL_LOWER_BUILDPROGRAM_H
