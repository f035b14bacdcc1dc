//===- FunctionRows.cpp - Further functions of elements -------------------===//
//
// Activations and functions that are a formula of others, with PyTorch's
// derivative where the formula's would be another at a kink.
//
//===----------------------------------------------------------------------===//

#include "Rows.h"
#include "Unary.h"

#include <cmath>
#include <limits>

using namespace mlir;
using namespace colossal;
using namespace colossal::normalize;

/// x where it is positive, else w x; w is a number or one for each channel.
static void prelu(Call &c) {
  int64_t rank = c.type(0).getRank();
  Item weight = c.item(1);
  if (c.type(1).getRank() == 1 && rank >= 1) {
    SmallVector<int64_t> sizes(rank, 1);
    sizes[rank > 1 ? 1 : 0] = c.type(1).getDimSize(0);
    weight = c.call("aten::reshape", {weight, c.numbers(sizes)});
  }
  if (c.failed())
    return;
  ElementwiseOptions options;
  options.compute = promoted(c, {c.item(0), weight});
  c.result(elementwise(
      c, {c.item(0), weight}, options, [](ScalarBuilder &s, ValueRange in) {
        Value x = in[0], w = in[1], zero = s.zero(x.getType());
        Value isPositive = s.compare(Relation::Greater, x, zero);
        return s.withDerivative(s.select(isPositive, x, s.mul(w, x)), {x, w},
                                {s.select(isPositive, s.one(x.getType()), w),
                                 s.select(isPositive, zero, x)});
      }));
}

/// x above the threshold, else a value.
static void threshold(Call &c) {
  double bound = c.real(1), value = c.real(2);
  unary(c, [&](ScalarBuilder &s, Value x) {
    Type type = x.getType();
    return s.select(s.compare(Relation::LessEqual, x, s.constant(type, bound)),
                    s.constant(type, value), x);
  });
}

/// 0 between -bound and bound; NaN stays.
static void hardShrink(Call &c) {
  double bound = c.real(1);
  unaryFloat(c, [&](ScalarBuilder &s, Value x) {
    Type type = x.getType();
    Value isSmall = s.logicalAnd(
        s.compare(Relation::GreaterEqual, x, s.constant(type, -bound)),
        s.compare(Relation::LessEqual, x, s.constant(type, bound)));
    return s.select(isSmall, s.zero(type), x);
  });
}

/// x moved towards 0 by the bound, and 0 between; NaN stays.
static void softShrink(Call &c) {
  double bound = c.real(1);
  unaryFloat(c, [&](ScalarBuilder &s, Value x) {
    Type type = x.getType();
    Value limit = s.constant(type, bound), low = s.constant(type, -bound);
    Value isNumber = s.compare(Relation::Equal, x, x);
    Value inner = s.select(isNumber, s.zero(type), x);
    Value below =
        s.select(s.compare(Relation::Less, x, low), s.add(x, limit), inner);
    Value y = s.select(s.compare(Relation::Greater, x, limit), s.sub(x, limit),
                       below);
    Value isSmall = s.logicalAnd(s.compare(Relation::GreaterEqual, x, low),
                                 s.compare(Relation::LessEqual, x, limit));
    return s.withDerivative(y, x, s.select(isSmall, s.zero(type), s.one(type)));
  });
}

static void celu(Call &c) {
  double alpha = c.real(1);
  c.result(c.call("aten::elu", {c.item(0), c.number(alpha), c.number(1.0),
                                c.number(1 / alpha)}));
}

/// a + w (b - a), from the nearer end.
static void lerp(Call &c) {
  ElementwiseOptions options;
  options.compute = promoted(c, {c.item(0), c.item(1)});
  c.result(elementwise(c, {c.item(0), c.item(1), c.item(2)}, options,
                       [](ScalarBuilder &s, ValueRange in) {
                         Value a = in[0], b = in[1], w = in[2];
                         Type type = a.getType();
                         Value gap = s.sub(b, a), rest = s.sub(s.one(type), w);
                         Value isNear = s.compare(Relation::Less,
                                                  s.create<math::AbsFOp>(w),
                                                  s.constant(type, 0.5));
                         Value y = s.select(isNear, s.add(a, s.mul(w, gap)),
                                            s.sub(b, s.mul(gap, rest)));
                         return s.withDerivative(y, {a, b, w}, {rest, w, gap});
                       }));
}

/// log(exp(a) + exp(b)).
static void logAddExp(Call &c) {
  ElementwiseOptions options;
  options.compute = floatType(promoted(c, {c.item(0), c.item(1)}));
  c.result(elementwise(
      c, {c.item(0), c.item(1)}, options, [](ScalarBuilder &s, ValueRange in) {
        Value a = in[0], b = in[1], one = s.one(a.getType());
        Value size = s.create<math::AbsFOp>(s.sub(a, b));
        Value sum = s.add(
            s.maximum(a, b),
            s.create<math::Log1pOp>(s.create<math::ExpOp>(s.negate(size))));
        // Two infinities of one sign have no difference.
        Value isInfinite = s.logicalAnd(
            s.compare(Relation::Equal, a, b),
            s.compare(Relation::Equal, s.create<math::AbsFOp>(a),
                      s.infinity(a.getType(), /*negative=*/false)));
        auto share = [&](Value x, Value y) {
          return s.div(one, s.add(one, s.create<math::ExpOp>(s.sub(y, x))));
        };
        return s.withDerivative(s.select(isInfinite, a, sum), {a, b},
                                {share(a, b), share(b, a)});
      }));
}

static void isInfinite(Call &c) {
  ElementwiseOptions options;
  options.compute = floatType(c.type(0).getElementType());
  options.result = c.builder().getI1Type();
  c.result(
      elementwise(c, {c.item(0)}, options, [](ScalarBuilder &s, ValueRange in) {
        return s.compare(Relation::Equal, s.create<math::AbsFOp>(in[0]),
                         s.infinity(in[0].getType(), false));
      }));
}

template <bool negative> static void isInfinity(Call &c) {
  ElementwiseOptions options;
  options.compute = floatType(c.type(0).getElementType());
  options.result = c.builder().getI1Type();
  c.result(
      elementwise(c, {c.item(0)}, options, [](ScalarBuilder &s, ValueRange in) {
        return s.compare(Relation::Equal, in[0],
                         s.infinity(in[0].getType(), negative));
      }));
}

static void isFinite(Call &c) {
  ElementwiseOptions options;
  options.compute = floatType(c.type(0).getElementType());
  options.result = c.builder().getI1Type();
  c.result(
      elementwise(c, {c.item(0)}, options, [](ScalarBuilder &s, ValueRange in) {
        return s.compare(Relation::Less, s.create<math::AbsFOp>(in[0]),
                         s.infinity(in[0].getType(), false));
      }));
}

/// 2^x, log10 x, 1 - erf x.
static void exponentialOfTwo(Call &c) {
  unaryFloat(c, [](ScalarBuilder &s, Value x) {
    Value y = s.create<math::Exp2Op>(x);
    return s.withDerivative(y, x,
                            s.mul(y, s.constant(x.getType(), std::log(2.0))));
  });
}

static void decimalLogarithm(Call &c) {
  unaryFloat(c, [](ScalarBuilder &s, Value x) {
    Value slope = s.div(s.one(x.getType()),
                        s.mul(x, s.constant(x.getType(), std::log(10.0))));
    return s.withDerivative(s.create<math::Log10Op>(x), x, slope);
  });
}

static void complementaryError(Call &c) {
  unaryFloat(c, [](ScalarBuilder &s, Value x) {
    Value slope = s.mul(s.constant(x.getType(), -2 / std::sqrt(M_PI)),
                        s.create<math::ExpOp>(s.negate(s.mul(x, x))));
    return s.withDerivative(s.create<math::ErfcOp>(x), x, slope);
  });
}

/// log(x / (1 - x)), of x in [eps, 1 - eps] where that is given.
static void logit(Call &c) {
  bool clamps = !c.isNone(1);
  double eps = clamps ? c.real(1) : 0;
  unaryFloat(c, [&](ScalarBuilder &s, Value x) {
    Type type = x.getType();
    Value one = s.one(type), y = x;
    Value low = s.constant(type, eps), high = s.constant(type, 1 - eps);
    if (clamps) {
      y = s.select(s.compare(Relation::Less, x, low), low, x);
      y = s.select(s.compare(Relation::Greater, x, high), high, y);
    }
    Value isOutside = s.logicalOr(s.compare(Relation::Less, x, low),
                                  s.compare(Relation::Greater, x, high));
    Value outside =
        clamps ? s.zero(type)
               : s.constant(type, std::numeric_limits<double>::quiet_NaN());
    Value slope = s.div(one, s.mul(x, s.sub(one, x)));
    return s.withDerivative(s.create<math::LogOp>(s.div(y, s.sub(one, y))), x,
                            s.select(isOutside, outside, slope));
  });
}

/// x - trunc(x).
static void fraction(Call &c) {
  unary(c, [](ScalarBuilder &s, Value x) {
    return s.withDerivative(s.sub(x, s.create<math::TruncOp>(x)), x,
                            s.one(x.getType()));
  });
}

/// Of zeros and NaN, too.
static void hasSignBit(Call &c) {
  ElementwiseOptions options;
  options.compute = floatType(c.type(0).getElementType());
  options.result = c.builder().getI1Type();
  c.result(
      elementwise(c, {c.item(0)}, options, [](ScalarBuilder &s, ValueRange in) {
        Type type = in[0].getType();
        return s.compare(Relation::Less,
                         s.create<math::CopySignOp>(s.one(type), in[0]),
                         s.zero(type));
      }));
}

/// nan_to_num(x, nan, posinf, neginf): infinities become the largest numbers
/// unless others are given. What is replaced has no derivative.
static void nanToNumber(Call &c) {
  auto type = dyn_cast<FloatType>(c.type(0).getElementType());
  if (!type)
    return c.result(c.item(0));
  double most = APFloat::getLargest(type.getFloatSemantics()).convertToDouble();
  double nan = c.isNone(1) ? 0 : c.real(1),
         high = c.isNone(2) ? most : c.real(2),
         low = c.isNone(3) ? -most : c.real(3);
  unary(c, [&](ScalarBuilder &s, Value x) {
    auto is = [&](bool negative) {
      return s.compare(Relation::Equal, x, s.infinity(type, negative));
    };
    Value isNan = s.compare(Relation::NotEqual, x, x);
    Value y = s.select(is(false), s.constant(type, high), x);
    y = s.select(is(true), s.constant(type, low), y);
    y = s.select(isNan, s.constant(type, nan), y);
    Value isReplaced = s.logicalOr(isNan, s.logicalOr(is(false), is(true)));
    return s.withDerivative(y, x,
                            s.select(isReplaced, s.zero(type), s.one(type)));
  });
}

/// rrelu outside of training: the mean of its slopes below 0.
static void randomizedRelu(Call &c) {
  if (c.size() > 3 && c.flag(3))
    return c.error("draws slopes of rrelu in training, expected leaky_relu");
  double slope = (c.real(1) + c.real(2)) / 2;
  c.result(c.call("aten::leaky_relu", {c.item(0), c.number(slope)}));
}

static void itself(Call &c) { c.result(c.item(0)); }

/// How many elements are not 0.
static void countNonzero(Call &c) {
  Item differs = c.call("aten::ne.Scalar", {c.item(0), c.number(int64_t(0))});
  c.result(c.isNone(1) ? c.call("aten::sum", {differs, Item()})
                       : c.call("aten::sum.dim_IntList",
                                {differs, c.item(1), c.truth(false), Item()}));
}

void normalize::addFunctionRows(Table &table) {
  table.add("aten::prelu", prelu);
  table.add("aten::threshold", threshold);
  table.add("aten::hardshrink", hardShrink);
  table.add("aten::softshrink", softShrink);
  table.add("aten::celu", celu);
  table.add({"aten::lerp.Scalar", "aten::lerp.Tensor"}, lerp);
  table.add("aten::logaddexp", logAddExp);
  table.add("aten::isinf", isInfinite);
  table.add("aten::isposinf", isInfinity<false>);
  table.add("aten::isneginf", isInfinity<true>);
  table.add("aten::isfinite", isFinite);
  table.add("aten::exp2", exponentialOfTwo);
  table.add("aten::log10", decimalLogarithm);
  table.add("aten::erfc", complementaryError);
  table.add("aten::logit", logit);
  table.add("aten::frac", fraction);
  table.add("aten::signbit", hasSignBit);
  table.add("aten::nan_to_num", nanToNumber);
  table.add("aten::rrelu", randomizedRelu);
  table.add("aten::positive", itself);
  table.add({"aten::count_nonzero", "aten::count_nonzero.dim_IntList"},
            countNonzero);
}
