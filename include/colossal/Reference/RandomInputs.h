//===- RandomInputs.h - Random state and batches for a program --*- C++ -*-===//
//
// Values under which two programs that should agree are compared. Integers of
// the batch must be meaningful: their range is read off the one-hot predicates
// `id == index(v)` that they reach, and the value that marks ignored positions
// (-100) off the constants they are compared with.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_REFERENCE_RANDOMINPUTS_H
#define COLOSSAL_REFERENCE_RANDOMINPUTS_H

#include "colossal/Reference/Arguments.h"

namespace colossal::reference {

/// What the program does with an integer argument.
struct IntegerUse {
  /// Smallest extent of a factor whose index it is compared with.
  std::optional<int64_t> extent;
  /// A negative constant it is compared with.
  std::optional<int64_t> ignored;
};

/// Follows `value` through bodies and, where it is passed on, other ops.
IntegerUse analyzeIntegerUse(mlir::Value value);

/// By role: parameters normal, optimizer state and buffers small and not
/// negative, controls their fill or a fixed number, batch floats normal, batch
/// integers by their use (0 or 1 where nothing is known), every sixth ignored
/// if there is such a value.
NamedTensors randomInputs(mlir::func::FuncOp function, uint64_t seed);

} // namespace colossal::reference

#endif // COLOSSAL_REFERENCE_RANDOMINPUTS_H
