//===- SelectedRows.h - Rows that data select --------------------*- C++
//-*-===//
//
// nonzero(mask) has as many rows as the mask has true elements: a size that
// depends on data. Here it has a row for every element, in order; the numbers
// of those that are not selected are outside every dimension, so that a
// look-up reads zero for them, and a scatter adds them nowhere. That is right
// as long as rows stay apart and end in a scatter by the same numbers, as those
// of a mixture of experts do; `checkSelections` holds a program to it.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_LIB_NORMALIZE_SELECTEDROWS_H
#define COLOSSAL_LIB_NORMALIZE_SELECTEDROWS_H

#include "Call.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace colossal::normalize {

/// For each dimension of the mask the numbers of its true elements, [elements],
/// i64.
llvm::SmallVector<mlir::Value> selectedBy(Call &c, mlir::Value mask);

/// Reports an op that mixes selected rows with those that are not there: it
/// sums over them, or returns them.
mlir::LogicalResult checkSelections(mlir::func::FuncOp function,
                                    const Interpreter &state);

} // namespace colossal::normalize

#endif // COLOSSAL_LIB_NORMALIZE_SELECTEDROWS_H
