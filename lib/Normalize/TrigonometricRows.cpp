//===- TrigonometricRows.cpp - Angles, hyperbolic functions, inverses -----===//
//
// Derivatives are PyTorch's formulas, which say what is at the ends of a
// domain.
//
//===----------------------------------------------------------------------===//

#include "Rows.h"
#include "Unary.h"

#include <cmath>

using namespace mlir;
using namespace colossal;
using namespace colossal::normalize;

static Value numberLike(ScalarBuilder &s, Value x, double number) {
  return s.constant(x.getType(), number);
}

/// 1 + x^2, 1 - x^2 (`sign` is -1).
static Value onePlusSquare(ScalarBuilder &s, Value x, int sign = 1) {
  Value square = s.mul(x, x), one = s.one(x.getType());
  return sign > 0 ? s.add(square, one) : s.sub(one, square);
}

static Value rootOf(ScalarBuilder &s, Value x) {
  return s.create<math::SqrtOp>(x);
}

//===----------------------------------------------------------------------===//
// One operand
//===----------------------------------------------------------------------===//

static void tangent(Call &c) {
  unaryFloat(c, [](ScalarBuilder &s, Value x) {
    Value y = s.create<math::TanOp>(x);
    return s.withDerivative(y, x, onePlusSquare(s, y));
  });
}

/// asin, acos: slopes of 1 and -1 over sqrt(1 - x^2).
template <typename OpTy, int sign> static void arc(Call &c) {
  unaryFloat(c, [](ScalarBuilder &s, Value x) {
    Value slope =
        s.div(numberLike(s, x, sign), rootOf(s, onePlusSquare(s, x, -1)));
    return s.withDerivative(s.create<OpTy>(x), x, slope);
  });
}

static void arcTangent(Call &c) {
  unaryFloat(c, [](ScalarBuilder &s, Value x) {
    return s.withDerivative(s.create<math::AtanOp>(x), x,
                            s.div(s.one(x.getType()), onePlusSquare(s, x)));
  });
}

/// sinh and cosh are each other's derivative.
template <typename OpTy, typename SlopeTy> static void hyperbolic(Call &c) {
  unaryFloat(c, [](ScalarBuilder &s, Value x) {
    return s.withDerivative(s.create<OpTy>(x), x, s.create<SlopeTy>(x));
  });
}

static void areaSinh(Call &c) {
  unaryFloat(c, [](ScalarBuilder &s, Value x) {
    Value slope = s.div(s.one(x.getType()), rootOf(s, onePlusSquare(s, x)));
    return s.withDerivative(s.create<math::AsinhOp>(x), x, slope);
  });
}

static void areaCosh(Call &c) {
  unaryFloat(c, [](ScalarBuilder &s, Value x) {
    Value one = s.one(x.getType());
    Value slope = s.div(one, rootOf(s, s.sub(s.mul(x, x), one)));
    return s.withDerivative(s.create<math::AcoshOp>(x), x, slope);
  });
}

static void areaTanh(Call &c) {
  unaryFloat(c, [](ScalarBuilder &s, Value x) {
    Value slope = s.div(s.one(x.getType()), onePlusSquare(s, x, -1));
    return s.withDerivative(s.create<math::AtanhOp>(x), x, slope);
  });
}

/// sin(pi x) / (pi x); 1 at 0, where its derivative is 0.
static void sinusCardinalis(Call &c) {
  unaryFloat(c, [](ScalarBuilder &s, Value x) {
    Value pi = numberLike(s, x, M_PI), zero = s.zero(x.getType());
    Value angle = s.mul(pi, x), isZero = s.compare(Relation::Equal, x, zero);
    Value sine = s.create<math::SinOp>(angle),
          cosine = s.create<math::CosOp>(angle);
    Value square = s.mul(angle, x);
    Value slope = s.div(s.sub(s.mul(angle, cosine), sine), square);
    Value isFlat = s.compare(Relation::Equal, square, zero);
    return s.withDerivative(
        s.select(isZero, s.one(x.getType()), s.div(sine, angle)), x,
        s.select(isFlat, zero, slope));
  });
}

template <bool toRadians> static void convertAngle(Call &c) {
  unaryFloat(c, [](ScalarBuilder &s, Value x) {
    return s.mul(x, numberLike(s, x, toRadians ? M_PI / 180 : 180 / M_PI));
  });
}

//===----------------------------------------------------------------------===//
// Two operands
//===----------------------------------------------------------------------===//

template <typename Body> static void ofTwo(Call &c, Body body) {
  ElementwiseOptions options;
  options.compute = floatType(promoted(c, {c.item(0), c.item(1)}));
  c.result(elementwise(
      c, {c.item(0), c.item(1)}, options,
      [&](ScalarBuilder &s, ValueRange in) { return body(s, in[0], in[1]); }));
}

/// The angle of the point (x, y). Where the squares vanish there is no
/// derivative.
static void angleOfPoint(Call &c) {
  ofTwo(c, [](ScalarBuilder &s, Value y, Value x) {
    Type type = x.getType();
    Value squares = s.add(s.mul(y, y), s.mul(x, x)), zero = s.zero(type);
    Value scale = s.select(s.compare(Relation::Equal, squares, zero), zero,
                           s.div(s.one(type), squares));
    return s.withDerivative(s.create<math::Atan2Op>(y, x), {y, x},
                            {s.mul(x, scale), s.mul(s.negate(y), scale)});
  });
}

/// sqrt(a^2 + b^2), of the ratio of both: no square overflows.
static void hypotenuse(Call &c) {
  ofTwo(c, [](ScalarBuilder &s, Value a, Value b) {
    Type type = a.getType();
    Value x = s.create<math::AbsFOp>(a), y = s.create<math::AbsFOp>(b);
    Value large = s.maximum(x, y), small = s.minimum(x, y);
    Value isZero = s.compare(Relation::Equal, large, s.zero(type));
    Value ratio = s.div(small, s.select(isZero, s.one(type), large));
    Value h = s.mul(large, rootOf(s, onePlusSquare(s, ratio)));
    Value infinity = s.infinity(type, /*negative=*/false);
    Value isInfinite = s.logicalOr(s.compare(Relation::Equal, x, infinity),
                                   s.compare(Relation::Equal, y, infinity));
    h = s.select(isInfinite, infinity, h);
    return s.withDerivative(h, {a, b}, {s.div(a, h), s.div(b, h)});
  });
}

void normalize::addTrigonometricRows(Table &table) {
  table.add("aten::tan", tangent);
  table.add("aten::asin", arc<math::AsinOp, 1>);
  table.add("aten::acos", arc<math::AcosOp, -1>);
  table.add("aten::atan", arcTangent);
  table.add("aten::sinh", hyperbolic<math::SinhOp, math::CoshOp>);
  table.add("aten::cosh", hyperbolic<math::CoshOp, math::SinhOp>);
  table.add("aten::asinh", areaSinh);
  table.add("aten::acosh", areaCosh);
  table.add("aten::atanh", areaTanh);
  table.add("aten::arcsin", arc<math::AsinOp, 1>);
  table.add("aten::arccos", arc<math::AcosOp, -1>);
  table.add("aten::arctan", arcTangent);
  table.add("aten::arcsinh", areaSinh);
  table.add("aten::arccosh", areaCosh);
  table.add("aten::arctanh", areaTanh);
  table.add("aten::sinc", sinusCardinalis);
  table.add("aten::deg2rad", convertAngle<true>);
  table.add("aten::rad2deg", convertAngle<false>);
  table.add({"aten::atan2", "aten::arctan2"}, angleOfPoint);
  table.add("aten::hypot", hypotenuse);
}
