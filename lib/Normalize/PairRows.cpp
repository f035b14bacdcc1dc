//===- PairRows.cpp - Further functions of two operands -------------------===//

#include "Colossal/IR/UnsignedByte.h"
#include "Rows.h"
#include "Unary.h"

#include <cmath>

using namespace mlir;
using namespace colossal;
using namespace colossal::normalize;

/// In the type that both promote to, or in floats.
template <typename Body>
static void ofTwo(Call &c, Body body, bool toFloat = false) {
  ElementwiseOptions options;
  options.compute = promoted(c, {c.item(0), c.item(1)});
  if (toFloat)
    options.compute = floatType(options.compute);
  c.result(elementwise(c, {c.item(0), c.item(1)}, options,
                       [&](ScalarBuilder &s, ValueRange in) -> Value {
                         return body(s, in[0], in[1]);
                       }));
}

/// The remainder with a's sign; the derivative by b is -trunc(a / b).
static void floatModulo(Call &c) {
  ofTwo(c, [](ScalarBuilder &s, Value a, Value b) -> Value {
    if (!isa<FloatType>(a.getType()))
      return s.divideIntegers<arith::RemSIOp>(a, b);
    Value whole = s.create<math::TruncOp>(s.div(a, b));
    return s.withDerivative(s.create<arith::RemFOp>(a, b), {a, b},
                            {s.one(a.getType()), s.negate(whole)});
  });
}

/// a log b, 0 where a is 0 and b is a number; the derivative by a is log b, 0
/// where a is 0 and b is not positive.
static void timesLogarithm(Call &c) {
  ofTwo(
      c,
      [](ScalarBuilder &s, Value a, Value b) {
        Value zero = s.zero(a.getType()), log = s.create<math::LogOp>(b);
        Value isZero = s.compare(Relation::Equal, a, zero);
        Value isNan = s.compare(Relation::NotEqual, b, b);
        Value product = s.select(isZero, zero, s.mul(a, log));
        Value isFlat =
            s.logicalAnd(isZero, s.compare(Relation::LessEqual, b, zero));
        return s.withDerivative(s.select(isNan, b, product), {a, b},
                                {s.select(isFlat, zero, log), s.div(a, b)});
      },
      /*toFloat=*/true);
}

/// log2(2^a + 2^b).
static void logAddExp2(Call &c) {
  ofTwo(
      c,
      [](ScalarBuilder &s, Value a, Value b) {
        Type type = a.getType();
        Value one = s.one(type), log2 = s.constant(type, std::log(2.0));
        auto power = [&](Value x) { return s.create<math::Exp2Op>(x); };
        Value size = s.create<math::AbsFOp>(s.sub(a, b));
        Value log = s.create<math::Log1pOp>(power(s.negate(size)));
        Value sum = s.add(s.maximum(a, b), s.div(log, log2));
        // Two infinities of one sign have no difference.
        Value isInfinite =
            s.logicalAnd(s.compare(Relation::Equal, a, b),
                         s.compare(Relation::Equal, s.create<math::AbsFOp>(a),
                                   s.infinity(type, /*negative=*/false)));
        auto share = [&](Value x, Value y) {
          return s.div(one, s.add(one, power(s.sub(y, x))));
        };
        return s.withDerivative(s.select(isInfinite, a, sum), {a, b},
                                {share(a, b), share(b, a)});
      },
      /*toFloat=*/true);
}

/// |a| with the sign of b; no derivative where a is 0.
static void copySign(Call &c) {
  ofTwo(
      c,
      [](ScalarBuilder &s, Value a, Value b) {
        Value y = s.create<math::CopySignOp>(a, b);
        Value zero = s.zero(a.getType());
        Value slope =
            s.select(s.compare(Relation::Equal, a, zero), zero, s.div(y, a));
        return s.withDerivative(y, a, slope);
      },
      /*toFloat=*/true);
}

/// 1 above 0, the second operand at 0, else 0: no derivative.
static void heaviside(Call &c) {
  ofTwo(c, [](ScalarBuilder &s, Value x, Value value) {
    Value zero = s.zero(x.getType()), one = s.one(x.getType());
    Value beside = s.select(s.compare(Relation::Greater, x, zero), one, zero);
    Value y = s.select(s.compare(Relation::Equal, x, zero), value, beside);
    return isa<FloatType>(x.getType()) ? s.withDerivative(y, {}, {}) : y;
  });
}

/// The greater (less) of two; of a number and NaN, the number. Of equal ones
/// the first has the derivative.
template <bool isMax> static void extremeNumber(Call &c) {
  ofTwo(c, [](ScalarBuilder &s, Value a, Value b) {
    Value isFirst =
        s.compare(isMax ? Relation::GreaterEqual : Relation::LessEqual, a, b);
    if (isa<FloatType>(a.getType()))
      isFirst = s.logicalOr(isFirst, s.compare(Relation::NotEqual, b, b));
    return s.select(isFirst, a, b);
  });
}

/// Integers by b bits. What is not below the width shifts everything out.
template <bool isLeft> static void shift(Call &c) {
  if (isa<FloatType>(promoted(c, {c.item(0), c.item(1)})))
    return c.error("shifts floats, expected integers");
  ofTwo(c, [](ScalarBuilder &s, Value a, Value b) -> Value {
    Type type = a.getType();
    unsigned width = type.getIntOrFloatBitWidth();
    Value isInside =
        s.logicalAnd(s.compare(Relation::GreaterEqual, b, s.integer(type, 0)),
                     s.compare(Relation::Less, b, s.integer(type, width)));
    if (isLeft) {
      Value by = s.select(isInside, b, s.integer(type, 0));
      return s.select(isInside, s.createInteger<arith::ShLIOp>(a, by),
                      s.integer(type, 0));
    }
    int64_t most = isUnsignedByte(type) ? width : width - 1;
    Value by = s.select(isInside, b, s.integer(type, most));
    return s.createInteger<arith::ShRSIOp>(a, by);
  });
}

/// x 2^n.
static void timesPowerOfTwo(Call &c) {
  Item power = c.call("aten::pow.Scalar", {c.number(2.0), c.item(1)});
  c.result(c.call("aten::mul.Tensor", {c.item(0), power}));
}

/// float_power(x, exponent): in f64.
static void powerOfDoubles(Call &c) {
  Type f64 = c.builder().getF64Type();
  auto exact = [&](const Item &item) {
    return item.isTensor() ? castTo(c, item, f64, "cast") : item;
  };
  c.result(castTo(c,
                  c.call(c.item(1).isTensor() ? "aten::pow.Tensor_Tensor"
                                              : "aten::pow.Tensor_Scalar",
                         {exact(c.item(0)), exact(c.item(1))}),
                  f64, "result"));
}

/// isclose(a, b, rtol, atol, equal_nan): |a - b| <= atol + rtol |b|.
static void isClose(Call &c) {
  double relative = c.real(2), absolute = c.real(3);
  bool nansAreEqual = c.flag(4);
  ElementwiseOptions options;
  options.compute = floatType(promoted(c, {c.item(0), c.item(1)}));
  options.result = c.builder().getI1Type();
  c.result(elementwise(
      c, {c.item(0), c.item(1)}, options, [&](ScalarBuilder &s, ValueRange in) {
        Value a = in[0], b = in[1];
        Type type = a.getType();
        Value bound =
            s.add(s.constant(type, absolute),
                  s.mul(s.constant(type, relative), s.create<math::AbsFOp>(b)));
        Value distance = s.create<math::AbsFOp>(s.sub(a, b));
        Value isFinite = s.compare(Relation::Less, distance,
                                   s.infinity(type, /*negative=*/false));
        Value isNear = s.logicalAnd(
            isFinite, s.compare(Relation::LessEqual, distance, bound));
        Value close = s.logicalOr(isNear, s.compare(Relation::Equal, a, b));
        if (!nansAreEqual)
          return close;
        return s.logicalOr(close,
                           s.logicalAnd(s.compare(Relation::NotEqual, a, a),
                                        s.compare(Relation::NotEqual, b, b)));
      }));
}

void normalize::addPairRows(Table &table) {
  table.add({"aten::fmod.Tensor", "aten::fmod.Scalar"}, floatModulo);
  table.add({"aten::xlogy.Tensor", "aten::xlogy.Scalar_Self",
             "aten::xlogy.Scalar_Other"},
            timesLogarithm);
  table.add("aten::logaddexp2", logAddExp2);
  table.add({"aten::copysign.Tensor", "aten::copysign.Scalar"}, copySign);
  table.add("aten::heaviside", heaviside);
  table.add("aten::fmax", extremeNumber<true>);
  table.add("aten::fmin", extremeNumber<false>);
  table.add({"aten::__lshift__.Tensor", "aten::__lshift__.Scalar",
             "aten::bitwise_left_shift.Tensor",
             "aten::bitwise_left_shift.Tensor_Scalar"},
            shift<true>);
  table.add({"aten::__rshift__.Tensor", "aten::__rshift__.Scalar",
             "aten::bitwise_right_shift.Tensor",
             "aten::bitwise_right_shift.Tensor_Scalar"},
            shift<false>);
  table.add("aten::ldexp.Tensor", timesPowerOfTwo);
  table.add(
      {"aten::float_power.Tensor_Scalar", "aten::float_power.Tensor_Tensor"},
      powerOfDoubles);
  table.add("aten::isclose", isClose);
}
