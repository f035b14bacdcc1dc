//===- CtcTargets.cpp - Lengths and labels of sequences -------------------===//

#include "Ctc.h"
#include "Elementwise.h"
#include "Lookup.h"
#include "ViewBuilder.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::normalize;

Value normalize::lengthsOf(Call &c, unsigned argument, int64_t count,
                           StringRef suffix) {
  Type i64 = c.builder().getI64Type();
  if (c.item(argument).isList()) {
    SmallVector<int64_t> numbers = c.integers(argument);
    if (int64_t(numbers.size()) != count)
      c.error("found " + Twine(numbers.size()) + " lengths of " + Twine(count) +
              " sequences");
    if (c.failed())
      return {};
    return idsOf(c, {count}, suffix, [&](ScalarBuilder &s, ValueRange index) {
      Value number = s.integer(i64, numbers[0]);
      for (auto [place, other] : llvm::enumerate(numbers))
        if (other != numbers[0])
          number = s.select(s.compare(Relation::Equal, index[0],
                                      s.integer(i64, int64_t(place))),
                            s.integer(i64, other), number);
      return number;
    });
  }
  RankedTensorType type = c.type(argument);
  if (type.getNumElements() != count || type.getRank() > 1 ||
      !isa<IntegerType>(type.getElementType()))
    c.error("found lengths of shape " + shapeText(type.getShape()) +
            ", expected an integer for each of " + Twine(count) + " sequences");
  if (c.failed())
    return {};
  Item lengths = reshapeTo(c, c.alias(argument), {count});
  return castTo(c, c.tensor(lengths), i64, suffix);
}

/// The labels of targets that lie one after the other: each begins where those
/// before it end.
static Value labelsInARow(const CtcProblem &p, Value targets, int64_t states) {
  Call &c = p.c;
  Type i64 = c.builder().getI64Type();
  GenericBuilder before = c.generic("starts");
  Dim samples = p.samples();
  SmallVector<int64_t> own = addFactors(before, samples),
                       other = addFactors(before, samples, FactorKind::Sum);
  before.operand(p.lengths, plainMap(before, {other}));
  before.result(i64, plainMap(before, {own}));
  Value starts = before.build([&](ScalarBuilder &s, ValueRange in) {
    Value isBefore = s.compare(Relation::Less, mixedRadix(before, s, other),
                               mixedRadix(before, s, own));
    return s.select(isBefore, in[0], s.integer(i64, 0));
  });
  GenericBuilder g = c.generic("labels");
  SmallVector<int64_t> n = addFactors(g, samples);
  int64_t u = g.factor("u", states);
  SmallVector<int64_t> k = addFactors(g, dimsOf(targets)[0], FactorKind::Sum);
  g.operand(starts, plainMap(g, {n}));
  g.operand(targets, plainMap(g, {k}));
  g.result(i64, plainMap(g, {n, {u}}));
  return g.build([&](ScalarBuilder &s, ValueRange in) {
    Value place = s.add(in[0], s.index(g.nameOf(u)));
    return whereId(g, s, in[1], k, place);
  });
}

Value normalize::labelsOf(const CtcProblem &p, Value targets, int64_t states) {
  Call &c = p.c;
  auto type = cast<RankedTensorType>(targets.getType());
  Type i64 = c.builder().getI64Type();
  if (type.getNumElements() == 0)
    return idsOf(
        c, {p.sizeOf(1), states}, "labels",
        [&](ScalarBuilder &s, ValueRange) { return s.integer(i64, 0); });
  targets = castTo(c, targets, i64, "targets");
  if (type.getRank() == 1)
    return labelsInARow(p, targets, states);
  GenericBuilder g = c.generic("labels");
  SmallVector<int64_t> n = addFactors(g, p.samples());
  int64_t u = g.factor("u", states);
  int64_t size = type.getDimSize(1);
  SubDimAttr label = size == states ? g.plain(u) : g.clipped(u, 0, size);
  g.operand(targets, g.map({plain(g, n), {label}}));
  g.result(i64, plainMap(g, {n, {u}}));
  return g.build([](ScalarBuilder &, ValueRange in) { return in[0]; });
}

Value normalize::scoresOfLabels(const CtcProblem &p, int64_t states) {
  GenericBuilder g = p.c.generic("scores");
  Dims dims = dimsOf(p.scores);
  SmallVector<int64_t> t = addFactors(g, dims[0]), n = addFactors(g, dims[1]);
  int64_t u = g.factor("u", states);
  SmallVector<int64_t> v = addFactors(g, dims[2], FactorKind::Sum);
  g.operand(p.labels, plainMap(g, {n, {u}}));
  g.operand(p.scores, plainMap(g, {t, n, v}));
  g.result(p.type, plainMap(g, {t, n, {u}}));
  return g.build([&](ScalarBuilder &s, ValueRange in) {
    return whereId(g, s, in[1], v, in[0]);
  });
}
