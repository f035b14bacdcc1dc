//===- ComplexRows.cpp - Products and functions of complex numbers --------===//

#include "Complex.h"
#include "Dtypes.h"
#include "Elementwise.h"
#include "ViewBuilder.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::normalize;

/// One part of the result, from parts of the operands.
static Item each(Call &c, ArrayRef<Item> inputs, StringRef suffix,
                 GenericBuilder::Body body) {
  ElementwiseOptions options;
  options.compute = floatType(resultType(inputs, c.builder().getContext()));
  options.suffix = suffix;
  return elementwise(c, inputs, options, body);
}

static void result(Call &c, Item re, Item im) {
  if (!c.failed())
    c.result(Item::makeComplex(std::move(re), std::move(im)));
}

/// Item of a part that is a tensor: a known number gets a storage.
static Item asTensor(Call &c, const Item &item) {
  if (item.isTensor())
    return item;
  return Item(c.state.fresh(c.tensor(item), c.op.getName(), c.loc()));
}

//===----------------------------------------------------------------------===//
// From and to real tensors
//===----------------------------------------------------------------------===//

static void viewAsComplex(Call &c) {
  RankedTensorType type = c.type(0);
  if (c.failed() || type.getRank() == 0 || type.getShape().back() != 2 ||
      !isa<FloatType>(type.getElementType()))
    return c.error("expected floats with a last dimension of 2");
  c.result(pairsToComplex(c.state, c.alias(0), c.op.getName(), c.loc()));
}

static void viewAsReal(Call &c) {
  Value pairs = complexToPairs(c, c.item(0), "");
  if (!c.failed())
    c.result(pairs);
}

static void complexOf(Call &c) {
  auto same = [](unsigned own) {
    return [own](ScalarBuilder &, ValueRange in) { return in[own]; };
  };
  std::vector<Item> both = {c.item(0), c.item(1)};
  result(c, each(c, both, "re", same(0)), each(c, both, "im", same(1)));
}

/// polar(length, angle). PyTorch takes the length for positive: its derivative
/// by it is the direction of the result, 0 at 0.
static void polar(Call &c) {
  auto part = [](bool imaginary) {
    return [imaginary](ScalarBuilder &s, ValueRange in) {
      Value length = in[0], cosine = s.create<math::CosOp>(in[1]),
            sine = s.create<math::SinOp>(in[1]);
      Value own = imaginary ? sine : cosine, other = imaginary ? cosine : sine;
      Type type = length.getType();
      Value zero = s.zero(type);
      auto is = [&](Relation relation) {
        return s.compare(relation, length, zero);
      };
      Value direction =
          s.select(is(Relation::Equal), zero,
                   s.select(is(Relation::Less), s.negate(own), own));
      Value turn = s.mul(length, imaginary ? other : s.negate(other));
      return s.withDerivative(s.mul(length, own), {length, in[1]},
                              {direction, turn});
    };
  };
  std::vector<Item> both = {c.item(0), c.item(1)};
  result(c, each(c, both, "re", part(false)), each(c, both, "im", part(true)));
}

static void same(Call &c) { c.result(c.item(0)); }
static void realPart(Call &c) { c.result(c.item(0).list[0]); }
static void imaginaryPart(Call &c) { c.result(c.item(0).list[1]); }

static void conjugate(Call &c) {
  Parts z = partsOf(c, c.item(0));
  result(c, z.re, each(c, {z.im}, "im", [](ScalarBuilder &s, ValueRange in) {
           return s.negate(in[0]);
         }));
}

//===----------------------------------------------------------------------===//
// Length and angle
//===----------------------------------------------------------------------===//

static Value square(ScalarBuilder &s, Value x) { return s.mul(x, x); }

/// Without overflow of squares; the derivative at 0 is 0, as PyTorch has it.
static Value lengthOf(ScalarBuilder &s, Value re, Value im) {
  Type type = re.getType();
  Value x = s.create<math::AbsFOp>(re), y = s.create<math::AbsFOp>(im);
  Value large = s.maximum(x, y), small = s.minimum(x, y), zero = s.zero(type);
  Value isPlain =
      s.logicalAnd(s.compare(Relation::Greater, large, zero),
                   s.compare(Relation::Less, large, s.infinity(type, false)));
  Value share = s.div(small, s.select(isPlain, large, s.one(type)));
  Value length = s.mul(
      large, s.create<math::SqrtOp>(s.add(s.one(type), square(s, share))));
  length = s.select(isPlain, length, large);
  Value isZero = s.compare(Relation::Equal, large, zero);
  auto slope = [&](Value part) {
    return s.select(isZero, zero,
                    s.div(part, s.select(isZero, s.one(type), length)));
  };
  return s.withDerivative(length, {re, im}, {slope(re), slope(im)});
}

static void absolute(Call &c) {
  Parts z = partsOf(c, c.item(0));
  c.result(each(c, {z.re, z.im}, "", [](ScalarBuilder &s, ValueRange in) {
    return lengthOf(s, in[0], in[1]);
  }));
}

static void angle(Call &c) {
  Parts z = partsOf(c, c.item(0));
  c.result(each(c, {z.re, z.im}, "", [](ScalarBuilder &s, ValueRange in) {
    Type type = in[0].getType();
    Value squares = s.add(square(s, in[0]), square(s, in[1]));
    Value isZero = s.compare(Relation::Equal, squares, s.zero(type));
    Value divisor = s.select(isZero, s.one(type), squares);
    return s.withDerivative(
        s.create<math::Atan2Op>(in[1], in[0]), {in[1], in[0]},
        {s.div(in[0], divisor), s.div(s.negate(in[1]), divisor)});
  }));
}

static void exponential(Call &c) {
  Parts z = partsOf(c, c.item(0));
  result(c,
         each(c, {z.re, z.im}, "re",
              [](ScalarBuilder &s, ValueRange in) {
                return s.mul(s.create<math::ExpOp>(in[0]),
                             s.create<math::CosOp>(in[1]));
              }),
         each(c, {z.re, z.im}, "im", [](ScalarBuilder &s, ValueRange in) {
           return s.mul(s.create<math::ExpOp>(in[0]),
                        s.create<math::SinOp>(in[1]));
         }));
}

//===----------------------------------------------------------------------===//
// Arithmetic
//===----------------------------------------------------------------------===//

/// a + factor b; the factor is alpha, or -alpha.
static void sum(Call &c, const Item &first, const Item &second, bool negative) {
  Parts a = partsOf(c, first), b = partsOf(c, second);
  std::vector<Item> inputs = {a.re, a.im, b.re, b.im};
  Item alpha = c.item(2);
  if (alpha.isComplex())
    return c.error("alpha is complex");
  if (alpha.isScalar())
    inputs.push_back(alpha);
  auto part = [&](unsigned at) {
    return [&, at](ScalarBuilder &s, ValueRange in) {
      Value other = in.size() > 4 && alpha.scalar.asReal() != 1
                        ? s.mul(in[4], in[at + 2])
                        : in[at + 2];
      return negative ? s.sub(in[at], other) : s.add(in[at], other);
    };
  };
  result(c, each(c, inputs, "re", part(0)), each(c, inputs, "im", part(1)));
}

static void add(Call &c) { sum(c, c.item(0), c.item(1), false); }
static void subtract(Call &c) { sum(c, c.item(0), c.item(1), true); }
static void subtractFrom(Call &c) {
  if (c.item(2).isScalar() && c.item(2).scalar.asReal() != 1)
    return c.error("alpha is not 1");
  sum(c, c.item(1), c.item(0), true);
}

static void multiply(Call &c) {
  const Item &x = c.item(0), &y = c.item(1);
  Parts a = partsOf(c, x), b = partsOf(c, y);
  auto product = [](ScalarBuilder &s, ValueRange in) {
    return s.mul(in[0], in[1]);
  };
  if (!y.isComplex())
    return result(c, each(c, {a.re, y}, "re", product),
                  each(c, {a.im, y}, "im", product));
  if (!x.isComplex())
    return result(c, each(c, {x, b.re}, "re", product),
                  each(c, {x, b.im}, "im", product));
  std::vector<Item> all = {a.re, a.im, b.re, b.im};
  result(c,
         each(c, all, "re",
              [](ScalarBuilder &s, ValueRange in) {
                return s.sub(s.mul(in[0], in[2]), s.mul(in[1], in[3]));
              }),
         each(c, all, "im", [](ScalarBuilder &s, ValueRange in) {
           return s.add(s.mul(in[0], in[3]), s.mul(in[1], in[2]));
         }));
}

/// R. L. Smith, Algorithm 116: Complex division, 1962: by the larger part
/// first, so that no square overflows.
static void divide(Call &c) {
  const Item &y = c.item(1);
  Parts a = partsOf(c, c.item(0)), b = partsOf(c, y);
  auto quotient = [](ScalarBuilder &s, ValueRange in) {
    return s.div(in[0], in[1]);
  };
  if (!y.isComplex())
    return result(c, each(c, {a.re, y}, "re", quotient),
                  each(c, {a.im, y}, "im", quotient));
  std::vector<Item> all = {a.re, a.im, b.re, b.im};
  auto part = [](bool imaginary) {
    return [imaginary](ScalarBuilder &s, ValueRange in) {
      Value isRealLarge = s.compare(Relation::GreaterEqual,
                                    Value(s.create<math::AbsFOp>(in[2])),
                                    Value(s.create<math::AbsFOp>(in[3])));
      Value large = s.select(isRealLarge, in[2], in[3]);
      Value small = s.select(isRealLarge, in[3], in[2]);
      Value ratio = s.div(small, large);
      Value divisor = s.add(large, s.mul(small, ratio));
      Value first = in[imaginary ? 1 : 0], second = in[imaginary ? 0 : 1];
      Value x = s.select(isRealLarge, first, s.mul(first, ratio));
      Value z = s.select(isRealLarge, s.mul(second, ratio), second);
      return s.div(imaginary ? s.sub(x, z) : s.add(x, z), divisor);
    };
  };
  result(c, each(c, all, "re", part(false)), each(c, all, "im", part(true)));
}

//===----------------------------------------------------------------------===//
// Products of matrices
//===----------------------------------------------------------------------===//

/// An op that is linear in two operands, which `put` sets among its arguments.
static void bilinear(
    Call &c, const Item &x, const Item &y,
    llvm::function_ref<void(std::vector<Item> &, const Item &, const Item &)>
        put) {
  auto product = [&](const Item &a, const Item &b) -> Item {
    std::vector<Item> arguments(c.getArguments());
    put(arguments, a, b);
    if (c.failed())
      return {};
    std::vector<Item> results = resultsOf(c, std::move(arguments));
    return c.failed() ? Item() : results[0];
  };
  auto combined = [&](const Item &a, const Item &b, StringRef suffix,
                      bool minus) -> Item {
    if (c.failed())
      return {};
    return each(c, {a, b}, suffix, [&](ScalarBuilder &s, ValueRange in) {
      return minus ? s.sub(in[0], in[1]) : s.add(in[0], in[1]);
    });
  };
  Parts a = partsOf(c, x), b = partsOf(c, y);
  if (!y.isComplex())
    return result(c, product(a.re, y), product(a.im, y));
  if (!x.isComplex())
    return result(c, product(x, b.re), product(x, b.im));
  Item first = product(a.re, b.re), second = product(a.im, b.im);
  Item third = product(a.re, b.im), fourth = product(a.im, b.re);
  result(c, combined(first, second, "re", true),
         combined(third, fourth, "im", false));
}

static void matmul(Call &c) {
  bilinear(c, c.item(0), c.item(1),
           [](std::vector<Item> &items, const Item &a, const Item &b) {
             items[0] = a;
             items[1] = b;
           });
}

/// einsum(equation, operands) of one or two operands.
static void einsum(Call &c) {
  std::vector<Item> operands(c.list(1));
  if (operands.size() == 2)
    return bilinear(c, operands[0], operands[1],
                    [](std::vector<Item> &items, const Item &a, const Item &b) {
                      items[1] = Item::makeList({a, b});
                    });
  if (operands.size() != 1)
    return c.error("found " + Twine(operands.size()) +
                   " complex operands, expected at most 2");
  std::vector<Item> parts;
  for (const Item &part : operands[0].list) {
    std::vector<Item> results =
        resultsOf(c, {c.item(0), Item::makeList({part})});
    if (c.failed())
      return;
    parts.push_back(asTensor(c, results[0]));
  }
  result(c, parts[0], parts[1]);
}

void normalize::addFunctionsOfComplex(Table &table) {
  table.add("aten::view_as_real", viewAsReal);
  table.add("aten::real", realPart);
  table.add("aten::imag", imaginaryPart);
  table.add({"aten::conj", "aten::_conj", "aten::conj_physical"}, conjugate);
  table.add("aten::resolve_conj", same);
  table.add("aten::abs", absolute);
  table.add("aten::angle", angle);
  table.add("aten::exp", exponential);
  table.add({"aten::add.Tensor", "aten::add.Scalar"}, add);
  table.add({"aten::sub.Tensor", "aten::sub.Scalar"}, subtract);
  table.add({"aten::rsub.Tensor", "aten::rsub.Scalar"}, subtractFrom);
  table.add({"aten::mul.Tensor", "aten::mul.Scalar"}, multiply);
  table.add({"aten::div.Tensor", "aten::div.Scalar"}, divide);
  table.add({"aten::matmul", "aten::mm", "aten::bmm"}, matmul);
  table.add("aten::einsum", einsum);
}

void normalize::addComplexRows(Table &table) {
  table.add("aten::view_as_complex", viewAsComplex);
  table.add("aten::complex", complexOf);
  table.add("aten::polar", polar);
  table.add({"aten::real", "aten::conj", "aten::_conj", "aten::conj_physical",
             "aten::resolve_conj"},
            same);
  addFourierRows(table);
}
