//===- ScalarOp.cpp - One scalar op of a body -----------------------------===//

#include "ScalarOp.h"
#include "FastMath.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::lower;

/// Small integer powers are products.
static Value emitPower(OpBuilder &builder, Location loc, Value x, Value y) {
  FloatAttr exponent;
  if (auto constant = y.getDefiningOp<arith::ConstantOp>())
    exponent = dyn_cast<FloatAttr>(constant.getValue());
  if (!exponent)
    return {};
  double value = exponent.getValueAsDouble();
  if (value == 0.5)
    return math::SqrtOp::create(builder, loc, x);
  if (value != 1 && value != 2 && value != 3 && value != 4)
    return {};
  Value square = value >= 2 ? arith::MulFOp::create(builder, loc, x, x) : x;
  if (value == 3)
    return arith::MulFOp::create(builder, loc, square, x);
  if (value == 4)
    return arith::MulFOp::create(builder, loc, square, square);
  return square;
}

FailureOr<Value> colossal::lower::emitScalarOp(KernelFrame &frame,
                                               Operation *op,
                                               ValueRange operands) {
  OpBuilder &builder = frame.builder;
  Location loc = frame.loc;
  if (op->getNumRegions() || op->getNumResults() != 1 ||
      !isa<arith::ArithDialect, math::MathDialect>(op->getDialect()))
    return op->emitError("'")
           << op->getName() << "' has no lowering in a kernel body";
  if (auto constant = dyn_cast<arith::ConstantOp>(op))
    return frame.constant(constant.getValue());
  if (op->getResultTypes()[0].isF32()) {
    if (isa<math::ExpOp>(op))
      return emitExp(builder, loc, operands[0]);
    if (isa<math::LogOp>(op))
      return emitLog(builder, loc, operands[0]);
    if (isa<math::TanhOp>(op))
      return emitTanh(builder, loc, operands[0]);
    if (isa<math::ErfOp>(op))
      return emitErf(builder, loc, operands[0]);
  }
  if (isa<math::PowFOp>(op))
    if (Value product = emitPower(builder, loc, operands[0], operands[1]))
      return product;
  IRMapping mapping;
  for (auto [from, to] : llvm::zip(op->getOperands(), operands))
    mapping.map(from, to);
  Operation *clone = builder.clone(*op, mapping);
  clone->setLoc(loc);
  // Not `reassoc`: bodies may rely on the order (x - mean); not nnan or ninf:
  // masked scores are infinite.
  auto flags = arith::FastMathFlagsAttr::get(
      op->getContext(), arith::FastMathFlags::nsz |
                            arith::FastMathFlags::contract |
                            arith::FastMathFlags::arcp);
  if (auto fast = dyn_cast<arith::ArithFastMathInterface>(clone))
    if (!isa<arith::CmpFOp, arith::MaximumFOp, arith::MinimumFOp>(clone))
      clone->setAttr(fast.getFastMathAttrName(), flags);
  return clone->getResult(0);
}
