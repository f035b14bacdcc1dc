//===- ScalarOp.h - One scalar op of a body ---------------------*- C++ -*-===//

#ifndef COLOSSAL_LOWER_SCALAROP_H
#define COLOSSAL_LOWER_SCALAROP_H

#include "colossal/Lower/KernelFrame.h"

namespace colossal::lower {

/// Emits an arith or math op on other operands, at the builder's position
/// (constants at the start of the function). Failure, with an error at `op`: it
/// has no lowering.
mlir::FailureOr<mlir::Value> emitScalarOp(KernelFrame &frame,
                                          mlir::Operation *op,
                                          mlir::ValueRange operands);

/// An operand of a sum. `isOwn`: the op that adds computes it itself.
struct Term {
  mlir::Value value;
  bool isOwn = false;
};

/// x + y, or x - y, as a fused multiply-add if one of them is a product that is
/// the op's own; null if none is. Fusing is done here and not left to the code
/// generator: it might decide otherwise for the vector body of a loop than for
/// its tail, and then bits would depend on where a thread's range ends. A
/// product of another op is not fused: bits would depend on which ops share a
/// kernel.
mlir::Value emitFused(mlir::OpBuilder &builder, mlir::Location loc, Term x,
                      Term y, bool subtract);

} // namespace colossal::lower

#endif // COLOSSAL_LOWER_SCALAROP_H
