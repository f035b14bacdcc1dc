//===- UnsignedByte.h - Elements of type ui8 --------------------*- C++ -*-===//
//
// ui8 is a form of storage: bodies compute with its numbers in i32, between
// `colossal.widen` and `colossal.wrap`. All other integers are signless, and
// signed to those who read them (docs/Rationale/Unsigned-bytes.md).
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_IR_UNSIGNEDBYTE_H
#define COLOSSAL_IR_UNSIGNEDBYTE_H

#include "mlir/IR/Builders.h"

namespace colossal {

inline bool isUnsignedByte(mlir::Type type) {
  return type.isUnsignedInteger(8);
}

/// The integer that an attribute of an element's type stands for; true is 1.
int64_t integerOf(mlir::IntegerAttr attribute);

/// `value` as elements of an integer type hold it: i1 is 0 or 1, ui8 is 0 to
/// 255, the others are sign-extended.
int64_t wrapped(mlir::Type type, int64_t value);

/// A scalar constant of an element's type, in a body.
mlir::Value createConstant(mlir::OpBuilder &builder, mlir::Location loc,
                           mlir::TypedAttr value);
/// Zero, or false.
mlir::Value createZero(mlir::OpBuilder &builder, mlir::Location loc,
                       mlir::Type type);

} // namespace colossal

#endif // COLOSSAL_IR_UNSIGNEDBYTE_H
