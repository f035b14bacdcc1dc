//===- DivisorRows.cpp - Common divisors of integers ----------------------===//

#include "Elementwise.h"
#include "Rows.h"
#include "Unary.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::normalize;

/// The greatest common divisor of two integers by Euclid's algorithm, which
/// takes at most as many steps as the numbers of their bits allow (Lamé).
static Value greatestDivisor(ScalarBuilder &s, Value a, Value b) {
  Type type = a.getType();
  Value zero = s.integer(type, 0);
  auto size = [&](Value x) {
    return s.select(s.compare(Relation::Less, x, zero), s.sub(zero, x), x);
  };
  a = size(a);
  b = size(b);
  int steps = type.getIntOrFloatBitWidth() * 3 / 2;
  for (int i = 0; i < steps; ++i) {
    Value isDone = s.compare(Relation::Equal, b, zero);
    Value rest = s.divideIntegers<arith::RemSIOp>(
        a, s.select(isDone, s.integer(type, 1), b));
    a = s.select(isDone, a, b);
    b = s.select(isDone, b, rest);
  }
  return a;
}

template <bool isMultiple> static void divisor(Call &c) {
  Type type = promoted(c, {c.item(0), c.item(1)});
  if (!isa<IntegerType>(type) || type.isInteger(1))
    return c.error("expected integers");
  // Narrow numbers wrap around when they are stored, as in PyTorch.
  Type wide =
      type.getIntOrFloatBitWidth() < 32 ? c.builder().getI32Type() : type;
  ElementwiseOptions options;
  options.compute = wide;
  options.result = type;
  c.result(elementwise(
      c, {c.item(0), c.item(1)}, options, [&](ScalarBuilder &s, ValueRange in) {
        Value divisor = greatestDivisor(s, in[0], in[1]);
        if (!isMultiple)
          return divisor;
        Value zero = s.integer(wide, 0);
        Value isZero = s.compare(Relation::Equal, divisor, zero);
        Value product =
            s.mul(s.divideIntegers<arith::DivSIOp>(
                      in[0], s.select(isZero, s.integer(wide, 1), divisor)),
                  in[1]);
        return s.select(s.compare(Relation::Less, product, zero),
                        s.sub(zero, product), product);
      }));
}

void normalize::addDivisorRows(Table &table) {
  table.add("aten::gcd", divisor<false>);
  table.add("aten::lcm", divisor<true>);
}
