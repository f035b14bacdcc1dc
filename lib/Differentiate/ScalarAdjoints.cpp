//===- ScalarAdjoints.cpp - Derivatives of scalar ops ---------------------===//
//
// One rule per scalar op: contributions to the adjoints of its operands from
// the adjoint g of its result r.
//
//===----------------------------------------------------------------------===//

#include "colossal/Differentiate/Gradient.h"
#include "colossal/Normalize/ScalarBuilder.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/TypeSwitch.h"
#include <cmath>

using namespace mlir;
using namespace colossal;

namespace {

/// Adjoint contributions of one op, per operand; null: none.
using Adjoints = SmallVector<Value>;

class AdjointRules {
public:
  AdjointRules(OpBuilder &builder, Location loc) : s(builder, loc) {}

  /// `in` and `r`: copies of the op's operands and result; `g`: its adjoint.
  FailureOr<Adjoints> apply(Operation *op, ValueRange in, Value r, Value g);

private:
  Value number(Value like, double value) {
    return s.constant(like.getType(), value);
  }
  /// g times a derivative; a choice between factors of which one is 0 or 1 is a
  /// choice of gradients, as 0 times infinity is not 0.
  Value times(Value g, Value derivative);
  ScalarBuilder s;
};

} // namespace

static bool isExactly(Value value, double number) {
  FloatAttr attribute;
  return matchPattern(value, m_Constant(&attribute)) &&
         attribute.getValue().isExactlyValue(number);
}

Value AdjointRules::times(Value g, Value derivative) {
  if (isExactly(derivative, 0.0))
    return s.zero(g.getType());
  if (isExactly(derivative, 1.0))
    return g;
  auto choice = derivative.getDefiningOp<arith::SelectOp>();
  if (!choice)
    return s.mul(g, derivative);
  auto isTrivial = [](Value arm) {
    return isExactly(arm, 0.0) || isExactly(arm, 1.0) ||
           arm.getDefiningOp<arith::SelectOp>();
  };
  if (!isTrivial(choice.getTrueValue()) && !isTrivial(choice.getFalseValue()))
    return s.mul(g, derivative);
  return s.select(choice.getCondition(), times(g, choice.getTrueValue()),
                  times(g, choice.getFalseValue()));
}

FailureOr<Adjoints> AdjointRules::apply(Operation *op, ValueRange in, Value r,
                                        Value g) {
  using Result = FailureOr<Adjoints>;
  auto one = [](Value v) { return Result(Adjoints{v}); };
  return TypeSwitch<Operation *, Result>(op)
      .Case<arith::AddFOp>([&](auto) { return Result(Adjoints{g, g}); })
      .Case<arith::SubFOp>(
          [&](auto) { return Result(Adjoints{g, s.negate(g)}); })
      .Case<arith::MulFOp>([&](auto) {
        // Of a square, 2 g is often the same for a whole row.
        if (op->getOperand(0) == op->getOperand(1))
          return Result(Adjoints{s.mul(s.add(g, g), in[0]), Value()});
        return Result(Adjoints{s.mul(g, in[1]), s.mul(g, in[0])});
      })
      .Case<arith::DivFOp>([&](auto) {
        // Not g / b times r: infinity times 0 for a = 0 and the smallest b.
        return Result(
            Adjoints{s.div(g, in[1]), s.negate(s.mul(g, s.div(r, in[1])))});
      })
      .Case<arith::NegFOp>([&](auto) { return one(s.negate(g)); })
      // What may be dropped in forward may be in backward.
      .Case<arith::ExtFOp>([&](arith::ExtFOp widened) {
        return one(s.create<arith::TruncFOp>(in[0].getType(), g,
                                             arith::RoundingModeAttr(),
                                             widened.getFastmathAttr()));
      })
      .Case<arith::TruncFOp>([&](arith::TruncFOp rounded) {
        return one(s.create<arith::ExtFOp>(in[0].getType(), g,
                                           rounded.getFastmathAttr()));
      })
      .Case<arith::SelectOp>([&](auto) {
        Value zero = s.zero(g.getType());
        return Result(Adjoints{Value(), s.select(in[0], g, zero),
                               s.select(in[0], zero, g)});
      })
      .Case<WhereOp>([&](WhereOp where) {
        Adjoints parts(in.size(), Value());
        parts[0] = s.where(g,
                           llvm::map_to_vector(where.getEquations(),
                                               llvm::CastTo<EquationAttr>),
                           in.drop_front());
        return Result(parts);
      })
      .Case<WithDerivativeOp>([&](WithDerivativeOp own) {
        Adjoints parts(in.size(), Value());
        unsigned count = own.getVariables().size();
        for (unsigned i = 0; i < count; ++i)
          if (Value derivative = in[1 + count + i]; !isExactly(derivative, 0.0))
            parts[1 + i] = times(g, derivative);
        return Result(parts);
      })
      // As PyTorch's maximum: equal arguments share the gradient, and each has
      // all of it beside a NaN.
      .Case<arith::MaximumFOp, arith::MinimumFOp>([&](Operation *o) {
        bool max = isa<arith::MaximumFOp>(o);
        Value zero = s.zero(g.getType());
        Value half = s.mul(g, number(g, 0.5));
        Value tie = s.compare(Relation::Equal, in[0], in[1]);
        Value some = s.select(tie, half, g);
        Value less = s.compare(Relation::Less, in[0], in[1]);
        Value greater = s.compare(Relation::Greater, in[0], in[1]);
        return Result(Adjoints{s.select(max ? less : greater, zero, some),
                               s.select(max ? greater : less, zero, some)});
      })
      .Case<math::ExpOp>([&](auto) { return one(s.mul(g, r)); })
      .Case<math::ExpM1Op>(
          [&](auto) { return one(s.mul(g, s.add(r, number(g, 1.0)))); })
      .Case<math::LogOp>([&](auto) { return one(s.div(g, in[0])); })
      .Case<math::Log2Op>([&](auto) {
        return one(s.div(g, s.mul(in[0], number(g, std::log(2.0)))));
      })
      .Case<math::Log1pOp>(
          [&](auto) { return one(s.div(g, s.add(in[0], number(g, 1.0)))); })
      .Case<math::TanhOp>([&](auto) {
        return one(s.mul(g, s.sub(number(g, 1.0), s.mul(r, r))));
      })
      .Case<math::SqrtOp>(
          [&](auto) { return one(s.div(s.mul(g, number(g, 0.5)), r)); })
      .Case<math::RsqrtOp>([&](auto) {
        return one(s.mul(s.mul(g, number(g, -0.5)), s.mul(r, s.mul(r, r))));
      })
      .Case<math::SinOp>(
          [&](auto) { return one(s.mul(g, s.create<math::CosOp>(in[0]))); })
      .Case<math::CosOp>([&](auto) {
        return one(s.negate(s.mul(g, s.create<math::SinOp>(in[0]))));
      })
      // d/dx erf(x) = 2 / sqrt(pi) exp(-x^2)
      .Case<math::ErfOp>([&](auto) {
        Value e = s.create<math::ExpOp>(s.negate(s.mul(in[0], in[0])));
        return one(s.mul(g, s.mul(number(g, 2.0 / std::sqrt(M_PI)), e)));
      })
      .Case<math::AbsFOp>([&](auto) {
        Value zero = s.zero(g.getType());
        Value negative =
            s.select(s.compare(Relation::Less, in[0], zero), s.negate(g), zero);
        return one(
            s.select(s.compare(Relation::Greater, in[0], zero), g, negative));
      })
      // x^n: n x^(n-1), or 0 for n = 0; by n: x^n log x, or 0 for 0^n with
      // n >= 0, where somebody asks for it.
      .Case<math::PowFOp>([&](auto) {
        Value zero = s.zero(g.getType());
        Value less =
            s.create<math::PowFOp>(in[0], s.sub(in[1], number(g, 1.0)));
        Value isConstant = s.compare(Relation::Equal, in[1], zero);
        Value flat =
            s.logicalAnd(s.compare(Relation::Equal, in[0], zero),
                         s.compare(Relation::GreaterEqual, in[1], zero));
        Value log = s.create<math::LogOp>(in[0]);
        return Result(
            Adjoints{s.select(isConstant, zero, s.mul(g, s.mul(in[1], less))),
                     s.select(flat, zero, s.mul(g, s.mul(r, log)))});
      })
      .Case<math::FloorOp, math::CeilOp, math::RoundEvenOp, math::TruncOp,
            arith::CmpFOp, arith::CmpIOp, arith::FPToSIOp, arith::SIToFPOp,
            arith::UIToFPOp>([&](Operation *o) {
        return Result(Adjoints(o->getNumOperands(), Value()));
      })
      .Default([&](Operation *o) -> Result {
        return o->emitError("no derivative for '")
               << o->getName() << "'; add a rule to ScalarAdjoints.cpp";
      });
}

void colossal::dropGivenDerivatives(Operation *root) {
  root->walk([](WithDerivativeOp op) {
    op.replaceAllUsesWith(op.getValue());
    op.erase();
  });
}

/// The scalars that are functions of the argument by floats.
static llvm::SmallDenseSet<Value> dependents(Block &body, unsigned argument) {
  llvm::SmallDenseSet<Value> active = {body.getArgument(argument)};
  for (Operation &op : body.without_terminator())
    if (llvm::any_of(op.getOperands(),
                     [&](Value v) { return active.contains(v); }))
      for (Value result : op.getResults())
        if (isa<FloatType>(result.getType()))
          active.insert(result);
  return active;
}

bool colossal::reachesResult(Block &body, unsigned argument,
                             ArrayRef<bool> wanted) {
  llvm::SmallDenseSet<Value> active = dependents(body, argument);
  return llvm::any_of(
      llvm::zip_equal(body.getTerminator()->getOperands(), wanted),
      [&](auto pair) {
        return std::get<1>(pair) && active.contains(std::get<0>(pair));
      });
}

FailureOr<Value> colossal::differentiateBody(OpBuilder &builder, Block &body,
                                             const IRMapping &mapping,
                                             ArrayRef<Value> yieldAdjoints,
                                             unsigned argument) {
  llvm::SmallDenseSet<Value> active = dependents(body, argument);
  DenseMap<Value, Value> adjoints;
  auto contribute = [&](Value to, Value adjoint, Location loc) {
    Value &sum = adjoints[to];
    sum = sum ? arith::AddFOp::create(builder, loc, sum, adjoint).getResult()
              : adjoint;
  };
  for (auto [value, adjoint] :
       llvm::zip(body.getTerminator()->getOperands(), yieldAdjoints))
    if (adjoint && active.contains(value))
      contribute(value, adjoint, value.getLoc());
  for (Operation &op : llvm::reverse(body.without_terminator())) {
    if (op.getNumResults() != 1 || !adjoints.contains(op.getResult(0)))
      continue;
    SmallVector<Value> in;
    for (Value operand : op.getOperands())
      in.push_back(mapping.lookupOrDefault(operand));
    AdjointRules rules(builder, op.getLoc());
    FailureOr<Adjoints> parts =
        rules.apply(&op, in, mapping.lookupOrDefault(op.getResult(0)),
                    adjoints[op.getResult(0)]);
    if (failed(parts))
      return failure();
    for (auto [operand, part] : llvm::zip(op.getOperands(), *parts))
      if (part && active.contains(operand))
        contribute(operand, part, op.getLoc());
  }
  return adjoints.lookup(body.getArgument(argument));
}
