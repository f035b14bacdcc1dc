//===- RankPrograms.h - Rank programs executed as they stand ----*- C++ -*-===//
//
// Executes the rank programs of a bundle beside the scheduled module that they
// were made from, all ranks in one process. The programs say which op comes
// when, which bytes it reads and writes, and what it does with them; the module
// says what every value must be. So what is between Schedule and the kernels is
// proved by execution:
//
//   places      before an op reads a value, the bytes of its operand must be
//               those that were written for this value. A value whose place was
//               freed, reused or never written is found: lifetimes, slots of
//               microbatches, in-place updates, accumulators, aliases.
//   products    computed from memory by the strides of the program,
//   collectives from the memories of the members that the program names,
//   transfers   what was sent under a tag is what is received under it,
//   fills, copies   executed on memory.
//   queues      a started collective reads what is in its input from its start
//               to its wait, and its output is nowhere before: so every order
//               in which the engine may do it is right, or a fault is found.
//   kernels, library calls   are what their group computes: operands lie as
//               the kernel expects them, and symbol, range, indices and
//               parameters are those that Lower gives this group. With the
//               bundle's compiled code it is called, too, on the same operands,
//               and compared with the group within rounding.
//
// A fault names rank, segment, microbatch and op.
//
// The arena is not filled with f32 bits: values stay doubles, so that results
// are those of the other interpreters.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_REFERENCE_RANKPROGRAMS_H
#define COLOSSAL_REFERENCE_RANKPROGRAMS_H

#include "colossal/Reference/Ranks.h"
#include "colossal/Run/CompiledOps.h"
#include "colossal/Schedule/RankSchedule.h"

namespace colossal::reference {

/// Bytes of all ranks' arenas and windows.
int64_t arenaBytes(llvm::ArrayRef<rank::Program> programs, const Mesh &mesh);

/// One step of a module that `schedules` were made from, as `programs`, one for
/// each device group, say. Fails as `runStep` does, where a program does not
/// belong to the module or has a fault (rank::checkPrograms), and where an op
/// does not do what the module says. `compiled`, if not null, is the code of
/// kernels, products and library calls.
std::optional<StepResult>
runPrograms(mlir::ModuleOp module,
            llvm::ArrayRef<schedule::RankSchedule> schedules,
            llvm::ArrayRef<rank::Program> programs, const NamedTensors &values,
            RankOptions options, std::string &error,
            rank::CompiledOps *compiled = nullptr);

} // namespace colossal::reference

#endif // COLOSSAL_REFERENCE_RANKPROGRAMS_H
