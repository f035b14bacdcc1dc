//===- ActivationRows.cpp - Activations -----------------------------------===//
//
// Where the derivative of the formula would be 0 times infinity, lose digits,
// or take the other side of a kink, an activation has PyTorch's.
//
//===----------------------------------------------------------------------===//

#include "Rows.h"
#include "Unary.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::normalize;

/// 1 + exp(-x), infinite for large negative numbers.
static Value onePlusExp(ScalarBuilder &s, Value x) {
  return s.add(s.one(x.getType()), s.create<math::ExpOp>(s.negate(x)));
}

/// 1 / (1 + exp(-x)); derivative y (1 - y).
Value normalize::sigmoidOf(ScalarBuilder &s, Value x) {
  Value one = s.one(x.getType());
  Value y = s.div(one, onePlusExp(s, x));
  return s.withDerivative(y, x, s.mul(y, s.sub(one, y)));
}

/// x if positive, else 0; NaN stays NaN, and the derivative at 0 is 0.
Value normalize::reluOf(ScalarBuilder &s, Value x) {
  Value zero = s.zero(x.getType());
  return s.select(s.compare(Relation::LessEqual, x, zero), zero, x);
}

static void relu(Call &c) { unary(c, reluOf); }

static void sigmoid(Call &c) { unaryFloat(c, sigmoidOf); }

/// x sigmoid(x); derivative y (1 + x (1 - y)) of y = sigmoid(x).
static void silu(Call &c) {
  unaryFloat(c, [](ScalarBuilder &s, Value x) {
    Value one = s.one(x.getType()), divisor = onePlusExp(s, x);
    Value y = s.div(one, divisor);
    Value slope = s.mul(y, s.add(one, s.mul(x, s.sub(one, y))));
    return s.withDerivative(s.div(x, divisor), x, slope);
  });
}

/// x P with P = 1/2 + erf(x / sqrt 2) / 2, the chance of a normal number below
/// x; derivative P + x p with its density p = exp(-x^2 / 2) / sqrt(2 pi).
static Value geluOf(ScalarBuilder &s, Value x) {
  Type type = x.getType();
  Value half = s.constant(type, 0.5);
  Value scaled = s.mul(x, s.constant(type, 0.70710678118654752440));
  Value chance = s.add(s.mul(s.create<math::ErfOp>(scaled), half), half);
  Value density = s.mul(s.create<math::ExpOp>(s.negate(s.mul(scaled, scaled))),
                        s.constant(type, 0.39894228040143267794));
  return s.withDerivative(s.mul(x, chance), x,
                          s.add(chance, s.mul(x, density)));
}

/// x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))).
static Value geluByTanh(ScalarBuilder &s, Value x) {
  Type type = x.getType();
  Value cube = s.mul(s.mul(x, x), x);
  Value sum = s.add(x, s.mul(s.constant(type, 0.044715), cube));
  Value inner = s.create<math::TanhOp>(
      s.mul(s.constant(type, 0.79788456080286535588), sum));
  Value half = s.mul(s.constant(type, 0.5), x);
  return s.mul(half, s.add(s.one(type), inner));
}

static void gelu(Call &c) {
  bool tanh = c.text(1) == "tanh";
  if (!tanh && c.text(1) != "none")
    c.error("approximate = '" + c.text(1) + "' (expected 'none' or 'tanh')");
  unaryFloat(c, tanh ? geluByTanh : geluOf);
}

/// log(1 + exp(beta x)) / beta; linear where beta x > threshold. Derivative
/// z / (z + 1) of z = exp(beta x), or 1.
static void softplus(Call &c) {
  double beta = c.real(1), threshold = c.real(2);
  unaryFloat(c, [&](ScalarBuilder &s, Value x) {
    Type type = x.getType();
    Value scaled = s.mul(x, s.constant(type, beta));
    Value z = s.create<math::ExpOp>(scaled);
    Value soft = s.div(s.create<math::Log1pOp>(z), s.constant(type, beta));
    Value isLinear =
        s.compare(Relation::Greater, scaled, s.constant(type, threshold));
    Value slope = s.div(z, s.add(z, s.one(type)));
    return s.withDerivative(s.select(isLinear, x, soft), x,
                            s.select(isLinear, s.one(type), slope));
  });
}

static void leakyRelu(Call &c) {
  double slope = c.real(1);
  unaryFloat(c, [&](ScalarBuilder &s, Value x) {
    Type type = x.getType();
    return s.select(s.compare(Relation::Greater, x, s.zero(type)), x,
                    s.mul(x, s.constant(type, slope)));
  });
}

/// scale (exp(input_scale x) - 1) alpha where x <= 0, else scale x. The
/// derivative takes the exponential itself: not the difference, plus 1.
static void eluOf(Call &c, double alpha, double scale, double inner) {
  unaryFloat(c, [&](ScalarBuilder &s, Value x) {
    Type type = x.getType();
    auto times = [&](Value value, double factor) {
      return factor == 1 ? value : s.mul(value, s.constant(type, factor));
    };
    Value scaled = times(x, inner);
    Value isCurve = s.compare(Relation::LessEqual, x, s.zero(type));
    Value y =
        s.select(isCurve, times(s.create<math::ExpM1Op>(scaled), alpha * scale),
                 times(x, scale));
    Value slope = times(s.create<math::ExpOp>(scaled), alpha * scale * inner);
    return s.withDerivative(y, x,
                            s.select(isCurve, slope, s.constant(type, scale)));
  });
}

static void elu(Call &c) { eluOf(c, c.real(1), c.real(2), c.real(3)); }

static void selu(Call &c) {
  eluOf(c, 1.6732632423543772848170429916717, 1.0507009873554804934193349852946,
        1);
}

/// x, but no less than `low` and no more than `high`, as constants: the
/// derivative at the bounds is 0.
static Value between(ScalarBuilder &s, Value x, double low, double high) {
  Value lower = s.constant(x.getType(), low),
        upper = s.constant(x.getType(), high);
  x = s.select(s.compare(Relation::LessEqual, x, lower), lower, x);
  return s.select(s.compare(Relation::GreaterEqual, x, upper), upper, x);
}

static void hardTanh(Call &c) {
  double low = c.real(1), high = c.real(2);
  unary(c, [&](ScalarBuilder &s, Value x) { return between(s, x, low, high); });
}

static void relu6(Call &c) {
  unary(c, [](ScalarBuilder &s, Value x) { return between(s, x, 0, 6); });
}

/// relu6(x + 3).
static Value shiftedRelu6(ScalarBuilder &s, Value x) {
  return between(s, s.add(x, s.constant(x.getType(), 3)), 0, 6);
}

/// relu6(x + 3) / 6; derivative 1/6 between -3 and 3, else 0, also for NaN.
static void hardSigmoid(Call &c) {
  unaryFloat(c, [](ScalarBuilder &s, Value x) {
    Type type = x.getType();
    Value y = s.div(shiftedRelu6(s, x), s.constant(type, 6));
    Value inside =
        s.logicalAnd(s.compare(Relation::Greater, x, s.constant(type, -3)),
                     s.compare(Relation::Less, x, s.constant(type, 3)));
    return s.withDerivative(
        y, x, s.select(inside, s.constant(type, 1.0 / 6), s.zero(type)));
  });
}

/// x relu6(x + 3) / 6; derivative 0 up to -3, x / 3 + 1/2 up to 3, then 1, also
/// for NaN.
static void hardSwish(Call &c) {
  unaryFloat(c, [](ScalarBuilder &s, Value x) {
    Type type = x.getType();
    Value y = s.div(s.mul(x, shiftedRelu6(s, x)), s.constant(type, 6));
    Value slope = s.add(s.div(x, s.constant(type, 3)), s.constant(type, 0.5));
    Value upper = s.select(s.compare(Relation::Less, x, s.constant(type, 3)),
                           slope, s.one(type));
    return s.withDerivative(
        y, x,
        s.select(s.compare(Relation::LessEqual, x, s.constant(type, -3)),
                 s.zero(type), upper));
  });
}

/// log(1 + exp(x)), stable for both signs: max(x, 0) + log(1 + z) with
/// z = exp(-|x|). Its derivative is sigmoid(x), also 1/2 at 0.
static Value softplusOf(ScalarBuilder &s, Value x, Value z) {
  Value zero = s.zero(x.getType());
  Value high = s.select(s.compare(Relation::LessEqual, x, zero), zero, x);
  return s.add(high, s.create<math::Log1pOp>(z));
}

/// sigmoid(x) from z = exp(-|x|), without an infinity.
static Value sigmoidFrom(ScalarBuilder &s, Value x, Value z) {
  Value one = s.one(x.getType());
  Value isNegative = s.compare(Relation::Less, x, s.zero(x.getType()));
  return s.div(s.select(isNegative, z, one), s.add(one, z));
}

static Value expOfMinusSize(ScalarBuilder &s, Value x) {
  return s.create<math::ExpOp>(s.negate(s.create<math::AbsFOp>(x)));
}

/// -softplus(-x); derivative sigmoid(-x).
Value normalize::logSigmoidOf(ScalarBuilder &s, Value x) {
  Value minus = s.negate(x), z = expOfMinusSize(s, x);
  return s.withDerivative(s.negate(softplusOf(s, minus, z)), x,
                          sigmoidFrom(s, minus, z));
}

static void logSigmoid(Call &c) { unaryFloat(c, logSigmoidOf); }

/// x t with t = tanh(softplus x); derivative t + x sigmoid(x) (1 - t^2).
static void mish(Call &c) {
  unaryFloat(c, [](ScalarBuilder &s, Value x) {
    Value z = expOfMinusSize(s, x);
    Value t = s.create<math::TanhOp>(softplusOf(s, x, z));
    Value rest = s.sub(s.one(x.getType()), s.mul(t, t));
    Value slope = s.add(t, s.mul(s.mul(x, sigmoidFrom(s, x, z)), rest));
    return s.withDerivative(s.mul(x, t), x, slope);
  });
}

void normalize::addActivationRows(Table &table) {
  table.add("aten::relu", relu);
  table.add("aten::sigmoid", sigmoid);
  table.add("aten::silu", silu);
  table.add("aten::gelu", gelu);
  table.add("aten::softplus", softplus);
  table.add("aten::leaky_relu", leakyRelu);
  table.add("aten::elu", elu);
  table.add("aten::selu", selu);
  table.add("aten::hardtanh", hardTanh);
  table.add("aten::relu6", relu6);
  table.add("aten::hardsigmoid", hardSigmoid);
  table.add("aten::hardswish", hardSwish);
  table.add("aten::log_sigmoid", logSigmoid);
  table.add("aten::mish", mish);
}
