//===- FastMath.cpp - Scalar functions that vectorise ---------------------===//
//
// Coefficients: S. Moshier, Cephes mathematical library (logf, tanhf);
// exp and exp - 1: least maximal relative error for |r| < 0.6935, found by
// reweighted least squares and rounded to f32, as erf.
//
// No fast-math flags here: the order of operations is the algorithm.
//
//===----------------------------------------------------------------------===//

#include "FastMath.h"

#include "mlir/Dialect/Math/IR/Math.h"

#include <cmath>
#include <limits>

using namespace mlir;
using namespace colossal;

namespace {

/// Short names for f32 and i32 arithmetic.
class Arithmetic {
public:
  Arithmetic(OpBuilder &builder, Location loc) : b(builder), loc(loc) {}

  Value real(float value) {
    return arith::ConstantOp::create(b, loc, b.getF32FloatAttr(value));
  }
  Value integer(int32_t value) {
    return arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(value));
  }
  Value add(Value x, Value y) { return arith::AddFOp::create(b, loc, x, y); }
  Value sub(Value x, Value y) { return arith::SubFOp::create(b, loc, x, y); }
  Value mul(Value x, Value y) { return arith::MulFOp::create(b, loc, x, y); }
  Value div(Value x, Value y) { return arith::DivFOp::create(b, loc, x, y); }
  Value fma(Value x, Value y, Value z) {
    return math::FmaOp::create(b, loc, x, y, z);
  }
  Value neg(Value x) { return arith::NegFOp::create(b, loc, x); }
  Value abs(Value x) { return math::AbsFOp::create(b, loc, x); }
  Value less(Value x, Value y) {
    return arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OLT, x, y);
  }
  Value equal(Value x, Value y) {
    return arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OEQ, x, y);
  }
  Value select(Value condition, Value x, Value y) {
    return arith::SelectOp::create(b, loc, condition, x, y);
  }
  /// Unlike a maximum instruction of IEEE 754, these keep x where it is NaN.
  Value atLeast(Value x, float bound) {
    Value limit = real(bound);
    return select(less(x, limit), limit, x);
  }
  Value atMost(Value x, float bound) {
    Value limit = real(bound);
    return select(less(limit, x), limit, x);
  }
  Value bits(Value x) {
    return arith::BitcastOp::create(b, loc, b.getI32Type(), x);
  }
  Value fromBits(Value x) {
    return arith::BitcastOp::create(b, loc, b.getF32Type(), x);
  }
  Value addI(Value x, Value y) { return arith::AddIOp::create(b, loc, x, y); }
  Value subI(Value x, Value y) { return arith::SubIOp::create(b, loc, x, y); }
  Value andI(Value x, Value y) { return arith::AndIOp::create(b, loc, x, y); }
  Value orI(Value x, Value y) { return arith::OrIOp::create(b, loc, x, y); }
  Value xorI(Value x, Value y) { return arith::XOrIOp::create(b, loc, x, y); }
  Value shl(Value x, int32_t by) {
    return arith::ShLIOp::create(b, loc, x, integer(by));
  }
  Value shr(Value x, int32_t by) {
    return arith::ShRSIOp::create(b, loc, x, integer(by));
  }
  Value toReal(Value x) {
    return arith::SIToFPOp::create(b, loc, b.getF32Type(), x);
  }
  /// Estrin's scheme, highest power first: pairs of terms, then pairs of pairs.
  /// Some squares more than Horner's, in a chain of a third of the length; long
  /// chains are what a core waits for, most of all in narrow vectors.
  Value polynomial(Value x, ArrayRef<float> coefficients) {
    SmallVector<Value> terms; // factors of 1, x, x^2, ...
    for (float coefficient : llvm::reverse(coefficients))
      terms.push_back(real(coefficient));
    for (Value power = x;; power = mul(power, power)) {
      SmallVector<Value> pairs;
      for (size_t i = 0; i + 1 < terms.size(); i += 2)
        pairs.push_back(fma(terms[i + 1], power, terms[i]));
      if (terms.size() % 2)
        pairs.push_back(terms.back());
      if (pairs.size() == 1)
        return pairs[0];
      terms = std::move(pairs);
    }
  }

private:
  OpBuilder &b;
  Location loc;
};

} // namespace

namespace {
/// x = 2 m ln 2 + r with a whole number m and |r| < 0.694.
struct Reduced {
  Value m, r;
  Value power; ///< 2^m
};
} // namespace

/// Squared, 2^m covers subnormal results at one end and overflow at the other,
/// while itself it is always a normal number: no case needs care. `x` is within
/// -105 and 90.
static Reduced reduceExp(Arithmetic &a, Value x) {
  // Adding 1.5 * 2^23 rounds to a whole number, which is then in the low bits,
  // with the bias of the exponent.
  Value magic = a.real(12582912.0f + 127.0f);
  Value shifted = a.fma(x, a.real(0.721347520444481704f), magic);
  Value m = a.sub(shifted, magic);
  Value r = a.fma(m, a.real(-1.38671875f), x);
  r = a.fma(m, a.real(4.24388880e-4f), r);
  return {m, r, a.fromBits(a.shl(a.bits(shifted), 23))};
}

/// -(y y), as in the density of a normal distribution.
static bool isNegatedSquare(Value x) {
  auto negation = x.getDefiningOp<arith::NegFOp>();
  auto square = negation ? negation.getOperand().getDefiningOp<arith::MulFOp>()
                         : arith::MulFOp();
  return square && square.getLhs() == square.getRhs();
}

Value colossal::lower::emitExp(OpBuilder &builder, Location loc, Value x) {
  Arithmetic a(builder, loc);
  bool isNeverPositive = isNegatedSquare(x);
  x = a.atLeast(x, -104.5f);
  if (!isNeverPositive)
    x = a.atMost(x, 89.0f);
  Reduced reduced = reduceExp(a, x);
  Value r = reduced.r;
  Value p = a.polynomial(r, {1.95519900e-4f, 1.41146523e-3f, 8.33704881e-3f,
                             4.16605510e-2f, 1.66665718e-1f, 5.00000477e-1f});
  p = a.add(a.fma(p, a.mul(r, r), r), a.real(1.0f));
  return a.mul(a.mul(p, reduced.power), reduced.power);
}

Value colossal::lower::emitExpM1(OpBuilder &builder, Location loc, Value x) {
  Arithmetic a(builder, loc);
  x = a.atMost(a.atLeast(x, -80.0f), 89.0f);
  Reduced reduced = reduceExp(a, x);
  Value r = reduced.r, power = reduced.power;
  Value p = a.polynomial(r, {1.98551512e-4f, 1.40943553e-3f, 8.33425671e-3f,
                             4.16619070e-2f, 1.66666478e-1f, 5.00000238e-1f});
  p = a.fma(p, a.mul(r, r), r); // exp(r) - 1
  // 4^m (p + 1) - 1; m = 0 keeps p's digits.
  Value scaled = a.fma(a.fma(power, p, power), power, a.real(-1.0f));
  return a.select(a.equal(reduced.m, a.real(0.0f)), p, scaled);
}

Value colossal::lower::emitLog(OpBuilder &builder, Location loc, Value x) {
  Arithmetic a(builder, loc);
  Value zero = a.real(0.0f);
  // A subnormal number is scaled up first.
  Value isSmall = a.less(x, a.real(std::numeric_limits<float>::min()));
  Value y = a.select(isSmall, a.mul(x, a.real(8388608.0f)), x);
  Value bits = a.bits(y);
  // Mantissa in [0.5, 1), then in [sqrt(1/2), sqrt(2)).
  Value m = a.fromBits(
      a.orI(a.andI(bits, a.integer(0x007FFFFF)), a.integer(0x3F000000)));
  Value e = a.toReal(a.subI(a.shr(bits, 23), a.integer(126)));
  e = a.sub(e, a.select(isSmall, a.real(23.0f), zero));
  Value below = a.less(m, a.real(0.707106781186547524f));
  e = a.sub(e, a.select(below, a.real(1.0f), zero));
  m = a.sub(a.add(m, a.select(below, m, zero)), a.real(1.0f));
  Value z = a.mul(m, m);
  Value p =
      a.polynomial(m, {7.0376836292e-2f, -1.1514610310e-1f, 1.1676998740e-1f,
                       -1.2420140846e-1f, 1.4249322787e-1f, -1.6668057665e-1f,
                       2.0000714765e-1f, -2.4999993993e-1f, 3.3333331174e-1f});
  p = a.mul(a.mul(p, m), z);
  p = a.fma(e, a.real(-2.12194440e-4f), p);
  p = a.fma(z, a.real(-0.5f), p);
  Value log = a.fma(e, a.real(0.693359375f), a.add(m, p));
  // log 0 = -inf; log inf = inf; NaN below zero and for NaN.
  float infinity = std::numeric_limits<float>::infinity();
  Value isFinite = a.less(x, a.real(infinity));
  log = a.select(isFinite, log, x);
  Value isPositive = a.less(zero, x);
  Value isNegative = a.less(x, zero);
  Value special =
      a.select(isNegative, a.real(std::numeric_limits<float>::quiet_NaN()),
               a.select(isFinite, a.real(-infinity), x));
  return a.select(isPositive, log, special);
}

Value colossal::lower::emitLog1p(OpBuilder &builder, Location loc, Value x) {
  Arithmetic a(builder, loc);
  Value one = a.real(1.0f);
  Value sum = a.add(x, one), log = emitLog(builder, loc, sum);
  // What the sum has lost; the tail only counts where x is below 1.
  Value lost = a.sub(x, a.sub(sum, one));
  // -1, infinity and NaN have no tail.
  Value hasTail =
      a.less(a.mul(log, log), a.real(std::numeric_limits<float>::infinity()));
  return a.select(hasTail, a.add(log, a.div(lost, sum)), log);
}

Value colossal::lower::emitTanh(OpBuilder &builder, Location loc, Value x) {
  Arithmetic a(builder, loc);
  Value z = a.mul(x, x);
  Value p = a.polynomial(z, {-5.70498872745e-3f, 2.06390887954e-2f,
                             -5.37397155531e-2f, 1.33314422036e-1f,
                             -3.33332819422e-1f});
  Value small = a.fma(a.mul(p, z), x, x);
  Value magnitude = a.abs(x);
  Value doubled = a.add(magnitude, magnitude);
  Value one = a.real(1.0f);
  Value large = a.sub(
      one, a.div(a.real(2.0f), a.add(emitExp(builder, loc, doubled), one)));
  large = math::CopySignOp::create(builder, loc, large, x);
  // NaN takes the polynomial, which keeps it.
  return a.select(a.less(a.real(0.625f), magnitude), large, small);
}

/// One formula for all x: erf = 1 - (1 - d)^8, where d = 1 - erfc^(1/8) has no
/// kink between 0 and 4, and beyond that 1 - erfc rounds to 1. d is c x + x^2
/// p(x), of least maximal relative error in erf (7e-9), found by reweighted
/// least squares. Squaring 1 - d makes d (2 - d) of d, which takes no small
/// difference of large numbers: where x is small, digits are kept.
Value colossal::lower::emitErf(OpBuilder &builder, Location loc, Value x) {
  Arithmetic a(builder, loc);
  Value magnitude = a.abs(x), size = a.atMost(magnitude, 4.0f);
  Value p = a.polynomial(size, {4.80052586e-6f, -8.88735740e-5f, 5.12840110e-4f,
                                -1.86499106e-4f, -6.58926321e-3f,
                                2.08904175e-3f, 6.96303695e-2f});
  Value d = a.fma(p, a.mul(size, size), a.mul(size, a.real(1.41047388e-1f)));
  for (int squaring = 0; squaring < 3; ++squaring)
    d = a.fma(a.neg(d), d, a.add(d, d));
  // d is not negative: x gives its sign.
  Value sign = a.xorI(a.bits(x), a.bits(magnitude));
  return a.fromBits(a.orI(a.bits(d), sign));
}
