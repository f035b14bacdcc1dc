//===- ScalarBuilder.cpp - Scalar arithmetic in bodies --------------------===//

#include "colossal/Normalize/ScalarBuilder.h"
#include "Colossal/IR/UnsignedByte.h"

using namespace mlir;
using namespace colossal;

static bool isBool(Type type) { return type.isInteger(1); }

Value ScalarBuilder::constant(Type type, double value) {
  auto real = dyn_cast<FloatType>(type);
  if (!real)
    return integer(type, isBool(type) ? value != 0 : int64_t(value));
  bool losesInfo = false;
  APFloat rounded(value);
  rounded.convert(real.getFloatSemantics(), APFloat::rmNearestTiesToEven,
                  &losesInfo);
  if (!losesInfo || rounded.isNaN())
    return create<arith::ConstantOp>(builder.getFloatAttr(type, rounded));
  return create<arith::TruncFOp>(
      type, create<arith::ConstantOp>(builder.getF64FloatAttr(value)));
}

Value ScalarBuilder::integer(Type type, int64_t value) {
  if (isa<FloatType>(type))
    return constant(type, double(value));
  if (isBool(type))
    return create<arith::ConstantOp>(builder.getBoolAttr(value != 0));
  return constant(builder.getIntegerAttr(type, wrapped(type, value)));
}

Value ScalarBuilder::constant(TypedAttr value) {
  return createConstant(builder, loc, value);
}

Value ScalarBuilder::toNumber(Value value) {
  return isUnsignedByte(value.getType()) ? create<WidenOp>(value) : value;
}

Value ScalarBuilder::infinity(Type type, bool negative) {
  auto real = llvm::cast<FloatType>(type);
  return create<arith::ConstantOp>(builder.getFloatAttr(
      real, APFloat::getInf(real.getFloatSemantics(), negative)));
}

Value ScalarBuilder::index(StringRef factor) {
  return create<IndexOp>(builder.getI64Type(), builder.getStringAttr(factor));
}

Value ScalarBuilder::add(Value a, Value b) {
  if (isa<FloatType>(a.getType()))
    return create<arith::AddFOp>(a, b);
  if (isBool(a.getType()))
    return create<arith::OrIOp>(a, b);
  return createInteger<arith::AddIOp>(a, b);
}

Value ScalarBuilder::sub(Value a, Value b) {
  if (isa<FloatType>(a.getType()))
    return create<arith::SubFOp>(a, b);
  return createInteger<arith::SubIOp>(a, b);
}

Value ScalarBuilder::mul(Value a, Value b) {
  if (isa<FloatType>(a.getType()))
    return create<arith::MulFOp>(a, b);
  if (isBool(a.getType()))
    return create<arith::AndIOp>(a, b);
  return createInteger<arith::MulIOp>(a, b);
}

Value ScalarBuilder::div(Value a, Value b) {
  return create<arith::DivFOp>(a, b);
}

Value ScalarBuilder::maximum(Value a, Value b) {
  if (isa<FloatType>(a.getType()))
    return create<arith::MaximumFOp>(a, b);
  if (isBool(a.getType()))
    return create<arith::OrIOp>(a, b);
  return createInteger<arith::MaxSIOp>(a, b);
}

Value ScalarBuilder::minimum(Value a, Value b) {
  if (isa<FloatType>(a.getType()))
    return create<arith::MinimumFOp>(a, b);
  if (isBool(a.getType()))
    return create<arith::AndIOp>(a, b);
  return createInteger<arith::MinSIOp>(a, b);
}

Value ScalarBuilder::negate(Value a) {
  if (isa<FloatType>(a.getType()))
    return create<arith::NegFOp>(a);
  return sub(integer(a.getType(), 0), a);
}

Value ScalarBuilder::compare(Relation relation, Value a, Value b) {
  bool unsignedOrder = isBool(a.getType());
  if (isa<FloatType>(a.getType())) {
    auto predicate = [&] {
      switch (relation) {
      case Relation::Equal:
        return arith::CmpFPredicate::OEQ;
      case Relation::NotEqual:
        return arith::CmpFPredicate::UNE;
      case Relation::Less:
        return arith::CmpFPredicate::OLT;
      case Relation::LessEqual:
        return arith::CmpFPredicate::OLE;
      case Relation::Greater:
        return arith::CmpFPredicate::OGT;
      case Relation::GreaterEqual:
        return arith::CmpFPredicate::OGE;
      }
      llvm_unreachable("all relations are listed");
    }();
    return create<arith::CmpFOp>(predicate, a, b);
  }
  auto predicate = [&] {
    using P = arith::CmpIPredicate;
    switch (relation) {
    case Relation::Equal:
      return P::eq;
    case Relation::NotEqual:
      return P::ne;
    case Relation::Less:
      return unsignedOrder ? P::ult : P::slt;
    case Relation::LessEqual:
      return unsignedOrder ? P::ule : P::sle;
    case Relation::Greater:
      return unsignedOrder ? P::ugt : P::sgt;
    case Relation::GreaterEqual:
      return unsignedOrder ? P::uge : P::sge;
    }
    llvm_unreachable("all relations are listed");
  }();
  return create<arith::CmpIOp>(predicate, toNumber(a), toNumber(b));
}

Value ScalarBuilder::select(Value condition, Value a, Value b) {
  return create<arith::SelectOp>(condition, a, b);
}

Value ScalarBuilder::where(Value value, ArrayRef<EquationAttr> equations,
                           ValueRange ids) {
  return create<WhereOp>(value, equations, ids);
}

Value ScalarBuilder::withDerivative(Value value, ValueRange variables,
                                    ValueRange derivatives) {
  return create<WithDerivativeOp>(value, variables, derivatives);
}

Value ScalarBuilder::logicalAnd(Value a, Value b) {
  return create<arith::AndIOp>(a, b);
}

Value ScalarBuilder::logicalOr(Value a, Value b) {
  return create<arith::OrIOp>(a, b);
}

Value ScalarBuilder::logicalNot(Value a) {
  return create<arith::XOrIOp>(a, integer(a.getType(), 1));
}

Value ScalarBuilder::cast(Value value, Type type) {
  Type from = value.getType();
  if (from == type)
    return value;
  if (isBool(type))
    return compare(Relation::NotEqual, value, zero(from));
  if (isUnsignedByte(from))
    return cast(toNumber(value), type);
  if (isUnsignedByte(type)) {
    // A float by way of i64, as in PyTorch: what is in its low bits counts.
    Type i64 = builder.getI64Type();
    Value number = isa<FloatType>(from) ? cast(value, i64) : value;
    return create<WrapOp>(cast(number, builder.getI32Type()));
  }
  if (auto real = dyn_cast<FloatType>(type)) {
    if (isBool(from))
      return create<arith::UIToFPOp>(type, value);
    if (isa<IntegerType>(from))
      return create<arith::SIToFPOp>(type, value);
    if (llvm::cast<FloatType>(from).getWidth() < real.getWidth())
      return create<arith::ExtFOp>(type, value);
    if (llvm::cast<FloatType>(from).getWidth() > real.getWidth())
      return create<arith::TruncFOp>(type, value);
    // f16 and bf16 meet in f32.
    return cast(cast(value, builder.getF32Type()), type);
  }
  if (isa<FloatType>(from)) {
    // Beyond the range `fptosi` has no value, where a narrow type wraps around.
    if (type.getIntOrFloatBitWidth() < 32)
      return cast(cast(value, builder.getI32Type()), type);
    return create<arith::FPToSIOp>(type, value);
  }
  if (isBool(from))
    return create<arith::ExtUIOp>(type, value);
  if (from.getIntOrFloatBitWidth() < type.getIntOrFloatBitWidth())
    return create<arith::ExtSIOp>(type, value);
  return create<arith::TruncIOp>(type, value);
}
