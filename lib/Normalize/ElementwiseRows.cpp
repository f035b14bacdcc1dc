//===- ElementwiseRows.cpp - Arithmetic, comparisons, choices, copies -----===//

#include "Colossal/IR/UnsignedByte.h"
#include "Rows.h"
#include "Unary.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::normalize;

//===----------------------------------------------------------------------===//
// Two operands
//===----------------------------------------------------------------------===//

template <typename Body>
static void binary(Call &c, Type compute, Type result, Body body) {
  ElementwiseOptions options;
  options.compute = compute;
  options.result = result;
  c.result(elementwise(c, {c.item(0), c.item(1)}, options,
                       [&](ScalarBuilder &s, ValueRange in) -> Value {
                         return body(s, in[0], in[1]);
                       }));
}

template <typename Body> static void arithmetic(Call &c, Body body) {
  binary(c, promoted(c, {c.item(0), c.item(1)}), {}, body);
}

/// a + alpha b, or a - alpha b.
template <bool subtract> static void addition(Call &c) {
  Item alpha = c.size() > 2 ? c.item(2) : Item();
  bool scaled = alpha.isScalar() && alpha.scalar.asReal() != 1.0;
  arithmetic(c, [&](ScalarBuilder &s, Value a, Value b) {
    if (scaled)
      b = s.mul(s.constant(b.getType(), alpha.scalar.asReal()), b);
    return subtract ? s.sub(a, b) : s.add(a, b);
  });
}

/// b - alpha a.
static void reverseSubtraction(Call &c) {
  std::vector<Item> operands = c.getArguments().vec();
  std::swap(operands[0], operands[1]);
  c.setArguments(operands);
  addition<true>(c);
}

static void multiply(Call &c) {
  arithmetic(c, [](ScalarBuilder &s, Value a, Value b) { return s.mul(a, b); });
}

namespace {
/// fmod(a, b) is exact and has a's sign; where b has the other sign, remainder
/// and quotient are those of the next integer below.
struct ExactDivision {
  Value rest, isBelow;
};
} // namespace

static ExactDivision divideExactly(ScalarBuilder &s, Value a, Value b) {
  Value zero = s.zero(a.getType());
  Value rest = s.create<arith::RemFOp>(a, b);
  Value otherSign =
      s.create<arith::XOrIOp>(s.compare(Relation::Less, b, zero),
                              s.compare(Relation::Less, rest, zero));
  return {rest,
          s.logicalAnd(s.compare(Relation::NotEqual, rest, zero), otherSign)};
}

/// The remainder of floats with the divisor's sign; NaN for b = 0.
static Value floatRemainder(ScalarBuilder &s, Value a, Value b) {
  auto [rest, isBelow] = divideExactly(s, a, b);
  return s.select(isBelow, s.add(rest, b), rest);
}

/// floor(a / b) of the exact quotient: a / b rounded may be the next integer.
static Value floatFloorDivide(ScalarBuilder &s, Value a, Value b) {
  Type type = a.getType();
  auto [rest, isBelow] = divideExactly(s, a, b);
  Value whole = s.div(s.sub(a, rest), b);
  whole = s.select(isBelow, s.sub(whole, s.one(type)), whole);
  Value down = s.create<math::FloorOp>(whole);
  Value nearest = s.select(
      s.compare(Relation::Greater, s.sub(whole, down), s.constant(type, 0.5)),
      s.add(down, s.one(type)), down);
  return s.select(s.compare(Relation::Equal, b, s.zero(type)), s.div(a, b),
                  nearest);
}

/// A step function: no derivative.
static Value floorDivide(ScalarBuilder &s, Value a, Value b) {
  if (isa<FloatType>(a.getType()))
    return s.withDerivative(floatFloorDivide(s, a, b), {}, {});
  return s.divideIntegers<arith::FloorDivSIOp>(a, b);
}

static void divide(Call &c) {
  StringRef mode = c.isNone(2) ? "" : c.text(2);
  Type type = promoted(c, {c.item(0), c.item(1)});
  if (mode.empty())
    return binary(
        c, floatType(type), {},
        [](ScalarBuilder &s, Value a, Value b) { return s.div(a, b); });
  if (mode != "floor" && mode != "trunc")
    c.error("rounding_mode = '" + mode + "' (expected 'floor' or 'trunc')");
  binary(c, type, {}, [&](ScalarBuilder &s, Value a, Value b) -> Value {
    if (mode == "floor")
      return floorDivide(s, a, b);
    if (isa<FloatType>(type))
      return s.create<math::TruncOp>(s.div(a, b));
    return s.divideIntegers<arith::DivSIOp>(a, b);
  });
}

static void floorDivision(Call &c) { arithmetic(c, floorDivide); }

/// The sign follows the divisor, as in Python. The derivative by it is
/// -floor(a / b).
static void remainder(Call &c) {
  arithmetic(c, [](ScalarBuilder &s, Value a, Value b) {
    if (!isa<FloatType>(a.getType()))
      return s.sub(a, s.mul(floorDivide(s, a, b), b));
    return s.withDerivative(
        floatRemainder(s, a, b), {a, b},
        {s.one(a.getType()), s.negate(floatFloorDivide(s, a, b))});
  });
}

/// Integers to powers that data give, by repeated squaring over the bits of the
/// exponent. To negative ones: what is left of the quotient.
static void integerPowerOfData(Call &c, Type type) {
  unsigned width = type.getIntOrFloatBitWidth();
  unsigned digits = isUnsignedByte(type) ? width : width - 1;
  if (width == 1)
    return c.error("a truth value to a power that depends on data");
  arithmetic(c, [&](ScalarBuilder &s, Value base, Value exponent) {
    auto number = [&](int64_t value) { return s.integer(type, value); };
    Value product = number(1), square = base, odd;
    for (unsigned bit = 0; bit < std::min(digits, 32u); ++bit) {
      Value isSet = s.compare(
          Relation::NotEqual,
          s.createInteger<arith::AndIOp>(exponent, number(int64_t(1) << bit)),
          number(0));
      odd = odd ? odd : isSet;
      product = s.select(isSet, s.mul(product, square), product);
      square = s.mul(square, square);
    }
    auto is = [&](int64_t value) {
      return s.compare(Relation::Equal, base, number(value));
    };
    Value sign = s.select(odd, number(-1), number(1));
    Value quotient =
        s.select(is(1), number(1), s.select(is(-1), sign, number(0)));
    return s.select(s.compare(Relation::Less, exponent, number(0)), quotient,
                    product);
  });
}

/// Integers to a known power, by repeated squaring.
static void integerPower(Call &c, Type type) {
  if (c.item(1).isTensor() && !c.state.numberOf(c.item(1)))
    return integerPowerOfData(c, type);
  int64_t exponent = c.integer(1);
  if (exponent < 0)
    c.error("an integer to the power " + Twine(exponent));
  ElementwiseOptions options;
  options.compute = type;
  c.result(elementwise(c, {c.item(0)}, options,
                       [&](ScalarBuilder &s, ValueRange in) {
                         Value product = s.integer(type, 1), square = in[0];
                         for (int64_t rest = exponent; rest > 0; rest /= 2) {
                           if (rest % 2)
                             product = s.mul(product, square);
                           if (rest > 1)
                             square = s.mul(square, square);
                         }
                         return product;
                       }));
}

/// A known exponent n has the derivative n x^(n-1), which stays right when x^n
/// becomes a product or a root.
static void power(Call &c) {
  Type type = promoted(c, {c.item(0), c.item(1)});
  if (!isa<FloatType>(type))
    return integerPower(c, type);
  const Item &exponent = c.item(1);
  bool isKnown = exponent.isScalar() && !c.item(0).isScalar();
  double n = isKnown ? exponent.scalar.asReal() : 0;
  arithmetic(c, [&](ScalarBuilder &s, Value a, Value b) -> Value {
    Value power = s.create<math::PowFOp>(a, b);
    if (!isKnown)
      return power;
    if (n == 0)
      return s.withDerivative(power, a, s.zero(type));
    Value less = s.create<math::PowFOp>(a, s.constant(type, n - 1));
    return s.withDerivative(power, a, s.mul(s.constant(type, n), less));
  });
}

static void maximum(Call &c) {
  arithmetic(
      c, [](ScalarBuilder &s, Value a, Value b) { return s.maximum(a, b); });
}

static void minimum(Call &c) {
  arithmetic(
      c, [](ScalarBuilder &s, Value a, Value b) { return s.minimum(a, b); });
}

template <Relation relation> static void comparison(Call &c) {
  binary(c, promoted(c, {c.item(0), c.item(1)}), c.builder().getI1Type(),
         [](ScalarBuilder &s, Value a, Value b) {
           return s.compare(relation, a, b);
         });
}

template <typename OpTy> static void logical(Call &c) {
  binary(
      c, c.builder().getI1Type(), {},
      [](ScalarBuilder &s, Value a, Value b) { return s.create<OpTy>(a, b); });
}

template <typename OpTy> static void bitwise(Call &c) {
  arithmetic(c, [](ScalarBuilder &s, Value a, Value b) {
    return s.createInteger<OpTy>(a, b);
  });
}

//===----------------------------------------------------------------------===//
// Three operands
//===----------------------------------------------------------------------===//

/// condition ? a : b, the values promoted.
static void where(Call &c) {
  Type type = promoted(c, {c.item(1), c.item(2)});
  ElementwiseOptions options;
  options.types = {c.builder().getI1Type(), type, type};
  options.result = type;
  c.result(elementwise(c, {c.item(0), c.item(1), c.item(2)}, options,
                       [](ScalarBuilder &s, ValueRange in) {
                         return s.select(in[0], in[1], in[2]);
                       }));
}

/// mask ? value : self, in the type of self.
static void maskedFill(Call &c) {
  Type type = c.type(0).getElementType();
  ElementwiseOptions options;
  options.types = {type, c.builder().getI1Type(), type};
  options.result = type;
  c.result(elementwise(c, {c.item(0), c.item(1), c.item(2)}, options,
                       [](ScalarBuilder &s, ValueRange in) {
                         return s.select(in[1], in[2], in[0]);
                       }));
}

/// self + value t1 t2, self + value t1 / t2.
template <bool division> static void fusedMultiplyAdd(Call &c) {
  double value = c.real(3);
  ElementwiseOptions options;
  options.compute = promoted(c, {c.item(0), c.item(1), c.item(2)});
  c.result(elementwise(c, {c.item(0), c.item(1), c.item(2)}, options,
                       [&](ScalarBuilder &s, ValueRange in) {
                         Value first = in[1];
                         if (value != 1.0)
                           first =
                               s.mul(s.constant(first.getType(), value), first);
                         return s.add(in[0], division ? s.div(first, in[2])
                                                      : s.mul(first, in[2]));
                       }));
}

//===----------------------------------------------------------------------===//
// Copies
//===----------------------------------------------------------------------===//

/// The source in the shape and type of self, which it will replace.
static void copy(Call &c) {
  ElementwiseOptions options;
  options.result = c.type(0).getElementType();
  if (c.type(0).getShape() == c.type(1).getShape())
    return c.result(c.tensor(castTo(c, c.item(1), options.result)));
  // The shape of self matters, its contents do not.
  Item self = c.alias(0);
  c.result(elementwise(c, {self, c.item(1)}, options,
                       [](ScalarBuilder &, ValueRange in) { return in[1]; }));
}

/// The same contents, sharing nothing.
static void clone(Call &c) {
  if (c.item(0).isScalar())
    return c.result(c.item(0));
  c.result(c.tensor(0));
}

void normalize::addElementwiseRows(Table &table) {
  table.add({"aten::add.Tensor", "aten::add.Scalar"}, addition<false>);
  table.add({"aten::sub.Tensor", "aten::sub.Scalar"}, addition<true>);
  table.add({"aten::rsub.Tensor", "aten::rsub.Scalar"}, reverseSubtraction);
  table.add({"aten::mul.Tensor", "aten::mul.Scalar"}, multiply);
  table.add({"aten::div.Tensor", "aten::div.Scalar", "aten::div.Tensor_mode",
             "aten::div.Scalar_mode", "aten::true_divide.Tensor"},
            divide);
  // `floor_divide_.Tensor` and `pow_.Tensor` have overloads of their own.
  table.add({"aten::floor_divide", "aten::floor_divide.Scalar",
             "aten::floor_divide.Tensor"},
            floorDivision);
  table.add({"aten::remainder.Tensor", "aten::remainder.Scalar",
             "aten::remainder.Scalar_Tensor"},
            remainder);
  table.add({"aten::pow.Tensor_Scalar", "aten::pow.Tensor_Tensor",
             "aten::pow.Tensor", "aten::pow.Scalar"},
            power);
  table.add({"aten::maximum", "aten::max.other"}, maximum);
  table.add({"aten::minimum", "aten::min.other"}, minimum);
  table.add({"aten::eq.Tensor", "aten::eq.Scalar"},
            comparison<Relation::Equal>);
  table.add({"aten::ne.Tensor", "aten::ne.Scalar"},
            comparison<Relation::NotEqual>);
  table.add({"aten::lt.Tensor", "aten::lt.Scalar"}, comparison<Relation::Less>);
  table.add({"aten::le.Tensor", "aten::le.Scalar"},
            comparison<Relation::LessEqual>);
  table.add({"aten::gt.Tensor", "aten::gt.Scalar"},
            comparison<Relation::Greater>);
  table.add({"aten::ge.Tensor", "aten::ge.Scalar"},
            comparison<Relation::GreaterEqual>);
  table.add("aten::logical_and", logical<arith::AndIOp>);
  table.add("aten::logical_or", logical<arith::OrIOp>);
  table.add("aten::logical_xor", logical<arith::XOrIOp>);
  table.add({"aten::bitwise_and.Tensor", "aten::bitwise_and.Scalar",
             "aten::__and__.Tensor", "aten::__and__.Scalar"},
            bitwise<arith::AndIOp>);
  table.add({"aten::bitwise_or.Tensor", "aten::bitwise_or.Scalar",
             "aten::__or__.Tensor", "aten::__or__.Scalar"},
            bitwise<arith::OrIOp>);
  table.add({"aten::bitwise_xor.Tensor", "aten::bitwise_xor.Scalar",
             "aten::__xor__.Tensor", "aten::__xor__.Scalar"},
            bitwise<arith::XOrIOp>);
  table.add({"aten::where.self", "aten::where.ScalarSelf",
             "aten::where.ScalarOther", "aten::where.Scalar"},
            where);
  table.add({"aten::masked_fill.Scalar", "aten::masked_fill.Tensor"},
            maskedFill);
  table.add("aten::addcmul", fusedMultiplyAdd<false>);
  table.add("aten::addcdiv", fusedMultiplyAdd<true>);
  // Reached through `copy_` only.
  table.add("aten::copy", copy);
  table.add("aten::clone", clone);
}
