//===- FactoredChecks.h - What ops and attributes check ---------*- C++ -*-===//
//
// For the verifiers and sharding rules of ops. The numbered constraints are in
// the descriptions of the .td files: of generics (C), of bodies (B) and of
// selections in them (E), of what Plan decides (D), of arguments and results
// (F), of modules (M), of shardings (S), of collectives (L) and transfers (T).
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_IR_FACTOREDCHECKS_H
#define COLOSSAL_IR_FACTOREDCHECKS_H

#include "Colossal/IR/ColossalDialect.h"
#include "colossal/Support/Step.h"

namespace colossal {

/// C1, C4 and C7 of GenericOp, and the attributes that phases attach.
mlir::LogicalResult verifyFactored(FactoredOp op, mlir::ArrayAttr factors,
                                   mlir::ArrayAttr operandMaps,
                                   mlir::ArrayAttr resultMaps);

/// D2 and D4 to D7: what phases attach to a factored op or a reshard.
mlir::LogicalResult verifyPlacement(PlacedOp op);

/// D4 of an op or a function.
mlir::LogicalResult verifyStage(mlir::Operation *op, mlir::IntegerAttr stage);

/// S1 to S4 of a sharding of a value of this type.
mlir::LogicalResult verifySharding(mlir::Operation *op, ShardingAttr sharding,
                                   mlir::Type type);

/// An i64 (or index) from `least` to `most`.
bool isInteger(mlir::Attribute attribute, int64_t least, int64_t most);

/// A number of devices, stages or microbatches.
inline bool isCount(mlir::Attribute attribute) {
  return isInteger(attribute, 1, kMaxCount);
}

/// A factor that indexes some operand through an offset needs elements of a
/// neighbour's shard (a halo), which is not supported.
bool hasOffsetUse(FactoredOp op, unsigned factor);

} // namespace colossal

#endif // COLOSSAL_IR_FACTOREDCHECKS_H
