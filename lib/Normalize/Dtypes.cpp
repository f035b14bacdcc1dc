//===- Dtypes.cpp - PyTorch's dtypes and type promotion -------------------===//
//
// Source of the rules: "Tensor Attributes" in PyTorch's documentation, and
// update_result_type_state / combine_categories of ATen's TypeProperties.
//
//===----------------------------------------------------------------------===//

#include "Dtypes.h"
#include "Colossal/IR/UnsignedByte.h"
#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::normalize;

Type normalize::typeOfDtype(MLIRContext *context, int64_t dtype) {
  Builder builder(context);
  switch (dtype) {
  case 0:
    return builder.getIntegerType(8, /*isSigned=*/false);
  case 1:
    return builder.getIntegerType(8);
  case 2:
    return builder.getIntegerType(16);
  case 3:
    return builder.getI32Type();
  case 4:
    return builder.getI64Type();
  case 5:
    return builder.getF16Type();
  case 6:
    return builder.getF32Type();
  case 7:
    return builder.getF64Type();
  case 11:
    return builder.getI1Type();
  case 15:
    return builder.getBF16Type();
  default:
    return {};
  }
}

Type normalize::promote(Type a, Type b) {
  if (!a || !b || a == b)
    return a ? a : b;
  bool realA = isa<FloatType>(a), realB = isa<FloatType>(b);
  if (realA != realB)
    return realA ? a : b;
  unsigned widthA = a.getIntOrFloatBitWidth(),
           widthB = b.getIntOrFloatBitWidth();
  if (widthA == widthB) { // f16 and bf16; i8 and ui8
    if (realA)
      return Float32Type::get(a.getContext());
    return IntegerType::get(a.getContext(), 2 * widthA);
  }
  return widthA > widthB ? a : b;
}

static bool isBool(Type type) { return type.isInteger(1); }

/// `higher` comes from operands of higher priority.
static Type combine(Type higher, Type lower) {
  if (!higher || !lower)
    return higher ? higher : lower;
  if (isa<FloatType>(higher))
    return higher;
  if (isBool(higher) || isa<FloatType>(lower))
    return promote(higher, lower);
  return higher;
}

Type normalize::resultType(ArrayRef<Item> operands, MLIRContext *context) {
  Type withDimensions, zeroDimensional, numbers;
  for (const Item &operand : operands) {
    if (operand.isTensor()) {
      Type &slot = operand.tensor->type.getRank() == 0 ? zeroDimensional
                                                       : withDimensions;
      slot = promote(slot, operand.tensor->type.getElementType());
    } else if (operand.isScalar()) {
      Type type = operand.scalar.type;
      if (operand.scalar.weak && operand.scalar.isFloat())
        type = Float32Type::get(context);
      Type &slot = operand.scalar.weak ? numbers : zeroDimensional;
      slot = promote(slot, type);
    }
  }
  Type type = combine(withDimensions, combine(zeroDimensional, numbers));
  return type ? type : Type(Float32Type::get(context));
}

int64_t normalize::integerAs(const Scalar &number, Type type) {
  return type.isInteger(1) ? number.asBool()
                           : wrapped(type, number.asInteger());
}

Type normalize::floatType(Type type) {
  return isa<FloatType>(type) ? type
                              : Type(Float32Type::get(type.getContext()));
}
