//===- SelectedRows.h - Rows that data select ------------------*- C++ -*-===//
//
// x[mask] and nonzero(mask) have as many rows as the mask has true elements: a
// size that depends on data. Here they have a row for every element, in order.
// Of x[mask] the rows that are not there are zero; the numbers of nonzero are
// outside every dimension there, so that a look-up reads zero for them, and a
// scatter adds them nowhere. That is right as long as rows stay apart and end
// in a scatter by the same numbers, or in a reduction that leaves out what is
// not there; `Selections::check` holds a program to it.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_LIB_NORMALIZE_SELECTEDROWS_H
#define COLOSSAL_LIB_NORMALIZE_SELECTEDROWS_H

#include "Call.h"

namespace colossal::normalize {

/// For each dimension of the mask the numbers of its true elements, [elements],
/// i64.
llvm::SmallVector<mlir::Value> selectedBy(Call &c, mlir::Value mask);

/// x[mask] of a mask over the dimensions of x from `dim` on, which become one.
mlir::Value rowsBy(Call &c, mlir::Value x, int64_t dim, mlir::Value mask);

/// The rows of `x` that are not there, if some dimension in `dims` has such,
/// are `neutral`: what a reduction over `dims` leaves out. Else x. `member`: in
/// the composite of the reduction.
mlir::Value presentRows(Call &c, mlir::Value x, llvm::ArrayRef<int64_t> dims,
                        double neutral, bool member = false);

/// [i], i64: how many elements of `trues` [i] before i are true.
mlir::Value truesBefore(Call &c, mlir::Value trues, llvm::StringRef suffix);

/// The rows of `x` that are there, if dimension `dim` has such, moved together
/// in order, zero behind them. Else x.
mlir::Value compactRows(Call &c, mlir::Value x, int64_t dim);

/// The number of elements of `x` in `dims`, as a 0-d tensor of `type`, where
/// that depends on data; null where it is known.
mlir::Value presentCount(Call &c, mlir::Value x, llvm::ArrayRef<int64_t> dims,
                         mlir::Type type);

} // namespace colossal::normalize

#endif // COLOSSAL_LIB_NORMALIZE_SELECTEDROWS_H
