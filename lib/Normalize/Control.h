//===- Control.h - Scripted control flow ------------------------*- C++ -*-===//
//
// Scripted functions leave ifs and loops in a trace. What they ask follows from
// constants, sizes and types, which are known here: the chosen region takes the
// place of an if, and iterations that of a loop, as ops to be interpreted next.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_LIB_NORMALIZE_CONTROL_H
#define COLOSSAL_LIB_NORMALIZE_CONTROL_H

#include "Interpreter.h"

namespace colossal::normalize {

/// If `op` is an if or a loop, puts what it runs in its place, where the loop
/// may stay behind its iteration, and returns the op to go on with; null for
/// other ops. Failure: the condition depends on data, or a loop runs too often;
/// an error was reported.
mlir::FailureOr<mlir::Operation *> resolveControl(Interpreter &state,
                                                  mlir::Operation *op);

} // namespace colossal::normalize

#endif // COLOSSAL_LIB_NORMALIZE_CONTROL_H
