//===- WholeOps.h - Ops that a library computes -----------------*- C++ -*-===//
//
// A whole op is a folder beside this file: definition, roles of its factors and
// sharding rule in the dialect, and what phases ask of it as interfaces
// (derivative, evaluation, lowering) that are attached here; what the runtime
// calls is in its folder Run (docs/Whole-ops.md).
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_OPS_WHOLEOPS_H
#define COLOSSAL_OPS_WHOLEOPS_H

#include "mlir/IR/MLIRContext.h"

namespace colossal {

/// The dialects that the phases use, with the parts of all whole ops. Every
/// tool that runs phases or interprets needs them.
void registerDialects(mlir::DialectRegistry &registry);
/// Loads them into a context.
void loadDialects(mlir::MLIRContext &context);

} // namespace colossal

#endif // COLOSSAL_OPS_WHOLEOPS_H
