//===- UnaryRows.cpp - Functions and activations of one operand -----------===//

#include "Rows.h"
#include "Unary.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::normalize;

template <typename OpTy> static void unaryMath(Call &c) {
  unaryFloat(c, [](ScalarBuilder &s, Value x) { return s.create<OpTy>(x); });
}

static Value sigmoidOf(ScalarBuilder &s, Value x) {
  Value one = s.one(x.getType());
  return s.div(one, s.add(one, s.create<math::ExpOp>(s.negate(x))));
}

/// x if positive, else 0; NaN stays NaN, and the derivative at 0 is 0.
static Value reluOf(ScalarBuilder &s, Value x) {
  Value zero = s.zero(x.getType());
  return s.select(s.compare(Relation::LessEqual, x, zero), zero, x);
}

static void negate(Call &c) {
  unary(c, [](ScalarBuilder &s, Value x) { return s.negate(x); });
}

static void relu(Call &c) { unary(c, reluOf); }

static void sigmoid(Call &c) { unaryFloat(c, sigmoidOf); }

static void silu(Call &c) {
  unaryFloat(
      c, [](ScalarBuilder &s, Value x) { return s.mul(x, sigmoidOf(s, x)); });
}

static void reciprocal(Call &c) {
  unaryFloat(c, [](ScalarBuilder &s, Value x) {
    return s.div(s.one(x.getType()), x);
  });
}

static void absolute(Call &c) {
  unary(c, [](ScalarBuilder &s, Value x) -> Value {
    if (x.getType().isInteger(1))
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

/// gelu(x) = x/2 (1 + erf(x / sqrt 2)), or with the tanh approximation
/// x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))).
static void gelu(Call &c) {
  bool tanh = c.text(1) == "tanh";
  if (!tanh && c.text(1) != "none")
    c.error("approximate = '" + c.text(1) + "' (expected 'none' or 'tanh')");
  unaryFloat(c, [&](ScalarBuilder &s, Value x) {
    Type type = x.getType();
    Value inner;
    if (tanh) {
      Value cube = s.mul(s.mul(x, x), x);
      Value sum = s.add(x, s.mul(s.constant(type, 0.044715), cube));
      inner = s.create<math::TanhOp>(
          s.mul(s.constant(type, 0.79788456080286535588), sum));
    } else {
      inner = s.create<math::ErfOp>(
          s.mul(x, s.constant(type, 0.70710678118654752440)));
    }
    Value half = s.mul(s.constant(type, 0.5), x);
    return s.mul(half, s.add(s.one(type), inner));
  });
}

/// log(1 + exp(beta x)) / beta; linear where beta x > threshold.
static void softplus(Call &c) {
  double beta = c.real(1), threshold = c.real(2);
  unaryFloat(c, [&](ScalarBuilder &s, Value x) {
    Type type = x.getType();
    Value scaled = s.mul(x, s.constant(type, beta));
    Value soft = s.div(s.create<math::Log1pOp>(s.create<math::ExpOp>(scaled)),
                       s.constant(type, beta));
    return s.select(
        s.compare(Relation::Greater, scaled, s.constant(type, threshold)), x,
        soft);
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

/// scale (exp(input_scale x) - 1) alpha where x <= 0, else scale x.
static void eluOf(Call &c, double alpha, double scale, double inner) {
  unaryFloat(c, [&](ScalarBuilder &s, Value x) {
    Type type = x.getType();
    auto times = [&](Value value, double factor) {
      return factor == 1 ? value : s.mul(value, s.constant(type, factor));
    };
    Value curve = s.create<math::ExpM1Op>(times(x, inner));
    return s.select(s.compare(Relation::LessEqual, x, s.zero(type)),
                    times(curve, alpha * scale), times(x, scale));
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

/// relu6(x + 3) / 6.
static void hardSigmoid(Call &c) {
  unaryFloat(c, [](ScalarBuilder &s, Value x) {
    Type type = x.getType();
    Value y = between(s, s.add(x, s.constant(type, 3)), 0, 6);
    return s.div(y, s.constant(type, 6));
  });
}

static void hardSwish(Call &c) {
  unaryFloat(c, [](ScalarBuilder &s, Value x) {
    Type type = x.getType();
    Value y = between(s, s.add(x, s.constant(type, 3)), 0, 6);
    return s.div(s.mul(x, y), s.constant(type, 6));
  });
}

static void logSigmoid(Call &c) {
  unaryFloat(c, [](ScalarBuilder &s, Value x) {
    Value zero = s.zero(x.getType());
    Value low = s.select(s.compare(Relation::GreaterEqual, x, zero), zero, x);
    Value tail = s.create<math::ExpOp>(s.negate(s.create<math::AbsFOp>(x)));
    return s.sub(low, s.create<math::Log1pOp>(tail));
  });
}

/// x tanh(softplus x).
static void mish(Call &c) {
  unaryFloat(c, [](ScalarBuilder &s, Value x) {
    Value zero = s.zero(x.getType());
    Value high = s.select(s.compare(Relation::LessEqual, x, zero), zero, x);
    Value tail = s.create<math::ExpOp>(s.negate(s.create<math::AbsFOp>(x)));
    Value soft = s.add(high, s.create<math::Log1pOp>(tail));
    return s.mul(x, s.create<math::TanhOp>(soft));
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
    return s.select(s.compare(Relation::Greater, x, zero), s.one(type), below);
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
    return s.create<arith::XOrIOp>(x, s.integer(x.getType(), ones));
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

/// Numbers or tensors, either may be none. NaN stays NaN.
static void clampBetween(Call &c, const Item &low, const Item &high) {
  std::vector<Item> operands = {c.item(0)};
  bool lower = !low.isNone(), upper = !high.isNone();
  if (lower)
    operands.push_back(low);
  if (upper)
    operands.push_back(high);
  ElementwiseOptions options;
  options.compute = promoted(c, operands);
  c.result(
      elementwise(c, operands, options, [&](ScalarBuilder &s, ValueRange in) {
        Value x = in[0];
        if (lower)
          x = s.maximum(x, in[1]);
        if (upper)
          x = s.minimum(x, in[lower ? 2 : 1]);
        return x;
      }));
}

static void clamp(Call &c) { clampBetween(c, c.item(1), c.item(2)); }
static void clampMin(Call &c) { clampBetween(c, c.item(1), Item()); }
static void clampMax(Call &c) { clampBetween(c, Item(), c.item(1)); }

void normalize::addUnaryRows(Table &table) {
  table.add("aten::neg", negate);
  table.add("aten::relu", relu);
  table.add("aten::sigmoid", sigmoid);
  table.add("aten::silu", silu);
  table.add("aten::gelu", gelu);
  table.add("aten::softplus", softplus);
  table.add("aten::leaky_relu", leakyRelu);
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
  table.add("aten::trunc", rounding<math::TruncOp>);
  table.add("aten::logical_not", logicalNot);
  table.add("aten::bitwise_not", bitwiseNot);
  table.add("aten::isnan", isNan);
  table.add({"aten::clamp", "aten::clamp.Tensor", "aten::clip"}, clamp);
  table.add({"aten::clamp_min", "aten::clamp_min.Tensor"}, clampMin);
  table.add({"aten::clamp_max", "aten::clamp_max.Tensor"}, clampMax);
  table.add("aten::elu", elu);
  table.add("aten::selu", selu);
  table.add("aten::hardtanh", hardTanh);
  table.add("aten::relu6", relu6);
  table.add("aten::hardsigmoid", hardSigmoid);
  table.add("aten::hardswish", hardSwish);
  table.add("aten::log_sigmoid", logSigmoid);
  table.add("aten::mish", mish);
  table.add("aten::square", square);
  table.add({"aten::sign", "aten::sgn"}, sign);
}
