//===- ScalarOp.cpp - One scalar op of a body -----------------------------===//

#include "colossal/Lower/ScalarOp.h"
#include "FastMath.h"
#include "RandomNumber.h"

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

Value colossal::lower::emitFused(OpBuilder &builder, Location loc, Term x,
                                 Term y, bool subtract) {
  // A product that an outer loop has computed already is only added here.
  auto productHere = [&](Term term) {
    auto product = term.value.getDefiningOp<arith::MulFOp>();
    return term.isOwn && product &&
                   product->getBlock() == builder.getInsertionBlock()
               ? product
               : arith::MulFOp();
  };
  if (arith::MulFOp product = productHere(x)) {
    if (subtract)
      y.value = arith::NegFOp::create(builder, loc, y.value);
    return math::FmaOp::create(builder, loc, product.getLhs(), product.getRhs(),
                               y.value);
  }
  arith::MulFOp product = productHere(y);
  if (!product)
    return {};
  Value factor = product.getLhs();
  if (subtract)
    factor = arith::NegFOp::create(builder, loc, factor);
  return math::FmaOp::create(builder, loc, factor, product.getRhs(), x.value);
}

/// Whether a value of a body is no argument of it.
static bool isComputed(Value value) { return bool(value.getDefiningOp()); }

FailureOr<Value> colossal::lower::emitScalarOp(KernelFrame &frame,
                                               Operation *op,
                                               ValueRange operands) {
  OpBuilder &builder = frame.builder;
  Location loc = frame.loc;
  if (auto random = dyn_cast<RandomOp>(op)) {
    double points = 1;
    for (FactorAttr factor :
         cast<FactoredOp>(op->getParentOp()).getFactorList())
      points *= double(factor.getExtent());
    return emitRandom(frame, random, operands, points > 0x1p32);
  }
  // Unsigned bytes are held as the numbers that they are.
  if (isa<WidenOp>(op))
    return operands[0];
  if (isa<WrapOp>(op))
    return frame.roundTo(op->getResult(0).getType(), operands[0]);
  if (op->getNumRegions() || op->getNumResults() != 1 ||
      !isa<arith::ArithDialect, math::MathDialect>(op->getDialect()))
    return op->emitError("'")
           << op->getName() << "' has no lowering in a kernel body";
  if (auto constant = dyn_cast<arith::ConstantOp>(op))
    return frame.constant(constant.getValue());
  // Numbers of 16 bits are held as f32: arithmetic on them keeps its digits,
  // and what is yielded is rounded where it is stored.
  Type held = heldType(op->getResultTypes()[0]);
  if (isa<arith::ExtFOp>(op) && operands[0].getType() == held)
    return operands[0];
  if (isa<arith::TruncFOp>(op) && held != op->getResultTypes()[0]) {
    Value value = operands[0];
    if (value.getType() != held)
      value = arith::TruncFOp::create(builder, loc, held, value);
    bool isYielded = llvm::all_of(op->getUsers(), llvm::IsaPred<YieldOp>);
    return isYielded ? value : frame.roundTo(op->getResultTypes()[0], value);
  }
  if (held.isF32()) {
    if (isa<math::ExpOp>(op))
      return emitExp(builder, loc, operands[0]);
    if (isa<math::LogOp>(op))
      return emitLog(builder, loc, operands[0]);
    if (isa<math::ExpM1Op>(op))
      return emitExpM1(builder, loc, operands[0]);
    if (isa<math::Log1pOp>(op))
      return emitLog1p(builder, loc, operands[0]);
    if (isa<math::TanhOp>(op))
      return emitTanh(builder, loc, operands[0]);
    if (isa<math::ErfOp>(op))
      return emitErf(builder, loc, operands[0]);
  }
  if (isa<math::PowFOp>(op))
    if (Value product = emitPower(builder, loc, operands[0], operands[1]))
      return product;
  if (isa<arith::AddFOp, arith::SubFOp>(op))
    if (Value fused = emitFused(builder, loc,
                                {operands[0], isComputed(op->getOperand(0))},
                                {operands[1], isComputed(op->getOperand(1))},
                                isa<arith::SubFOp>(op)))
      return fused;
  IRMapping mapping;
  for (auto [from, to] : llvm::zip(op->getOperands(), operands))
    mapping.map(from, to);
  Operation *clone = builder.clone(*op, mapping);
  clone->setLoc(loc);
  clone->getResult(0).setType(held);
  // No flags but one: a product may be contracted with a sum that allows it,
  // and only sums along a row do (KernelEmitter::combine).
  if (auto fast = dyn_cast<arith::ArithFastMathInterface>(clone)) {
    auto flags = isa<arith::MulFOp>(clone) ? arith::FastMathFlags::contract
                                           : arith::FastMathFlags::none;
    clone->setAttr(fast.getFastMathAttrName(),
                   arith::FastMathFlagsAttr::get(op->getContext(), flags));
  }
  return clone->getResult(0);
}
