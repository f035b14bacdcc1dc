//===- ProgramCheck.h - Words and parts of the program checks ---*- C++ -*-===//

#ifndef COLOSSAL_LIB_RUN_PROGRAMCHECK_H
#define COLOSSAL_LIB_RUN_PROGRAMCHECK_H

#include "colossal/Run/Manifest.h"
#include "colossal/Run/ProgramFaults.h"

namespace colossal::rank {

/// First byte after the last slot.
int64_t endOf(const Buffer &buffer);

/// The faults that an op has by itself: operands, extents, groups
/// (OpCheck.cpp).
void checkOp(const Program &program, const Segment &segment, size_t op,
             std::vector<std::string> &faults);

/// The faults that one op, buffer or entry has by itself.
std::vector<std::string> checkStructure(const Program &program);

/// Follows the bytes of the arena through the schedule: what an op reads must
/// have been written in this step through the same buffer (state, inputs and
/// controls hold a value from the start), and not through another one since;
/// the outputs of an op do not overlap each other or, unless equal, its inputs.
/// From its start to its wait an op of a queue has its input and output to
/// itself.
void checkFlow(const Program &program, std::vector<std::string> &faults);

/// Calls of kernels against what the manifest says of them (KernelCalls.cpp).
void checkKernelCalls(const Manifest &manifest, const Program &program,
                      std::vector<std::string> &faults);

} // namespace colossal::rank

#endif // COLOSSAL_LIB_RUN_PROGRAMCHECK_H
