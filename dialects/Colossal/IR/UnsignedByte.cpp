//===- UnsignedByte.cpp - Elements of type ui8 ----------------------------===//

#include "Colossal/IR/UnsignedByte.h"
#include "Colossal/IR/ColossalDialect.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace colossal;

int64_t colossal::integerOf(IntegerAttr attribute) {
  Type type = attribute.getType();
  bool isUnsigned = type.isInteger(1) || isUnsignedByte(type);
  return isUnsigned ? int64_t(attribute.getValue().getZExtValue())
                    : attribute.getValue().getSExtValue();
}

int64_t colossal::wrapped(Type type, int64_t value) {
  unsigned width = type.getIntOrFloatBitWidth();
  if (width == 1 || isUnsignedByte(type))
    return value & llvm::maskTrailingOnes<uint64_t>(width);
  return llvm::SignExtend64(value, width);
}

Value colossal::createConstant(OpBuilder &builder, Location loc,
                               TypedAttr value) {
  if (!isUnsignedByte(value.getType()))
    return arith::ConstantOp::create(builder, loc, value);
  int64_t number = integerOf(cast<IntegerAttr>(value));
  return WrapOp::create(
      builder, loc,
      arith::ConstantOp::create(builder, loc,
                                builder.getI32IntegerAttr(int32_t(number))));
}

Value colossal::createZero(OpBuilder &builder, Location loc, Type type) {
  return createConstant(builder, loc, builder.getZeroAttr(type));
}

OpFoldResult WidenOp::fold(FoldAdaptor adaptor) {
  auto number = dyn_cast_if_present<IntegerAttr>(adaptor.getValue());
  return number ? IntegerAttr::get(getType(), integerOf(number))
                : OpFoldResult();
}

/// A constant has no op of its own: `arith.constant` takes no ui8. It is known
/// to who folds a body (Normalize, of numbers).
OpFoldResult WrapOp::fold(FoldAdaptor adaptor) {
  if (auto inner = getValue().getDefiningOp<WidenOp>())
    return inner.getValue();
  auto number = dyn_cast_if_present<IntegerAttr>(adaptor.getValue());
  return number ? IntegerAttr::get(getType(), number.getValue().trunc(8))
                : OpFoldResult();
}
