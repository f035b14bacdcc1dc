//===- ValueLossRows.cpp - Losses of values, margins and divergences ------===//
//
// Each element has a loss of its own; what it is at kinks and where a
// logarithm is of zero is PyTorch's, and so is the derivative.
//
//===----------------------------------------------------------------------===//

#include "Dtypes.h"
#include "Losses.h"
#include "Rows.h"
#include "Unary.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::normalize;

//===----------------------------------------------------------------------===//
// Between a value and a target
//===----------------------------------------------------------------------===//

/// Quadratic up to a distance of delta, linear beyond.
static void huber(Call &c) {
  double delta = c.real(3);
  combineElements(
      c, {c.item(0), c.item(1)}, c.integer(2),
      [&](ScalarBuilder &s, ValueRange in) {
        Type type = in[0].getType();
        Value z = s.sub(in[0], in[1]), size = s.create<math::AbsFOp>(z);
        auto number = [&](double value) { return s.constant(type, value); };
        Value quadratic = s.mul(number(0.5), s.mul(z, z));
        Value linear = s.mul(number(delta), s.sub(size, number(0.5 * delta)));
        Value loss =
            s.select(s.compare(Relation::LessEqual, size, number(delta)),
                     quadratic, linear);
        Value upper =
            s.select(s.compare(Relation::GreaterEqual, z, number(delta)),
                     number(delta), z);
        Value slope =
            s.select(s.compare(Relation::LessEqual, z, number(-delta)),
                     number(-delta), upper);
        return s.withDerivative(loss, z, slope);
      });
}

/// t (log t - x), 0 where t is 0; with logarithms of targets exp(t) (t - x).
/// As xlogy(t, t) in PyTorch, the first has no derivative by t at 0.
static void divergence(Call &c) {
  bool isLogarithm = c.flag(3);
  combineElements(c, {c.item(0), c.item(1)}, c.integer(2),
                  [&](ScalarBuilder &s, ValueRange in) {
                    Value x = in[0], t = in[1];
                    if (isLogarithm)
                      return s.mul(s.create<math::ExpOp>(t), s.sub(t, x));
                    Value zero = s.zero(t.getType());
                    Value isZero = s.compare(Relation::Equal, t, zero);
                    Value logarithm = s.create<math::LogOp>(t);
                    Value entropy = s.withDerivative(
                        s.select(isZero, zero, s.mul(t, logarithm)), t,
                        s.add(s.select(isZero, zero, logarithm), s.div(t, t)));
                    return s.sub(entropy, s.mul(t, x));
                  });
}

/// -(t log x + (1 - t) log(1 - x)) of a probability x, no logarithm below
/// -100; derivative (x - t) / max(x (1 - x), 1e-12).
static void binaryCrossEntropy(Call &c) {
  std::vector<Item> inputs = {c.item(0), c.item(1)};
  if (!c.isNone(2))
    inputs.push_back(c.item(2));
  combineElements(
      c, inputs, c.integer(3), [&](ScalarBuilder &s, ValueRange in) {
        Value x = in[0], t = in[1], one = s.one(x.getType());
        auto bounded = [&](Value value) {
          Value least = s.constant(value.getType(), -100);
          return s.select(s.compare(Relation::Less, value, least), least,
                          value);
        };
        Value log = bounded(s.create<math::LogOp>(x));
        Value logOfRest = bounded(s.create<math::Log1pOp>(s.negate(x)));
        Value loss = s.sub(s.mul(s.sub(t, one), logOfRest), s.mul(t, log));
        Value least = s.constant(x.getType(), 1e-12);
        Value divisor = s.mul(s.sub(one, x), x);
        divisor =
            s.select(s.compare(Relation::Less, divisor, least), least, divisor);
        loss = s.withDerivative(
            loss, {x, t}, {s.div(s.sub(x, t), divisor), s.sub(logOfRest, log)});
        return in.size() > 2 ? s.mul(loss, in[2]) : loss;
      });
}

/// exp(x) - t x, or x - t log(x + eps); `full`: with Stirling's
/// t log t - t + log(2 pi t) / 2 for targets above 1.
static void poissonLikelihood(Call &c) {
  bool isLogarithm = c.flag(2), full = c.flag(3);
  double eps = c.real(4);
  combineElements(
      c, {c.item(0), c.item(1)}, c.integer(5),
      [&](ScalarBuilder &s, ValueRange in) {
        Value x = in[0], t = in[1];
        Type type = x.getType();
        auto log = [&](Value value) { return s.create<math::LogOp>(value); };
        Value loss =
            isLogarithm
                ? s.sub(s.create<math::ExpOp>(x), s.mul(t, x))
                : s.sub(x, s.mul(t, log(s.add(x, s.constant(type, eps)))));
        if (!full)
          return loss;
        Value size = log(s.mul(s.constant(type, 6.28318530717958647692), t));
        Value stirling = s.add(s.sub(s.mul(t, log(t)), t),
                               s.mul(s.constant(type, 0.5), size));
        Value isSmall = s.compare(Relation::LessEqual, t, s.one(type));
        return s.add(loss, s.select(isSmall, s.zero(type), stirling));
      });
}

/// log(1 + exp(-t x)); derivative -t z / (1 + z) of z = exp(-t x).
static void softMargin(Call &c) {
  combineElements(c, {c.item(0), c.item(1)}, c.integer(2),
                  [](ScalarBuilder &s, ValueRange in) {
                    Value x = in[0], t = in[1];
                    Value z = s.create<math::ExpOp>(s.negate(s.mul(t, x)));
                    Value share = s.div(z, s.add(s.one(z.getType()), z));
                    return s.withDerivative(
                        s.create<math::Log1pOp>(z), {x, t},
                        {s.negate(s.mul(t, share)), s.negate(s.mul(x, share))});
                  });
}

//===----------------------------------------------------------------------===//
// Margins
//===----------------------------------------------------------------------===//

/// x where it is positive; the derivative at 0 is 1, as that of clamp_min.
static Value positivePart(ScalarBuilder &s, Value x) {
  Value zero = s.zero(x.getType());
  return s.withDerivative(s.select(s.compare(Relation::Less, x, zero), zero, x),
                          x,
                          s.select(s.compare(Relation::GreaterEqual, x, zero),
                                   s.one(x.getType()), zero));
}

/// max(0, margin - t (a - b)).
static void marginRanking(Call &c) {
  double margin = c.real(3);
  combineElements(c, {c.item(0), c.item(1), c.item(2)}, c.integer(4),
                  [&](ScalarBuilder &s, ValueRange in) {
                    Value gap = s.mul(s.negate(in[2]), s.sub(in[0], in[1]));
                    return positivePart(
                        s, s.add(gap, s.constant(gap.getType(), margin)));
                  });
}

/// The sum of `same` unless the target is -1 and `other` unless it is 1; where
/// `exact`, only for a target of 1 and -1.
static Value byTarget(ScalarBuilder &s, Value target, Value same, Value other,
                      bool exact) {
  Type type = target.getType();
  Value zero = s.zero(same.getType());
  auto is = [&](double number) {
    return s.compare(Relation::Equal, target, s.constant(type, number));
  };
  if (exact)
    return s.add(s.select(is(1), same, zero), s.select(is(-1), other, zero));
  return s.add(s.select(is(1), zero, other), s.select(is(-1), zero, same));
}

/// x for targets of 1, max(0, margin - x) for -1.
static void hingeEmbedding(Call &c) {
  double margin = c.real(2);
  combineElements(c, {c.item(0), c.item(1)}, c.integer(3),
                  [&](ScalarBuilder &s, ValueRange in) {
                    Value gap =
                        s.sub(s.constant(in[0].getType(), margin), in[0]);
                    return byTarget(s, in[1], in[0], positivePart(s, gap),
                                    /*exact=*/false);
                  });
}

/// 1 - cos for targets of 1, max(0, cos - margin) for -1; the squares of both
/// lengths have 1e-12 added.
static void cosineEmbedding(Call &c) {
  double margin = c.real(3);
  int64_t dim = c.type(2).getRank();
  auto sum = [&](unsigned a, unsigned b) {
    Item product = c.call("aten::mul.Tensor", {c.item(a), c.item(b)});
    return c.call("aten::sum.dim_IntList",
                  {product, c.numbers({dim}), c.truth(false), Item()});
  };
  Item products = sum(0, 1), first = sum(0, 0), second = sum(1, 1);
  if (c.failed())
    return;
  combineElements(c, {products, first, second, c.item(2)}, c.integer(4),
                  [&](ScalarBuilder &s, ValueRange in) {
                    Type type = in[0].getType();
                    Value least = s.constant(type, 1e-12);
                    Value lengths = s.create<math::SqrtOp>(
                        s.mul(s.add(in[1], least), s.add(in[2], least)));
                    Value cosine = s.div(in[0], lengths);
                    Value other = positivePart(
                        s, s.sub(cosine, s.constant(type, margin)));
                    return byTarget(s, in[3], s.sub(s.one(type), cosine), other,
                                    /*exact=*/true);
                  });
}

/// max(0, margin + |anchor - positive| - |anchor - negative|); `swap`: the
/// negative's distance to the nearer of both.
static void tripletMargin(Call &c) {
  double margin = c.real(3);
  bool swap = c.flag(6);
  auto distance = [&](unsigned a, unsigned b) {
    return c.call("aten::pairwise_distance",
                  {c.item(a), c.item(b), c.item(4), c.item(5), c.truth(false)});
  };
  std::vector<Item> distances = {distance(0, 1), distance(0, 2)};
  if (swap)
    distances.push_back(distance(1, 2));
  if (c.failed())
    return;
  combineElements(c, distances, c.integer(7),
                  [&](ScalarBuilder &s, ValueRange in) {
                    Value other = swap ? s.minimum(in[1], in[2]) : in[1];
                    Value least = s.constant(in[0].getType(), margin);
                    return positivePart(s, s.sub(s.add(least, in[0]), other));
                  });
}

void normalize::addValueLossRows(Table &table) {
  table.add("aten::huber_loss", huber);
  table.add("aten::kl_div", divergence);
  table.add("aten::binary_cross_entropy", binaryCrossEntropy);
  table.add("aten::poisson_nll_loss", poissonLikelihood);
  table.add("aten::soft_margin_loss", softMargin);
  table.add("aten::margin_ranking_loss", marginRanking);
  table.add("aten::hinge_embedding_loss", hingeEmbedding);
  table.add("aten::cosine_embedding_loss", cosineEmbedding);
  table.add("aten::triplet_margin_loss", tripletMargin);
}
