//===- Passes.h - Passes of phase Partition --------------------*- C++ -*-===//

#ifndef COLOSSAL_PARTITION_PASSES_H
#define COLOSSAL_PARTITION_PASSES_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace colossal {

#define GEN_PASS_DECL
#include "colossal/Partition/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "colossal/Partition/Passes.h.inc"

namespace partition {

/// Replaces the planned program of `module` by one function per stage and
/// segment (docs/Architecture.md, section 4).
mlir::LogicalResult partitionModule(mlir::ModuleOp module);

/// Checks the contract of that form: shardings, collectives, links, transfers
/// and the absence of deadlock. Emits one error per fault.
mlir::LogicalResult checkPartition(mlir::ModuleOp module);

} // namespace partition
} // namespace colossal

#endif // COLOSSAL_PARTITION_PASSES_H
