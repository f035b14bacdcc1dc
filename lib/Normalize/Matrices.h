//===- Matrices.h - Matrices in the last two dimensions ---------*- C++ -*-===//
//
// A decomposition that is made step by step (Elimination.h) has no derivative.
// A term is added that is zero, or the rounding of the first answer, and whose
// derivative is that of the result:
//
//   inverse        X - X (A X - 1)                -X dA X
//   solution       x + X (b - A x)                X (db - dA x)
//   Cholesky       L + L P(L^-1 (A - A0) L^-T)    P: lower, half the diagonal
//   LU             F = L^-1 (A - A0) U^-1: L + L tril(F, -1), U + triu(F) U
//   determinant    d (1 + tr X (A - A0))          d tr X dA
//
// where X, x, L, U and A0 (which is A) are constants.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_LIB_NORMALIZE_MATRICES_H
#define COLOSSAL_LIB_NORMALIZE_MATRICES_H

#include "Shapes.h"

namespace colossal::normalize {

mlir::RankedTensorType typeOf(Call &c, const Item &item);
Item itemOf(Call &c, mlir::Value value);

/// Whether `x` has matrices; reports it if not.
bool hasMatrices(Call &c, const Item &x);
/// Whether `x` has matrices of n x n floats with n up to kMaxMatrix; reports
/// it if not.
bool isSquare(Call &c, const Item &x);

Item product(Call &c, const Item &a, const Item &b);
Item sum(Call &c, const Item &a, const Item &b);
Item difference(Call &c, const Item &a, const Item &b);
Item transposed(Call &c, const Item &x);
Item columns(Call &c, const Item &x, int64_t start, int64_t count);
/// Next to each other.
Item joined(Call &c, std::vector<Item> parts);
Item triangle(Call &c, const Item &x, bool isUpper, int64_t diagonal);
Item identityLike(Call &c, const Item &x);
/// Its batch, given to matrices with another one.
Item withBatchOf(Call &c, const Item &x, llvm::ArrayRef<int64_t> batch);

/// x - x0, which is zero and has the derivative of x.
Item change(Call &c, const Item &x);
/// Zero where a singular matrix gives no number.
Item finiteOrZero(Call &c, const Item &x);

/// Elements of matrices of the shape of `like`: of those of the operands, by
/// row and column.
using ElementBody = llvm::function_ref<mlir::Value(
    ScalarBuilder &, mlir::ValueRange, mlir::Value, mlir::Value)>;
Item elementsOf(Call &c, llvm::StringRef suffix, const Item &like,
                llvm::ArrayRef<Item> operands, ElementBody body);

/// x with T x = b, where T is a triangle of `a`, of ones on its diagonal if it
/// `isUnit`.
Item solveTriangle(Call &c, const Item &a, const Item &b, bool isUpper,
                   bool isUnit);

} // namespace colossal::normalize

#endif // COLOSSAL_LIB_NORMALIZE_MATRICES_H
