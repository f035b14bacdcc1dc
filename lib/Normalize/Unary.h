//===- Unary.h - Rows of one operand ----------------------------*- C++ -*-===//
//
// `body` maps a scalar to a scalar: the ScalarBuilder and the element.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_LIB_NORMALIZE_UNARY_H
#define COLOSSAL_LIB_NORMALIZE_UNARY_H

#include "Dtypes.h"
#include "Elementwise.h"

namespace colossal::normalize {

/// The type of an op on these operands.
inline mlir::Type promoted(Call &c, llvm::ArrayRef<Item> operands) {
  return resultType(operands, c.builder().getContext());
}

/// In the operand's own type.
template <typename Body> void unary(Call &c, Body body) {
  ElementwiseOptions options;
  options.compute = c.type(0).getElementType();
  c.result(
      elementwise(c, {c.item(0)}, options,
                  [&](ScalarBuilder &s, mlir::ValueRange in) -> mlir::Value {
                    return body(s, in[0]);
                  }));
}

/// Integers and booleans become floats.
template <typename Body> void unaryFloat(Call &c, Body body) {
  ElementwiseOptions options;
  options.compute = floatType(promoted(c, {c.item(0)}));
  c.result(
      elementwise(c, {c.item(0)}, options,
                  [&](ScalarBuilder &s, mlir::ValueRange in) -> mlir::Value {
                    return body(s, in[0]);
                  }));
}

/// 1 / (1 + exp(-x)) and log of it, with their derivatives.
mlir::Value sigmoidOf(ScalarBuilder &s, mlir::Value x);
mlir::Value logSigmoidOf(ScalarBuilder &s, mlir::Value x);

/// x if positive, else 0; NaN stays NaN, and the derivative at 0 is 0.
mlir::Value reluOf(ScalarBuilder &s, mlir::Value x);

} // namespace colossal::normalize

#endif // COLOSSAL_LIB_NORMALIZE_UNARY_H
