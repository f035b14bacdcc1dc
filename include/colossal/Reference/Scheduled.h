//===- Scheduled.h - Ranks inside their arenas ------------------*- C++ -*-===//
//
// Executes a partitioned module as Schedule has laid it out: ops in the order
// of their groups, every materialised value written to its bytes in the arena
// (or window) of its rank. Before an op reads a value from memory, the bytes
// must still be the ones that were written for it: a value whose place was
// freed, reused or never written is an error that names the op, the value,
// its place and who wrote there last. So lifetimes, slots of microbatches,
// in-place updates, accumulators and aliases are checked by execution.
//
// The arena is not filled with f32 bits: values stay doubles, so that results
// are those of the other interpreters.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_REFERENCE_SCHEDULED_H
#define COLOSSAL_REFERENCE_SCHEDULED_H

#include "colossal/Reference/Ranks.h"
#include "colossal/Schedule/RankSchedule.h"

namespace colossal::reference {

/// Bytes of all ranks' arenas and windows.
int64_t arenaBytes(llvm::ArrayRef<schedule::RankSchedule> schedules,
                   const Mesh &mesh);

/// One step of a module that `schedules` were made from. Fails as `runStep`
/// does, and where memory does not hold what an op reads.
std::optional<StepResult> runScheduledStep(
    mlir::ModuleOp module, llvm::ArrayRef<schedule::RankSchedule> schedules,
    const NamedTensors &values, RankOptions options, std::string &error);

} // namespace colossal::reference

#endif // COLOSSAL_REFERENCE_SCHEDULED_H
