//===- MeshAttribute.h - What a module says of its devices ------*- C++ -*-===//
//
// The one reading of `colossal.mesh`, `colossal.stages`,
// `colossal.device_groups`, `colossal.microbatches` and `colossal.schedule`.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_IR_MESHATTRIBUTE_H
#define COLOSSAL_IR_MESHATTRIBUTE_H

#include "Colossal/IR/ColossalDialect.h"

namespace colossal {

/// The mesh of the module of `op`, or of `op` if it is one; null if it has
/// none.
MeshAttr meshOf(mlir::Operation *op);

/// Stages and microbatches that this module states; nothing if it does not.
std::optional<Stages> stagesOf(mlir::Operation *op);
std::optional<int64_t> microbatchesOf(mlir::Operation *op);

/// 1F1B unless the module says otherwise.
ScheduleKind scheduleOf(mlir::Operation *op);

/// Coordinates on an axis of the mesh of the module of `op`; on `time`, of
/// microbatches. Nothing if there is no mesh, 0 if it has no such axis.
std::optional<int64_t> sizeOfAxis(mlir::Operation *op, llvm::StringRef axis);

} // namespace colossal

#endif // COLOSSAL_IR_MESHATTRIBUTE_H
