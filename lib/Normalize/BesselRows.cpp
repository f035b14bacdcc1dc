//===- BesselRows.cpp - Modified Bessel functions -------------------------===//
//
// Up to kSwitch the power series, whose terms have one sign; above Hankel's
// expansion, whose least term is there below the last digit of an f64 (NIST
// Handbook, 10.25.2 and 10.40.1). In f64, whatever the type of the operand.
//
//===----------------------------------------------------------------------===//

#include "Bessel.h"
#include "Rows.h"
#include "Unary.h"

#include <cmath>

using namespace mlir;
using namespace colossal;
using namespace colossal::normalize;

static constexpr double kSwitch = 20;
static constexpr int kPowers = 56, kHankel = 28;

Value normalize::besselOf(ScalarBuilder &s, Value x, int order, bool isScaled) {
  Type type = x.getType();
  auto number = [&](double value) { return s.constant(type, value); };
  Value size = s.create<math::AbsFOp>(x);
  // sum t^k / (k! (k + order)!), t = x^2 / 4, by Horner's scheme.
  Value t = s.mul(number(0.25), s.mul(x, x)), powers = number(1);
  for (int k = kPowers; k >= 1; --k)
    powers = s.add(number(1),
                   s.mul(s.mul(t, number(1. / (k * (k + order)))), powers));
  if (order == 1)
    powers = s.mul(s.mul(number(0.5), size), powers);
  // 1 - (m - 1) / (8 x) (1 - (m - 9) / (2 * 8 x) (1 - ..)), m = 4 order^2.
  Value inverse = s.div(number(1), size), hankel = number(1);
  for (int k = kHankel; k >= 1; --k) {
    double step = (2. * k - 1) * (2. * k - 1) - 4. * order * order;
    hankel =
        s.add(number(1), s.mul(s.mul(inverse, number(step / (8 * k))), hankel));
  }
  Value root = s.create<math::SqrtOp>(s.mul(number(2 * M_PI), size));
  Value isSmall = s.compare(Relation::LessEqual, size, number(kSwitch));
  Value growth = s.create<math::ExpOp>(isScaled ? s.negate(size) : size);
  Value value =
      isScaled ? s.select(isSmall, s.mul(powers, growth), s.div(hankel, root))
               : s.select(isSmall, powers, s.mul(growth, s.div(hankel, root)));
  return order == 1 ? s.create<math::CopySignOp>(value, x) : value;
}

/// The row of `order`, with PyTorch's derivative.
template <int order, bool isScaled> static void bessel(Call &c) {
  unaryFloat(c, [](ScalarBuilder &s, Value x) {
    Type own = x.getType(), f64 = s.getBuilder().getF64Type();
    Value y = s.cast(x, f64);
    auto number = [&](double value) { return s.constant(f64, value); };
    Value value = besselOf(s, y, order, isScaled),
          other = besselOf(s, y, 1 - order, isScaled), slope = other;
    Value isZero = s.compare(Relation::Equal, y, number(0));
    Value sign =
        s.select(isZero, number(0), s.create<math::CopySignOp>(number(1), y));
    if (order == 1)
      slope = s.sub(other, s.div(value, s.select(isZero, number(1), y)));
    if (isScaled)
      slope = s.sub(slope, s.mul(sign, value));
    // PyTorch takes what is not above a least size for 0, NaN too.
    if (order == 1)
      slope = s.select(
          s.compare(Relation::Greater, s.create<math::AbsFOp>(y), number(0)),
          slope, number(0.5));
    return s.withDerivative(s.cast(value, own), x, s.cast(slope, own));
  });
}

void normalize::addBesselRows(Table &table) {
  table.add({"aten::i0", "aten::special_i0"}, bessel<0, false>);
  table.add("aten::special_i0e", bessel<0, true>);
  table.add("aten::special_i1", bessel<1, false>);
  table.add("aten::special_i1e", bessel<1, true>);
}
