//===- Elimination.h - Small matrices, one column after the other -*- C++
//-*-===//
//
// Matrices are the last two dimensions of a tensor. A decomposition is made in
// as many steps as a matrix has columns, each an op over all matrices, and has
// no derivative: rows correct what it gives by a term that is zero and has the
// derivative (MatrixRows.cpp).
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_LIB_NORMALIZE_ELIMINATION_H
#define COLOSSAL_LIB_NORMALIZE_ELIMINATION_H

#include "Call.h"

namespace colossal::normalize {

/// As many steps are written out.
constexpr int64_t kMaxMatrix = 32;

/// Gaussian elimination with the greatest pivot of each column, the first one
/// of equals, as in LAPACK.
struct Eliminated {
  /// [.., n, columns]: U, below its diagonal the factors L; what was to the
  /// right of the matrix was changed along with it.
  mlir::Value work;
  /// For each step but the last the row that it exchanged with its own, [..].
  llvm::SmallVector<mlir::Value> pivots;
};
/// `work`: [.., n, n + more].
Eliminated eliminate(Call &c, mlir::Value work);

/// +1 or -1, [..], of `type`: the sign of the exchanges.
mlir::Value signOfPivots(Call &c, const Eliminated &eliminated,
                         llvm::ArrayRef<int64_t> batch, mlir::Type type);

/// [.., n], i64: the row of the matrix that became row i.
mlir::Value orderOfPivots(Call &c, const Eliminated &eliminated,
                          llvm::ArrayRef<int64_t> batch, int64_t n);

/// Solves T x = `right`, [.., n, columns], for the triangle T that is on and
/// above (`isUpper`) or below the diagonal of `triangle`, [.., n, n or more].
mlir::Value substitute(Call &c, mlir::Value triangle, mlir::Value right,
                       bool isUpper);

/// The lower triangle L of x = L L^T, of which the lower triangle is read. NaN
/// if x is not positive definite.
mlir::Value choleskyFactor(Call &c, mlir::Value x);

} // namespace colossal::normalize

#endif // COLOSSAL_LIB_NORMALIZE_ELIMINATION_H
