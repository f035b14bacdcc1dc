//===- SpecialRows.cpp - The gamma function, and what distributions need --===//
//
// Formulas that need more digits than they give are computed in f64, whatever
// the type of the operand.
//
//===----------------------------------------------------------------------===//

#include "Rows.h"
#include "Unary.h"

#include <cmath>
#include <limits>

using namespace mlir;
using namespace colossal;
using namespace colossal::normalize;

//===----------------------------------------------------------------------===//
// The gamma function
//===----------------------------------------------------------------------===//

namespace {

/// Formulas of one f64 number.
class Gamma {
public:
  Gamma(ScalarBuilder &s, Value x) : s(s), x(x), type(x.getType()) {
    isLow = s.compare(Relation::Less, x, number(0.5));
    z = s.select(isLow, s.sub(number(1), x), x);
    // Distance to the nearest integer: sines and tangents of pi x from it are
    // exact next to their zeros.
    rest = s.sub(x, s.create<math::RoundEvenOp>(x));
    isPole = s.logicalAnd(s.compare(Relation::LessEqual, x, number(0)),
                          s.compare(Relation::Equal, rest, number(0)));
  }

  /// log |Gamma(x)|: above 1/2 by Lanczos' approximation with g = 7 and nine
  /// terms (the coefficients are Godfrey's; see Pugh, An Analysis of the
  /// Lanczos Gamma Approximation, 2004), below by reflection.
  Value logarithm() {
    static constexpr double terms[] = {
        676.5203681218851,     -1259.1392167224028,  771.32342877765313,
        -176.61502916214059,   12.507343278686905,   -0.13857109526572012,
        9.9843695780195716e-6, 1.5056327351493116e-7};
    Value sum = number(0.99999999999980993);
    for (auto [i, term] : llvm::enumerate(terms))
      sum = s.add(sum, s.div(number(term), s.add(z, number(double(i)))));
    Value t = s.add(z, number(6.5));
    Value value = s.mul(s.sub(z, number(0.5)), log(t));
    value = s.add(s.sub(value, t),
                  s.add(log(sum), number(0.5 * std::log(2 * M_PI))));
    Value size = s.create<math::AbsFOp>(sine());
    value =
        s.select(isLow, s.sub(log(s.div(number(M_PI), size)), value), value);
    Value infinity = s.infinity(type, /*negative=*/false);
    Value isInfinite =
        s.logicalOr(isPole, s.compare(Relation::Equal,
                                      s.create<math::AbsFOp>(x), infinity));
    // Its zeros.
    Value isZero = s.logicalOr(s.compare(Relation::Equal, x, number(1)),
                               s.compare(Relation::Equal, x, number(2)));
    value = s.select(isZero, number(0), value);
    return s.select(isInfinite, infinity, value);
  }

  /// Its derivative: ten steps up by psi(z) = psi(z + 1) - 1 / z, then the
  /// asymptotic series (NIST Handbook, 5.5.2, 5.5.4 and 5.11.2).
  Value digamma() {
    Value steps = powers(kSteps, 1);
    auto [w, inverse, square] = above(kSteps);
    Value series = polynomial(square, {1. / 12, -1. / 120, 1. / 252, -1. / 240,
                                       1. / 132, -691. / 32760});
    Value value = s.sub(log(w), s.mul(number(0.5), inverse));
    value = s.sub(s.sub(value, s.mul(square, series)), steps);
    Value tangent = s.create<math::TanOp>(s.mul(number(M_PI), rest));
    value = s.select(isLow, s.sub(value, s.div(number(M_PI), tangent)), value);
    // As PyTorch has the poles: none at the negative ones, at 0 its side.
    Value atZero =
        s.create<math::CopySignOp>(s.infinity(type, false), s.negate(x));
    Value nan = s.constant(type, std::numeric_limits<double>::quiet_NaN());
    Value isZero = s.compare(Relation::Equal, x, number(0));
    return s.select(isZero, atZero, s.select(isPole, nan, value));
  }

  /// The derivative of that (NIST Handbook, 5.15), with as few steps and terms
  /// as PyTorch takes, whose error of 2e-9 the gradient then shares.
  Value trigamma() {
    Value steps = powers(6, 2);
    auto [w, inverse, square] = above(6);
    Value series = polynomial(square, {1. / 6, -1. / 30, 1. / 42});
    Value value = s.add(inverse, s.mul(number(0.5), square));
    value = s.add(s.add(value, s.mul(s.mul(inverse, square), series)), steps);
    Value ratio = s.div(number(M_PI), sine());
    return s.select(isLow, s.sub(s.mul(ratio, ratio), value), value);
  }

  /// And its derivative.
  Value tetragamma() {
    auto [w, inverse, square] = above(kSteps);
    Value series = polynomial(
        square, {1. / 2, -1. / 6, 1. / 6, -3. / 10, 5. / 6, -691. / 210});
    Value value = s.add(s.mul(square, s.add(number(1), inverse)),
                        s.mul(s.mul(square, square), series));
    value = s.negate(s.add(value, s.mul(number(2), powers(kSteps, 3))));
    Value ratio = s.div(number(M_PI), sine());
    Value cosine = s.create<math::CosOp>(s.mul(number(M_PI), rest));
    Value cube = s.mul(ratio, s.mul(ratio, ratio));
    return s.select(isLow, s.sub(value, s.mul(number(2), s.mul(cosine, cube))),
                    value);
  }

private:
  static constexpr int kSteps = 10;

  struct Above {
    Value w, inverse, square; ///< z + steps; 1 / w; 1 / w^2
  };
  Above above(int steps) {
    Value w = s.add(z, number(steps));
    Value inverse = s.div(number(1), w);
    return {w, inverse, s.mul(inverse, inverse)};
  }
  /// The sum of 1 / (z + k)^exponent.
  Value powers(int steps, int exponent) {
    Value sum = number(0);
    for (int k = 0; k < steps; ++k) {
      Value inverse = s.div(number(1), s.add(z, number(k))), power = inverse;
      for (int i = 1; i < exponent; ++i)
        power = s.mul(power, inverse);
      sum = s.add(sum, power);
    }
    return sum;
  }
  Value sine() { return s.create<math::SinOp>(s.mul(number(M_PI), rest)); }
  /// Coefficients from the lowest.
  Value polynomial(Value at, ArrayRef<double> coefficients) {
    Value value = number(coefficients.back());
    for (double coefficient : llvm::reverse(coefficients.drop_back()))
      value = s.add(s.mul(value, at), number(coefficient));
    return value;
  }
  Value number(double value) { return s.constant(type, value); }
  Value log(Value y) { return s.create<math::LogOp>(y); }

  ScalarBuilder &s;
  Value x, z, rest, isLow, isPole;
  Type type;
};

} // namespace

/// `formula` of x in f64, in the type of x.
template <typename Formula>
static Value inDouble(ScalarBuilder &s, Value x, Formula formula) {
  return s.cast(formula(s.cast(x, s.getBuilder().getF64Type())), x.getType());
}

static Value logGammaOf(ScalarBuilder &s, Value x) {
  return inDouble(s, x, [&](Value y) { return Gamma(s, y).logarithm(); });
}
static Value digammaOf(ScalarBuilder &s, Value x) {
  return inDouble(s, x, [&](Value y) { return Gamma(s, y).digamma(); });
}
static Value tetragammaOf(ScalarBuilder &s, Value x) {
  return inDouble(s, x, [&](Value y) { return Gamma(s, y).tetragamma(); });
}
static Value trigammaOf(ScalarBuilder &s, Value x) {
  return inDouble(s, x, [&](Value y) { return Gamma(s, y).trigamma(); });
}

static void logGamma(Call &c) {
  unaryFloat(c, [](ScalarBuilder &s, Value x) {
    return s.withDerivative(logGammaOf(s, x), x, digammaOf(s, x));
  });
}

static void digamma(Call &c) {
  unaryFloat(c, [](ScalarBuilder &s, Value x) {
    return s.withDerivative(digammaOf(s, x), x, trigammaOf(s, x));
  });
}

/// polygamma(n, x).
static void polygamma(Call &c) {
  int64_t order = c.integer(0);
  if (order != 0 && order != 1)
    return c.error("the derivative number " + Twine(order) +
                   " of digamma (expected 0 or 1)");
  c.setArguments({c.item(1)});
  if (order == 0)
    return digamma(c);
  unaryFloat(c, [](ScalarBuilder &s, Value x) {
    return s.withDerivative(trigammaOf(s, x), x, tetragammaOf(s, x));
  });
}

/// The logarithm of the gamma function of p dimensions.
static void multivariateLogGamma(Call &c) {
  int64_t dimensions = c.integer(1);
  unaryFloat(c, [&](ScalarBuilder &s, Value x) {
    Type type = x.getType();
    Value sum = s.constant(type, 0.25 * double(dimensions * (dimensions - 1)) *
                                     std::log(M_PI));
    Value slope = s.zero(type);
    for (int64_t i = 0; i < dimensions; ++i) {
      Value y = s.sub(x, s.constant(type, 0.5 * double(i)));
      sum = s.add(sum, logGammaOf(s, y));
      slope = s.add(slope, digammaOf(s, y));
    }
    return s.withDerivative(sum, x, slope);
  });
}

//===----------------------------------------------------------------------===//
// Normal numbers and entropies
//===----------------------------------------------------------------------===//

/// The inverse of erf. A start within 2e-3: Winitzki's formula (A handy
/// approximation for the error function and its inverse, 2008); then steps of
/// Halley on erf y - x, where y is small, and on log erfc, where it is not:
/// there x says all about 1 - x.
static Value inverseError(ScalarBuilder &s, Value x) {
  Type type = x.getType();
  auto number = [&](double value) { return s.constant(type, value); };
  auto log = [&](Value y) { return s.create<math::LogOp>(y); };
  Value size = s.create<math::AbsFOp>(x), one = number(1);
  Value rest = s.sub(one, size);
  Value logarithm = log(s.mul(rest, s.add(one, size)));
  constexpr double a = 0.147;
  Value middle = s.add(number(2 / (M_PI * a)), s.mul(number(0.5), logarithm));
  Value root = s.create<math::SqrtOp>(
      s.sub(s.mul(middle, middle), s.div(logarithm, number(a))));
  Value y = s.create<math::SqrtOp>(s.sub(root, middle));
  for (int step = 0; step < 3; ++step) {
    // erf y - x, or (1 - x) - erfc y: each without cancellation on its side.
    Value isSmall = s.compare(Relation::Less, size, number(0.5));
    Value error = s.select(isSmall, s.sub(s.create<math::ErfOp>(y), size),
                           s.sub(rest, s.create<math::ErfcOp>(y)));
    Value slope = s.mul(number(2 / std::sqrt(M_PI)),
                        s.create<math::ExpOp>(s.negate(s.mul(y, y))));
    Value newton = s.div(error, slope);
    y = s.sub(y, s.div(newton, s.add(one, s.mul(y, newton))));
  }
  Value infinity = s.infinity(type, false);
  Value nan = number(std::numeric_limits<double>::quiet_NaN());
  y = s.select(s.compare(Relation::Equal, size, one), infinity, y);
  y = s.select(s.compare(Relation::Greater, size, one), nan, y);
  y = s.select(s.compare(Relation::Equal, size, number(0)), size, y);
  return s.create<math::CopySignOp>(y, x);
}

static void inverseErrorRow(Call &c) {
  unaryFloat(c, [](ScalarBuilder &s, Value x) {
    Value y = inDouble(s, x, [&](Value wide) { return inverseError(s, wide); });
    Value slope = s.mul(s.constant(x.getType(), 0.5 * std::sqrt(M_PI)),
                        s.create<math::ExpOp>(s.mul(y, y)));
    return s.withDerivative(y, x, slope);
  });
}

/// The chance of a normal number below x, (1 + erf(x / sqrt 2)) / 2.
static void normalChance(Call &c) {
  unaryFloat(c, [](ScalarBuilder &s, Value x) {
    Type type = x.getType();
    Value half = s.constant(type, 0.5);
    Value error =
        s.create<math::ErfOp>(s.mul(x, s.constant(type, std::sqrt(0.5))));
    Value slope =
        s.mul(s.constant(type, 1 / std::sqrt(2 * M_PI)),
              s.create<math::ExpOp>(s.negate(s.mul(half, s.mul(x, x)))));
    return s.withDerivative(s.mul(half, s.add(s.one(type), error)), x, slope);
  });
}

/// -x log x; 0 at 0, minus infinity below.
static void entropy(Call &c) {
  unaryFloat(c, [](ScalarBuilder &s, Value x) {
    Type type = x.getType();
    Value zero = s.zero(type), logarithm = s.create<math::LogOp>(x);
    Value y = s.negate(s.mul(x, logarithm));
    y = s.select(s.compare(Relation::Equal, x, zero), zero, y);
    y = s.select(s.compare(Relation::Less, x, zero), s.infinity(type, true), y);
    return s.withDerivative(y, x, s.sub(s.negate(logarithm), s.one(type)));
  });
}

/// x log(1 + y), which is 0 for x = 0 unless y is NaN.
static void timesLogarithmOfNext(Call &c) {
  ElementwiseOptions options;
  options.compute = floatType(promoted(c, {c.item(0), c.item(1)}));
  c.result(elementwise(
      c, {c.item(0), c.item(1)}, options, [](ScalarBuilder &s, ValueRange in) {
        Value x = in[0], y = in[1], zero = s.zero(x.getType());
        Value logarithm = s.create<math::Log1pOp>(y);
        Value isZero =
            s.logicalAnd(s.compare(Relation::Equal, x, zero),
                         s.logicalNot(s.compare(Relation::NotEqual, y, y)));
        Value value = s.select(isZero, zero, s.mul(x, logarithm));
        // By x: none where x is 0 and y at most -1, as PyTorch has it.
        Value isOut =
            s.logicalAnd(isZero, s.compare(Relation::LessEqual, y,
                                           s.constant(x.getType(), -1)));
        return s.withDerivative(value, {x, y},
                                {s.select(isOut, zero, logarithm),
                                 s.div(x, s.add(y, s.one(x.getType())))});
      }));
}

void normalize::addSpecialRows(Table &table) {
  table.add("aten::lgamma", logGamma);
  table.add("aten::digamma", digamma);
  table.add("aten::polygamma", polygamma);
  table.add("aten::mvlgamma", multivariateLogGamma);
  table.add("aten::erfinv", inverseErrorRow);
  table.add("aten::special_ndtr", normalChance);
  table.add("aten::special_entr", entropy);
  table.add({"aten::special_xlog1py", "aten::special_xlog1py.other_scalar",
             "aten::special_xlog1py.self_scalar"},
            timesLogarithmOfNext);
}
