//===- NarrowFloat.h - Floats of 16 bits ------------------------*- C++ -*-===//
//
// bf16 and f16 are forms of storage: bodies compute with their numbers in f32,
// and sums of them are made in f32 (docs/Precision.md).
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_IR_NARROWFLOAT_H
#define COLOSSAL_IR_NARROWFLOAT_H

#include "mlir/IR/TypeUtilities.h"
#include "mlir/IR/Value.h"

namespace colossal {

inline bool isNarrowFloat(mlir::Type type) {
  return type.isBF16() || type.isF16();
}

/// Of the elements of a tensor.
inline bool hasNarrowFloats(mlir::Value value) {
  return isNarrowFloat(mlir::getElementTypeOrSelf(value.getType()));
}

} // namespace colossal

#endif // COLOSSAL_IR_NARROWFLOAT_H
