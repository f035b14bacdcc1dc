//===- UnaryRows.cpp - Functions of one operand ---------------------------===//

#include "Colossal/IR/UnsignedByte.h"
#include "Rows.h"
#include "Unary.h"

#include <cmath>

using namespace mlir;
using namespace colossal;
using namespace colossal::normalize;

template <typename OpTy> static void unaryMath(Call &c) {
  unaryFloat(c, [](ScalarBuilder &s, Value x) { return s.create<OpTy>(x); });
}

static void negate(Call &c) {
  unary(c, [](ScalarBuilder &s, Value x) { return s.negate(x); });
}

static void reciprocal(Call &c) {
  unaryFloat(c, [](ScalarBuilder &s, Value x) {
    return s.div(s.one(x.getType()), x);
  });
}

static void absolute(Call &c) {
  unary(c, [](ScalarBuilder &s, Value x) -> Value {
    if (x.getType().isInteger(1) || isUnsignedByte(x.getType()))
      return x;
    if (isa<FloatType>(x.getType()))
      return s.create<math::AbsFOp>(x);
    return s.create<math::AbsIOp>(x);
  });
}

/// Rounding ops leave integers alone.
template <typename OpTy> static void rounding(Call &c) {
  unary(c, [](ScalarBuilder &s, Value x) -> Value {
    return isa<FloatType>(x.getType()) ? s.create<OpTy>(x) : x;
  });
}

/// round(x, decimals): to so many digits behind the point, or in front of it.
static void roundToDecimals(Call &c) {
  int64_t decimals = c.integer(1);
  unary(c, [&](ScalarBuilder &s, Value x) -> Value {
    if (!isa<FloatType>(x.getType()))
      return x;
    auto round = [&](Value y) { return s.create<math::RoundEvenOp>(y); };
    if (decimals == 0)
      return round(x);
    Value ten = s.constant(x.getType(), std::pow(10.0, std::abs(decimals)));
    Value y = decimals > 0 ? s.div(round(s.mul(x, ten)), ten)
                           : s.mul(round(s.div(x, ten)), ten);
    return s.withDerivative(y, x, s.zero(x.getType()));
  });
}

static void square(Call &c) {
  unary(c, [](ScalarBuilder &s, Value x) { return s.mul(x, x); });
}

static void sign(Call &c) {
  unary(c, [](ScalarBuilder &s, Value x) {
    Type type = x.getType();
    Value zero = s.zero(type);
    Value below = s.select(s.compare(Relation::Less, x, zero),
                           s.constant(type, -1), zero);
    Value value =
        s.select(s.compare(Relation::Greater, x, zero), s.one(type), below);
    // A derivative of 0 is one: the parameter behind it is decayed.
    return isa<FloatType>(type) ? s.withDerivative(value, {x}, {zero}) : value;
  });
}

static void logicalNot(Call &c) {
  ElementwiseOptions options;
  options.compute = c.builder().getI1Type();
  c.result(
      elementwise(c, {c.item(0)}, options, [](ScalarBuilder &s, ValueRange in) {
        return s.logicalNot(in[0]);
      }));
}

static void bitwiseNot(Call &c) {
  unary(c, [](ScalarBuilder &s, Value x) {
    int64_t ones = x.getType().isInteger(1) ? 1 : -1;
    return s.createInteger<arith::XOrIOp>(x, s.integer(x.getType(), ones));
  });
}

static void isNan(Call &c) {
  ElementwiseOptions options;
  options.compute = floatType(c.type(0).getElementType());
  options.result = c.builder().getI1Type();
  c.result(
      elementwise(c, {c.item(0)}, options, [](ScalarBuilder &s, ValueRange in) {
        return s.compare(Relation::NotEqual, in[0], in[0]);
      }));
}

/// Numbers or tensors, either may be none. NaN stays NaN. Within the bounds and
/// on them the derivative belongs to the operand, outside to the bound.
static void clampBetween(Call &c, const Item &low, const Item &high) {
  std::vector<Item> operands = {c.item(0)};
  bool lower = !low.isNone(), upper = !high.isNone();
  if (lower)
    operands.push_back(low);
  if (upper)
    operands.push_back(high);
  ElementwiseOptions options;
  options.compute = promoted(c, operands);
  bool isFloat = isa<FloatType>(options.compute);
  c.result(
      elementwise(c, operands, options, [&](ScalarBuilder &s, ValueRange in) {
        Value x = in[0], y = x, inside;
        Value l = lower ? in[1] : Value(), u = upper ? in.back() : Value();
        SmallVector<Value> derivatives;
        // Not a maximum for a number: clamping -0 to 0 leaves -0 in PyTorch.
        auto bounded = [&](const Item &item, Relation relation, Value bound) {
          bool isNumber = item.isScalar() && !std::isnan(item.scalar.asReal());
          if (isNumber)
            return s.select(s.compare(relation, y, bound), bound, y);
          return relation == Relation::Less ? s.maximum(y, bound)
                                            : s.minimum(y, bound);
        };
        auto belongs = [&](Value condition) {
          derivatives.push_back(
              s.select(condition, s.one(x.getType()), s.zero(x.getType())));
        };
        if (lower) {
          y = bounded(low, Relation::Less, l);
          inside = s.compare(Relation::GreaterEqual, x, l);
        }
        if (upper) {
          y = bounded(high, Relation::Greater, u);
          Value under = s.compare(Relation::LessEqual, x, u);
          inside = inside ? s.logicalAnd(inside, under) : under;
        }
        if (!isFloat || !inside)
          return y;
        belongs(inside);
        if (lower) {
          Value below = s.compare(Relation::Less, x, l);
          // Bounds in the wrong order: the upper one wins.
          belongs(upper ? s.logicalAnd(below, s.compare(Relation::Less, l, u))
                        : below);
        }
        if (upper) {
          Value above = s.compare(Relation::Greater, x, u);
          belongs(lower ? s.logicalOr(above, s.compare(Relation::Less, u, l))
                        : above);
        }
        return s.withDerivative(y, in, derivatives);
      }));
}

static void clamp(Call &c) { clampBetween(c, c.item(1), c.item(2)); }
static void clampMin(Call &c) { clampBetween(c, c.item(1), Item()); }
static void clampMax(Call &c) { clampBetween(c, Item(), c.item(1)); }

void normalize::addUnaryRows(Table &table) {
  table.add("aten::neg", negate);
  table.add("aten::reciprocal", reciprocal);
  table.add("aten::abs", absolute);
  table.add("aten::exp", unaryMath<math::ExpOp>);
  table.add("aten::expm1", unaryMath<math::ExpM1Op>);
  table.add("aten::log", unaryMath<math::LogOp>);
  table.add("aten::log1p", unaryMath<math::Log1pOp>);
  table.add("aten::log2", unaryMath<math::Log2Op>);
  table.add("aten::sqrt", unaryMath<math::SqrtOp>);
  table.add("aten::rsqrt", unaryMath<math::RsqrtOp>);
  table.add("aten::tanh", unaryMath<math::TanhOp>);
  table.add("aten::erf", unaryMath<math::ErfOp>);
  table.add("aten::sin", unaryMath<math::SinOp>);
  table.add("aten::cos", unaryMath<math::CosOp>);
  table.add("aten::floor", rounding<math::FloorOp>);
  table.add("aten::ceil", rounding<math::CeilOp>);
  table.add("aten::round", rounding<math::RoundEvenOp>);
  table.add("aten::round.decimals", roundToDecimals);
  table.add("aten::trunc", rounding<math::TruncOp>);
  table.add("aten::logical_not", logicalNot);
  table.add("aten::bitwise_not", bitwiseNot);
  table.add("aten::isnan", isNan);
  table.add({"aten::clamp", "aten::clamp.Tensor", "aten::clip"}, clamp);
  table.add({"aten::clamp_min", "aten::clamp_min.Tensor"}, clampMin);
  table.add({"aten::clamp_max", "aten::clamp_max.Tensor"}, clampMax);
  table.add("aten::square", square);
  table.add({"aten::sign", "aten::sgn"}, sign);
}
