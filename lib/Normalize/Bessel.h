//===- Bessel.h - Modified Bessel functions ---------------------*- C++ -*-===//

#ifndef COLOSSAL_LIB_NORMALIZE_BESSEL_H
#define COLOSSAL_LIB_NORMALIZE_BESSEL_H

#include "colossal/Normalize/ScalarBuilder.h"

namespace colossal::normalize {

/// I0(x), or I1(x) with `order` 1; times exp(-|x|) if `isScaled`. Of an f64,
/// without a derivative.
mlir::Value besselOf(ScalarBuilder &s, mlir::Value x, int order, bool isScaled);

} // namespace colossal::normalize

#endif // COLOSSAL_LIB_NORMALIZE_BESSEL_H
