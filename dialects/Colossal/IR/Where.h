//===- Where.h - What colossal.where says, in other words ------*- C++ -*-===//

#ifndef COLOSSAL_IR_WHERE_H
#define COLOSSAL_IR_WHERE_H

#include "Colossal/IR/ColossalDialect.h"

namespace colossal {

/// The selection outside of which `value` is zero: `value` itself, or one below
/// ops that keep zeros (casts, signs, choices, sums of values that are selected
/// alike). Null: none. Products do not keep zeros: 0 times infinity.
WhereOp selectionOf(mlir::Value value);

/// sum += scale * part. Numbers of damaged text wrap around; E2 refuses them.
void addScaled(IndexSum &sum, const IndexSum &part, int64_t scale);

/// Whether strides and constant of the equation are sizes that tensors have.
bool isSized(EquationAttr equation, FactoredOp op);

/// `value` where the equations of `where` hold of `indexOf(factor)` (i64) and
/// of `ids`, else zero, in ops of `arith`: a question about indices.
mlir::Value
expandWhere(mlir::OpBuilder &builder, WhereOp where, mlir::Value value,
            mlir::ValueRange ids,
            llvm::function_ref<mlir::Value(mlir::StringAttr)> indexOf);

/// The same, in its place.
void expandWhere(WhereOp where);

/// Scalar operations that the op stands for.
int64_t scalarOpsOf(WhereOp where);

} // namespace colossal

#endif // COLOSSAL_IR_WHERE_H
