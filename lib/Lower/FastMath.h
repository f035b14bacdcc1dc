//===- FastMath.h - Scalar functions that vectorise -------------*- C++ -*-===//
//
// The loop vectoriser has no vector form of exp, tanh and friends at the width
// of the machine, so kernels compute them by polynomials, in plain arithmetic.
// All keep infinities, NaN and subnormal numbers as IEEE functions do. f32
// only: other types keep their math op and end in a call of libm.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_LOWER_FASTMATH_H
#define COLOSSAL_LOWER_FASTMATH_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Builders.h"

namespace colossal::lower {

/// exp(x): argument reduction by multiples of 2 ln 2 in two parts (Cody and
/// Waite), then a polynomial of degree 7. Within 2 ulp.
mlir::Value emitExp(mlir::OpBuilder &builder, mlir::Location loc,
                    mlir::Value x);

/// exp(x) - 1, by exp's reduction. Within 3 ulp, also near 0.
mlir::Value emitExpM1(mlir::OpBuilder &builder, mlir::Location loc,
                      mlir::Value x);

/// log(x): mantissa in [sqrt(1/2), sqrt(2)), polynomial of Cephes' logf.
/// Within 2 ulp.
mlir::Value emitLog(mlir::OpBuilder &builder, mlir::Location loc,
                    mlir::Value x);

/// log(1 + x): the logarithm of the rounded sum, and the part that rounding
/// took from it. Within 3 ulp, also near 0.
mlir::Value emitLog1p(mlir::OpBuilder &builder, mlir::Location loc,
                      mlir::Value x);

/// tanh(x): an odd polynomial below 0.625 (Cephes' tanhf), 1 - 2 / (exp(2|x|)
/// + 1) above. Within 2 ulp.
mlir::Value emitTanh(mlir::OpBuilder &builder, mlir::Location loc,
                     mlir::Value x);

/// erf(x): x P(x^2) below 1, 1 - exp(-x^2) Q(1/x) above. Within 4 ulp.
mlir::Value emitErf(mlir::OpBuilder &builder, mlir::Location loc,
                    mlir::Value x);

} // namespace colossal::lower

#endif // COLOSSAL_LOWER_FASTMATH_H
