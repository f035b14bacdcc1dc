//===- RandomInputs.h - Random state and batches for a program --*- C++ -*-===//
//
// Values under which two programs that should agree are compared. Integers of
// the batch must be meaningful: their range, and the value that marks ignored
// positions (-100), are those of Colossal/Analysis/IntegerUse.h.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_REFERENCE_RANDOMINPUTS_H
#define COLOSSAL_REFERENCE_RANDOMINPUTS_H

#include "colossal/Reference/Arguments.h"

namespace colossal::reference {

/// Of which sign real numbers are: some programs are NaN elsewhere (a
/// logarithm of the data, a root of a parameter).
enum class Signs { Both, PositiveBatch, Positive };

/// By role: parameters normal, optimizer state and buffers small and not
/// negative, controls their fill or a fixed number, batch floats normal, batch
/// integers by their use (0 or 1 where nothing is known), every sixth ignored
/// if there is such a value.
NamedTensors randomInputs(mlir::func::FuncOp function, uint64_t seed,
                          Signs signs = Signs::Both);

} // namespace colossal::reference

#endif // COLOSSAL_REFERENCE_RANDOMINPUTS_H
