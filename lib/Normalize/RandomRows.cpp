//===- RandomRows.cpp - Random tensors ------------------------------------===//
//
// Numbers are functions of the op, the seed, the step and the element (see
// RandomOp). Their derivatives are zero.
//
//===----------------------------------------------------------------------===//

#include "Elementwise.h"
#include "RandomNumber.h"
#include "Rows.h"
#include "Shapes.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::normalize;

/// An element, of numbers in [0, 1), f32, and of the elements of further
/// operands.
using Distribution =
    llvm::function_ref<Value(ScalarBuilder &, ValueRange, ValueRange)>;

/// A tensor of `dims` of numbers drawn from a distribution that takes `draws`
/// numbers for one; `more` are further operands, of the same dimensions.
static Value drawn(Call &c, ArrayRef<Dim> dims, Type type, unsigned draws,
                   ValueRange more, Distribution distribution) {
  GenericBuilder g = c.generic();
  DimFactors factors = addFactors(g, dims);
  IndexMapAttr map = plainMap(g, factors);
  for (Value value : more)
    g.operand(value, map);
  SmallVector<RandomNumber> random;
  std::string stream = c.op.getName().str();
  for (unsigned i = 0; i < draws; ++i)
    random.emplace_back(c, g, i ? stream + "." + std::to_string(i) : stream);
  g.result(type, map);
  SmallVector<int64_t> counted;
  for (ArrayRef<int64_t> dim : factors)
    counted.append(dim.begin(), dim.end());
  return g.build([&](ScalarBuilder &s, ValueRange in) {
    SmallVector<Value> numbers;
    for (RandomNumber &source : random)
      numbers.push_back(source.at(s, in, counted));
    return s.cast(distribution(s, numbers, in.take_front(more.size())), type);
  });
}

//===----------------------------------------------------------------------===//
// Distributions
//===----------------------------------------------------------------------===//

static Value uniform(ScalarBuilder &, ValueRange u, ValueRange) { return u[0]; }

/// G. Box, M. Muller, A note on the generation of random normal deviates, 1958.
static Value normal(ScalarBuilder &s, ValueRange u, ValueRange) {
  Type f32 = u[0].getType();
  Value positive = s.sub(s.one(f32), u[0]); // (0, 1]
  Value radius = s.create<math::SqrtOp>(
      s.mul(s.constant(f32, -2), s.create<math::LogOp>(positive)));
  Value angle = s.mul(s.constant(f32, 2 * M_PI), u[1]);
  return s.mul(radius, s.create<math::CosOp>(angle));
}

static bool wantsFloats(Call &c, Type type) {
  if (!isa<FloatType>(type))
    c.error("random numbers of a type that is no float");
  return !c.failed();
}

static void ofSizes(Call &c, unsigned draws, Distribution distribution) {
  Type type = c.dtype(1, c.builder().getF32Type());
  SmallVector<int64_t> sizes = c.integers(0);
  if (llvm::any_of(sizes, [](int64_t size) { return size < 0; }))
    c.error("found a negative size");
  if (wantsFloats(c, type))
    c.result(drawn(c, plainDims(sizes), type, draws, {}, distribution));
}

static void likeTensor(Call &c, unsigned draws, Distribution distribution) {
  Type type = c.dtype(1, c.type(0).getElementType());
  if (wantsFloats(c, type))
    c.result(drawn(c, dimsOf(c.tensor(0)), type, draws, {}, distribution));
}

static void rand(Call &c) { ofSizes(c, 1, uniform); }
static void randLike(Call &c) { likeTensor(c, 1, uniform); }
static void randn(Call &c) { ofSizes(c, 2, normal); }
static void randnLike(Call &c) { likeTensor(c, 2, normal); }

//===----------------------------------------------------------------------===//
// In place of a tensor's elements: reached through `uniform_` and so on
//===----------------------------------------------------------------------===//

static void fillFrom(Call &c, unsigned draws, Distribution distribution) {
  Type type = c.type(0).getElementType();
  if (wantsFloats(c, type))
    c.result(drawn(c, dimsOf(c.tensor(0)), type, draws, {}, distribution));
}

/// uniform_(self, from, to).
static void fillUniform(Call &c) {
  double from = c.real(1), to = c.real(2);
  if (!(from <= to))
    c.error("a uniform distribution from " + std::to_string(from) + " to " +
            std::to_string(to));
  fillFrom(c, 1, [&](ScalarBuilder &s, ValueRange u, ValueRange) {
    Type f32 = u[0].getType();
    return s.add(s.mul(u[0], s.constant(f32, to - from)),
                 s.constant(f32, from));
  });
}

/// normal_(self, mean, std).
static void fillNormal(Call &c) {
  double mean = c.real(1), deviation = c.real(2);
  if (!(deviation >= 0))
    c.error("a normal distribution of deviation " + std::to_string(deviation));
  fillFrom(c, 2, [&](ScalarBuilder &s, ValueRange u, ValueRange more) {
    Value x = normal(s, u, more);
    return s.add(s.mul(x, s.constant(x.getType(), deviation)),
                 s.constant(x.getType(), mean));
  });
}

/// normal(mean, std) of tensors or numbers, in the shape to which they
/// broadcast; normal(mean, std, size). Neither has a derivative.
static void normalAround(Call &c) {
  bool hasSize = c.key().ends_with(".float_float");
  Item number =
      hasSize ? c.call("aten::randn", {c.item(2), c.item(3)}) : Item();
  if (!hasSize) {
    Item shape = c.call("aten::add.Tensor",
                        {c.item(0), c.item(1), c.number(int64_t(1))});
    number = c.call("aten::randn_like", {shape, Item()});
  }
  if (c.failed())
    return;
  ElementwiseOptions options;
  options.compute = getElementTypeOrSelf(c.tensor(number).getType());
  c.result(elementwise(c, {number, c.item(0), c.item(1)}, options,
                       [](ScalarBuilder &s, ValueRange in) {
                         return s.withDerivative(
                             s.add(s.mul(in[0], in[2]), in[1]), {}, {});
                       }));
}

/// Integers from low on below high, each as likely as the others up to 2^-24.
static void integersOf(Call &c, ArrayRef<Dim> dims, Type type, int64_t low,
                       int64_t high) {
  constexpr int64_t most = int64_t(1) << 24;
  if (low >= high || high - low > most)
    return c.error("random integers from " + Twine(low) + " below " +
                   Twine(high) + ", expected 1 to " + Twine(most) +
                   " different ones");
  Type i64 = c.builder().getI64Type();
  c.result(drawn(
      c, dims, type, 1, {}, [&](ScalarBuilder &s, ValueRange u, ValueRange) {
        // A product of f32 may round up to the end.
        Value f64 = s.cast(u[0], s.getBuilder().getF64Type());
        Value place = s.mul(f64, s.constant(f64.getType(), double(high - low)));
        return s.add(s.cast(place, i64), s.integer(i64, low));
      }));
}

static void randomIntegers(Call &c) {
  bool hasLow = c.key().ends_with(".low");
  int64_t low = hasLow ? c.integer(0) : 0, high = c.integer(hasLow ? 1 : 0);
  SmallVector<int64_t> sizes = c.integers(hasLow ? 2 : 1);
  if (llvm::any_of(sizes, [](int64_t size) { return size < 0; }))
    c.error("found a negative size");
  Type type = c.dtype(hasLow ? 3 : 2, c.builder().getI64Type());
  if (!c.failed())
    integersOf(c, plainDims(sizes), type, low, high);
}

static void randomIntegersLike(Call &c) {
  bool hasLow = c.key().ends_with(".low_dtype");
  int64_t low = hasLow ? c.integer(1) : 0, high = c.integer(hasLow ? 2 : 1);
  Type type = c.dtype(hasLow ? 3 : 2, c.type(0).getElementType());
  if (!c.failed())
    integersOf(c, dimsOf(c.tensor(0)), type, low, high);
}

/// The places of random numbers in their order.
static void randomPermutation(Call &c) {
  Item numbers = c.call("aten::rand", {c.numbers({c.integer(0)}), Item()});
  Item order =
      c.call("aten::argsort", {numbers, c.number(int64_t(0)), c.truth(false)});
  if (!c.failed())
    c.result(castTo(c, c.tensor(order), c.dtype(1, c.builder().getI64Type()),
                    "type"));
}

/// exponential_(self, rate).
static void fillExponential(Call &c) {
  double rate = c.real(1);
  if (!(rate > 0))
    c.error("an exponential distribution of rate " + std::to_string(rate));
  fillFrom(c, 1, [&](ScalarBuilder &s, ValueRange u, ValueRange) {
    Type f32 = u[0].getType();
    Value x = s.create<math::LogOp>(s.sub(s.one(f32), u[0]));
    return s.mul(x, s.constant(f32, -1 / rate));
  });
}

/// bernoulli_(self, p): 1 with probability p, else 0.
static void bernoulli(Call &c) {
  double p = c.real(1);
  if (!(p >= 0 && p <= 1))
    return c.error("a probability of " + std::to_string(p) +
                   ", expected 0 to 1");
  Type i1 = c.builder().getI1Type();
  c.result(drawn(c, dimsOf(c.tensor(0)), c.type(0).getElementType(), 1, {},
                 [&](ScalarBuilder &s, ValueRange u, ValueRange) {
                   Value limit = s.constant(u[0].getType(), p);
                   return s.cast(s.compare(Relation::Less, u[0], limit), i1);
                 }));
}

/// bernoulli(p): a probability for each element.
static void bernoulliOfTensor(Call &c) {
  if (!wantsFloats(c, c.type(0).getElementType()))
    return;
  Value p = c.tensor(0);
  c.result(drawn(c, dimsOf(p), c.type(0).getElementType(), 1, p,
                 [&](ScalarBuilder &s, ValueRange u, ValueRange more) {
                   Value number = s.cast(u[0], more[0].getType());
                   return s.compare(Relation::Less, number, more[0]);
                 }));
}

/// multinomial(p, n, replacement): of numbers that are exponential with these
/// rates the least is the first with a chance in proportion, the next one the
/// one that follows without it. (P. Efraimidis, P. Spirakis, Weighted random
/// sampling with a reservoir, 2006.)
static void multinomial(Call &c) {
  int64_t rank = c.type(0).getRank(), count = c.integer(1);
  bool replaces = c.flag(2);
  if (c.failed() || rank < 1 || rank > 2 || count < 1 ||
      !wantsFloats(c, c.type(0).getElementType()))
    return c.error("expected rows of probabilities and at least one draw");
  int64_t size = c.type(0).getShape().back();
  if (!replaces && count > size)
    return c.error("found " + Twine(count) + " draws without replacement of " +
                   Twine(size));
  Item chances = c.item(0);
  if (replaces) {
    SmallVector<int64_t> shape(c.type(0).getShape());
    shape.insert(shape.end() - 1, count);
    chances = c.call("aten::unsqueeze", {chances, c.number(int64_t(-2))});
    chances =
        c.call("aten::expand", {chances, c.numbers(shape), c.truth(false)});
  }
  Item waits = c.call("aten::exponential", {chances, c.number(1.0)});
  Item scores = c.call("aten::div.Tensor", {chances, waits});
  if (replaces)
    return c.result(c.call("aten::argmax",
                           {scores, c.number(int64_t(-1)), c.truth(false)}));
  Item order =
      c.call("aten::argsort.stable",
             {scores, c.truth(true), c.number(int64_t(-1)), c.truth(true)});
  c.result(c.call("aten::narrow", {order, c.number(int64_t(-1)),
                                   c.number(int64_t(0)), c.number(count)}));
}

void normalize::addRandomRows(Table &table) {
  table.add("aten::rand", rand);
  table.add("aten::rand_like", randLike);
  table.add("aten::randn", randn);
  table.add("aten::randn_like", randnLike);
  table.add("aten::uniform", fillUniform);
  table.add("aten::normal", fillNormal);
  table.add("aten::exponential", fillExponential);
  table.add({"aten::normal.Tensor_Tensor", "aten::normal.Tensor_float",
             "aten::normal.float_Tensor", "aten::normal.float_float"},
            normalAround);
  table.add({"aten::randint", "aten::randint.low"}, randomIntegers);
  table.add({"aten::randint_like", "aten::randint_like.low_dtype"},
            randomIntegersLike);
  table.add("aten::randperm", randomPermutation);
  table.add({"aten::bernoulli.p", "aten::bernoulli.float"}, bernoulli);
  table.add("aten::bernoulli", bernoulliOfTensor);
  table.add("aten::multinomial", multinomial);
}
