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

/// From where real numbers are drawn: some programs are NaN elsewhere (a
/// logarithm of the data, a root of a parameter, an arc cosine of a product).
enum class Draw {
  Any,
  PositiveBatch,
  Positive,
  Small,         ///< a tenth of `Any`
  SmallPositive, ///< a tenth of `Positive`
  LargePositive, ///< four times `Positive`
  Opposed,       ///< batch positive, parameters negative
};

/// All of them, in the order in which they are worth a try.
llvm::ArrayRef<Draw> allDraws();

/// "a positive batch": completes "random inputs with ...".
llvm::StringRef describe(Draw draw);

/// By role: parameters normal, optimizer state and buffers small and not
/// negative, controls their fill or a fixed number, batch floats normal, batch
/// integers by their use (0 or 1 where nothing is known), every sixth ignored
/// if there is such a value.
NamedTensors randomInputs(mlir::func::FuncOp function, uint64_t seed,
                          Draw draw = Draw::Any);

} // namespace colossal::reference

#endif // COLOSSAL_REFERENCE_RANDOMINPUTS_H
