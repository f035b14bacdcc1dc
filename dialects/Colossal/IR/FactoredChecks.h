//===- FactoredChecks.h - What every factored op checks ---------*- C++ -*-===//
//
// For the verifiers and sharding rules of whole ops.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_IR_FACTOREDCHECKS_H
#define COLOSSAL_IR_FACTOREDCHECKS_H

#include "Colossal/IR/ColossalDialect.h"

namespace colossal {

/// C1 and C4 of GenericOp, and the attributes that phases attach.
mlir::LogicalResult verifyFactored(FactoredOp op, mlir::ArrayAttr factors,
                                   mlir::ArrayAttr operandMaps,
                                   mlir::ArrayAttr resultMaps);

/// A factor that indexes some operand through an offset needs elements of a
/// neighbour's shard (a halo), which is not supported.
bool hasOffsetUse(FactoredOp op, unsigned factor);

} // namespace colossal

#endif // COLOSSAL_IR_FACTOREDCHECKS_H
