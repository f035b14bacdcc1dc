//===- ScalarOp.h - One scalar op of a body ---------------------*- C++ -*-===//

#ifndef COLOSSAL_LOWER_SCALAROP_H
#define COLOSSAL_LOWER_SCALAROP_H

#include "KernelEmitter.h"

namespace colossal::lower {

/// Emits an arith or math op on other operands, at the builder's position
/// (constants at the start of the function). Failure, with an error at `op`: it
/// has no lowering.
mlir::FailureOr<mlir::Value> emitScalarOp(KernelFrame &frame,
                                          mlir::Operation *op,
                                          mlir::ValueRange operands);

} // namespace colossal::lower

#endif // COLOSSAL_LOWER_SCALAROP_H
