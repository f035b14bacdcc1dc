//===- CtcRows.cpp - Connectionist temporal classification ----------------===//
//
// A. Graves et al., Connectionist temporal classification, 2006. The loss is
// -log of the probability of all paths that are a target when repetitions are
// merged and blanks left out. Its recurrence over time is unrolled, in
// logarithms, over two states for each number u of labels that a path has
// spelled: it stands on the blank after them (`blank`), or on the label after
// them (`label`, number u of the target), of which it stays to see more.
//
// All scores are relative to the blank's of their time, whose sum is added in
// the end: a state is then as large as its paths differ, not as the loss, and
// loses fewer digits.
//
// Everything has the bounds of the tensors: what is beyond a sequence's length
// keeps the state, what is beyond a target's is never reached by the states
// that count.
//
//===----------------------------------------------------------------------===//

#include "Ctc.h"
#include "Elementwise.h"
#include "Lookup.h"
#include "Reductions.h"
#include "Rows.h"
#include "SelectedRows.h"
#include "Shapes.h"
#include "ViewBuilder.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::normalize;

namespace {
enum LossReduction { None = 0, Mean = 1, Sum = 2 };

struct States {
  Value blank, label; ///< [n, u]
};
} // namespace

static Value minusInfinity(ScalarBuilder &s, Type type) {
  return s.infinity(type, /*negative=*/true);
}

/// log(exp x + exp y + ...), -inf of nothing but -inf, where it has no
/// derivative. Its derivatives are shares of the sum, which add up to one: over
/// many times exp(x - result) would lose or gain what rounding a large result
/// does.
static Value logSumExp(ScalarBuilder &s, ArrayRef<Value> terms) {
  Type type = terms[0].getType();
  Value maximum = terms[0];
  for (Value term : terms.drop_front())
    maximum = s.maximum(maximum, term);
  auto isNone = [&](Value x) {
    return s.compare(Relation::Equal, x, minusInfinity(s, type));
  };
  Value base = s.select(isNone(maximum), s.zero(type), maximum), sum;
  SmallVector<Value> parts;
  for (Value term : terms) {
    parts.push_back(s.create<math::ExpOp>(s.sub(term, base)));
    sum = sum ? s.add(sum, parts.back()) : parts.back();
  }
  Value result = s.add(s.create<math::LogOp>(sum), base);
  SmallVector<Value> slopes;
  for (Value part : parts)
    slopes.push_back(s.select(isNone(result), s.zero(type), s.div(part, sum)));
  return s.withDerivative(result, terms, slopes);
}

//===----------------------------------------------------------------------===//
// The recurrence
//===----------------------------------------------------------------------===//

namespace {
/// One of the two next states, as a generic over [n, u].
struct Step {
  Step(const CtcProblem &p, int64_t time, StringRef what)
      : p(p), time(time),
        g(p.c.generic("t" + std::to_string(time) + "." + what.str())) {
    n = addFactors(g, p.samples());
    states = cast<RankedTensorType>(p.labels.getType()).getDimSize(1);
    u = g.factor("u", states);
    g.operand(p.times, plainMap(g, {n}));
  }
  const CtcProblem &p;
  int64_t time, states;
  GenericBuilder g;
  SmallVector<int64_t> n;
  int64_t u;

  /// A tensor [n, u], at u or before it.
  void read(Value x, int64_t offset = 0) {
    g.operand(x, offset ? g.map({plain(g, n), {g.clipped(u, offset, states)}})
                        : plainMap(g, {n, {u}}));
  }
  /// The scores of this time.
  void readScores(Value x) {
    SmallVector<SmallVector<SubDimAttr>> map = {{g.constant(time, p.sizeOf(0))},
                                                plain(g, n)};
    if (cast<RankedTensorType>(x.getType()).getRank() == 3)
      map.push_back({g.plain(u)});
    g.operand(x, g.map(map));
  }
  Value isFirst(ScalarBuilder &s) {
    Value index = s.index(g.nameOf(u));
    return s.compare(Relation::Equal, index, s.integer(index.getType(), 0));
  }
  /// x, but nothing where u is 0.
  Value afterFirst(ScalarBuilder &s, Value x) {
    return s.select(isFirst(s), minusInfinity(s, p.type), x);
  }
  /// `next` up to the sequence's length, which is the first operand.
  Value inTime(ScalarBuilder &s, Value length, Value next, Value old) {
    Value isOver = s.compare(Relation::LessEqual, length,
                             s.integer(length.getType(), time));
    return s.select(isOver, old, next);
  }
  Value finish(GenericBuilder::Body body) {
    g.result(p.type, plainMap(g, {n, {u}}));
    return g.build(body);
  }
};
} // namespace

/// Before the first time a path stands on a blank, having spelled nothing.
static States firstStates(const CtcProblem &p) {
  States first;
  Step blank(p, 0, "blank");
  blank.readScores(p.ofBlank);
  first.blank = blank.finish([&](ScalarBuilder &s, ValueRange in) {
    Value isFirst = blank.isFirst(s), none = minusInfinity(s, p.type);
    return blank.inTime(s, in[0], s.select(isFirst, in[1], none),
                        s.select(isFirst, s.zero(p.type), none));
  });
  Step label(p, 0, "label");
  label.readScores(p.ofLabels);
  first.label = label.finish([&](ScalarBuilder &s, ValueRange in) {
    Value none = minusInfinity(s, p.type);
    return label.inTime(s, in[0], s.select(label.isFirst(s), in[1], none),
                        none);
  });
  return first;
}

static States nextStates(const CtcProblem &p, int64_t time, States old) {
  States next;
  Step blank(p, time, "blank");
  blank.readScores(p.ofBlank);
  blank.read(old.blank);
  blank.read(old.label, -1);
  next.blank = blank.finish([&](ScalarBuilder &s, ValueRange in) {
    Value stay = in[2], come = blank.afterFirst(s, in[3]);
    Value sum = s.add(logSumExp(s, {stay, come}), in[1]);
    return blank.inTime(s, in[0], sum, stay);
  });
  Step label(p, time, "label");
  label.readScores(p.ofLabels);
  label.read(old.label);
  label.read(old.blank);
  label.read(old.label, -1);
  label.read(p.labels);
  label.read(p.labels, -1);
  next.label = label.finish([&](ScalarBuilder &s, ValueRange in) {
    // Equal labels need a blank between them.
    Value differ = s.compare(Relation::NotEqual, in[5], in[6]);
    Value skip =
        s.select(differ, label.afterFirst(s, in[4]), minusInfinity(s, p.type));
    Value sum = s.add(logSumExp(s, {in[2], in[3], skip}), in[1]);
    return label.inTime(s, in[0], sum, in[2]);
  });
  return next;
}

//===----------------------------------------------------------------------===//
// The loss
//===----------------------------------------------------------------------===//

/// [n]: the state after `length + offset` labels; 0 where there is none such.
static Value stateAt(const CtcProblem &p, Value state, int64_t offset,
                     StringRef suffix) {
  GenericBuilder g = p.c.generic(suffix);
  SmallVector<int64_t> n = addFactors(g, p.samples());
  int64_t u =
      g.factor("u", cast<RankedTensorType>(state.getType()).getDimSize(1),
               FactorKind::Sum);
  g.operand(p.lengths, plainMap(g, {n}));
  g.operand(state, plainMap(g, {n, {u}}));
  g.result(p.type, plainMap(g, {n}));
  return g.build([&](ScalarBuilder &s, ValueRange in) {
    Value place = s.add(in[0], s.integer(in[0].getType(), offset));
    return whereId(g, s, in[1], u, place);
  });
}

/// [n]: zero, with the derivative exp(score) by every score of the sequence.
/// PyTorch takes the scores to be a log-softmax and gives the derivative by
/// what that is taken of; it is not the one by the scores, but their
/// log-softmax makes the same of both.
static Value normalization(const CtcProblem &p) {
  GenericBuilder g = p.c.generic("normalization");
  Dims dims = dimsOf(p.scores);
  SmallVector<int64_t> t = addFactors(g, dims[0], FactorKind::Sum),
                       n = addFactors(g, dims[1]),
                       v = addFactors(g, dims[2], FactorKind::Sum);
  g.operand(p.times, plainMap(g, {n}));
  g.operand(p.scores, plainMap(g, {t, n, v}));
  g.result(p.type, plainMap(g, {n}));
  return g.build([&](ScalarBuilder &s, ValueRange in) {
    Value zero = s.zero(p.type);
    Value own = s.withDerivative(zero, in[1], s.create<math::ExpOp>(in[1]));
    Value isInside = s.compare(Relation::Less, mixedRadix(g, s, t), in[0]);
    return s.select(isInside, own, zero);
  });
}

/// [t, n]: what scores are relative to, without a derivative, since a path is
/// as long as all others; a number also where the blank has no chance.
static Value offsets(const CtcProblem &p, Value ofBlank) {
  GenericBuilder g = p.c.generic("offsets");
  g.noGradient();
  IndexMapAttr map = plainMap(g, addFactors(g, dimsOf(ofBlank)));
  g.operand(ofBlank, map);
  g.result(p.type, map);
  return g.build([&](ScalarBuilder &s, ValueRange in) {
    Value isNone = s.compare(Relation::Equal, in[0], minusInfinity(s, p.type));
    return s.select(isNone, s.zero(p.type), in[0]);
  });
}

/// Scores [t, n] or [t, n, u], less the offsets.
static Value relativeTo(const CtcProblem &p, Value scores, StringRef suffix) {
  GenericBuilder g = p.c.generic(suffix);
  DimFactors factors = addFactors(g, dimsOf(scores));
  IndexMapAttr map = plainMap(g, factors);
  g.operand(scores, map);
  g.operand(p.offsets, plainMap(g, {factors[0], factors[1]}));
  g.result(p.type, map);
  return g.build(
      [](ScalarBuilder &s, ValueRange in) { return s.sub(in[0], in[1]); });
}

/// [n]: the sum of the offsets of the sequence's times.
static Value sumOfOffsets(const CtcProblem &p) {
  GenericBuilder g = p.c.generic("offset");
  Dims dims = dimsOf(p.offsets);
  SmallVector<int64_t> t = addFactors(g, dims[0], FactorKind::Sum),
                       n = addFactors(g, dims[1]);
  g.operand(p.times, plainMap(g, {n}));
  g.operand(p.offsets, plainMap(g, {t, n}));
  g.result(p.type, plainMap(g, {n}));
  return g.build([&](ScalarBuilder &s, ValueRange in) {
    Value isInside = s.compare(Relation::Less, mixedRadix(g, s, t), in[0]);
    return s.select(isInside, in[1], s.zero(p.type));
  });
}

/// [n]: the losses of the sequences. Where one is infinite, so that PyTorch has
/// no gradient, it is NaN, or the loss is 0 (`zeroInfinity`).
static Value lossesOf(const CtcProblem &p, States last, bool zeroInfinity,
                      StringRef suffix) {
  int64_t longest =
      cast<RankedTensorType>(p.labels.getType()).getDimSize(1) - 1;
  Value onBlank = stateAt(p, last.blank, 0, "last.blank");
  Value onLabel = stateAt(p, last.label, -1, "last.label");
  Value normal = normalization(p), offset = sumOfOffsets(p);
  GenericBuilder g = p.c.generic(suffix);
  return overRows(
      g, {onBlank, onLabel, p.lengths, normal, offset}, {}, p.type,
      [&](ScalarBuilder &s, ValueRange in) {
        Value length = in[2], none = minusInfinity(s, p.type);
        Type type = length.getType();
        Value isTooLong =
            s.compare(Relation::Greater, length, s.integer(type, longest));
        Value isEmpty =
            s.compare(Relation::LessEqual, length, s.integer(type, 0));
        Value sum = logSumExp(
            s, {s.select(isTooLong, none, in[0]),
                s.select(s.logicalOr(isTooLong, isEmpty), none, in[1])});
        Value one = s.one(p.type), loss = s.negate(s.add(sum, in[4]));
        Value isInfinite = s.compare(Relation::Equal, sum, none);
        // inf - inf is the NaN.
        Value slope =
            zeroInfinity ? one : s.select(isInfinite, s.sub(sum, sum), one);
        loss = s.withDerivative(loss, {sum, in[3]}, {s.negate(one), slope});
        return zeroInfinity ? s.select(isInfinite, s.zero(p.type), loss) : loss;
      });
}

/// The sum of the losses, or their mean, each divided by its target's length.
static Value combined(const CtcProblem &p, Value losses, int64_t reduction) {
  Call &c = p.c;
  GenericBuilder g = c.generic(reduction == Sum ? "" : "total");
  Value sum = reduce(g, {losses, p.lengths}, {0}, false, FactorKind::Sum,
                     p.type, [&](ScalarBuilder &s, ValueRange in) {
                       if (reduction == Sum)
                         return in[0];
                       Value one = s.one(p.type);
                       Value length = s.cast(in[1], p.type);
                       return s.div(in[0], s.maximum(length, one));
                     });
  if (reduction == Sum)
    return sum;
  ElementwiseOptions options;
  options.compute = p.type;
  double count = double(p.sizeOf(1));
  return elementwiseValue(c, {sum}, options,
                          [&](ScalarBuilder &s, ValueRange in) {
                            return s.div(in[0], s.constant(p.type, count));
                          });
}

/// ctc_loss(log_probs [t, n, v], targets [n, s] or one after the other,
/// lengths of both, blank, reduction, zero_infinity); without n for one
/// sequence.
static void ctcLoss(Call &c) {
  RankedTensorType scores = c.type(0), targets = c.type(1);
  int64_t blank = c.integer(4), reduction = c.integer(5);
  bool zeroInfinity = c.flag(6), isBatched = scores.getRank() == 3;
  if (c.failed())
    return;
  if ((!isBatched && scores.getRank() != 2) ||
      !isa<FloatType>(scores.getElementType()))
    return c.error("found scores of shape " + shapeText(scores.getShape()) +
                   ", expected floats for time, sample and class");
  int64_t times = scores.getDimSize(0);
  int64_t samples = isBatched ? scores.getDimSize(1) : 1;
  int64_t classes = scores.getShape().back();
  bool isPadded = targets.getRank() == 2;
  if (!isa<IntegerType>(targets.getElementType()) ||
      (isPadded ? targets.getDimSize(0) != samples : targets.getRank() != 1))
    return c.error("found targets of shape " + shapeText(targets.getShape()) +
                   ", expected integers, a row for each of " + Twine(samples) +
                   " samples or all of them one after the other");
  if (times < 1 || samples < 1)
    return c.error("a sequence without elements");
  if (blank < 0 || blank >= classes)
    return c.error("blank " + Twine(blank) + " of " + Twine(classes) +
                   " classes");
  if (reduction < None || reduction > Sum)
    return c.error("reduction " + Twine(reduction) +
                   " (expected 0, none, 1, mean, or 2, sum)");
  Value x = c.tensor(0);
  if (!isBatched)
    x = c.tensor(reshapeTo(c, c.alias(0), {times, 1, classes}));
  CtcProblem p{c, x, scores.getElementType(), lengthsOf(c, 2, samples, "times"),
               lengthsOf(c, 3, samples, "lengths")};
  if (c.failed())
    return;
  // A target is spelled in as many steps as it has labels, or more.
  int64_t states = std::min(times, targets.getShape().back()) + 1;
  Value labels = c.tensor(1);
  p.labels = labelsOf(p, isPadded ? labels : compactRows(c, labels, 0), states);
  p.ofBlank = elementOf(c.generic("blanks"), x, 2, blank, /*keep=*/false);
  p.offsets = offsets(p, p.ofBlank);
  p.ofBlank = relativeTo(p, p.ofBlank, "relative.blanks");
  p.ofLabels = relativeTo(p, scoresOfLabels(p, states), "relative.scores");
  States state = firstStates(p);
  for (int64_t time = 1; time < times; ++time)
    state = nextStates(p, time, state);
  Value losses =
      lossesOf(p, state, zeroInfinity, reduction == None ? "" : "losses");
  if (reduction != None)
    return c.result(combined(p, losses, reduction));
  if (isBatched)
    return c.result(losses);
  c.result(reshapeTo(c, c.state.fresh(losses, c.op.getName(), c.loc()), {}));
}

void normalize::addCtcRows(Table &table) {
  table.add({"aten::ctc_loss.Tensor", "aten::ctc_loss.IntList"}, ctcLoss);
}
