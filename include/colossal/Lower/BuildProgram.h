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

} // namespace colossal::lower

#endif // COLOSSAL_LOWER_BUILDPROGRAM_H
