//===- LayoutAttributes.h - Layouts in attributes ---------------*- C++ -*-===//
//
// Between the attributes of the dialect (names, no sizes) and the layouts of
// colossal/Layout (numbers of axes, sizes of what they cut).
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_IR_LAYOUTATTRIBUTES_H
#define COLOSSAL_IR_LAYOUTATTRIBUTES_H

#include "Colossal/IR/ColossalDialect.h"
#include "colossal/Layout/Layout.h"
#include "mlir/IR/BuiltinOps.h"

namespace colossal {

/// From `colossal.mesh`, `.stages`, `.microbatches` and `.schedule`, with time.
/// Emits an error if there is no mesh.
mlir::FailureOr<layout::Mesh> readMesh(mlir::ModuleOp module);

/// A tensor with one sub-dimension per dimension, uncut.
layout::Layout wholeOf(mlir::Value value);

/// `sizes` with the axes of `sharding`. Fails if an axis is unknown or occurs
/// twice, or if the structures differ; `error` then says what was found and
/// expected.
mlir::FailureOr<layout::Layout> readSharding(const layout::Layout &sizes,
                                             ShardingAttr sharding,
                                             const layout::Mesh &mesh,
                                             std::string &error);

/// From `colossal.sharding` and `colossal.global_shape`; fails with a message
/// in `error`.
mlir::FailureOr<layout::Layout> readLayout(mlir::DictionaryAttr attributes,
                                           const layout::Mesh &mesh,
                                           std::string &error);

ShardingAttr toAttribute(mlir::MLIRContext *context,
                         const layout::Layout &layout,
                         const layout::Mesh &mesh);

/// Both attributes.
llvm::SmallVector<mlir::NamedAttribute>
layoutAttributes(mlir::MLIRContext *context, const layout::Layout &layout,
                 const layout::Mesh &mesh);

} // namespace colossal

#endif // COLOSSAL_IR_LAYOUTATTRIBUTES_H
