//===- SortRows.cpp - Orders of elements ----------------------------------===//
//
// An element's rank is the number of elements before it: those that are less
// (or greater), and equal ones with a lower index, so that orders are stable.
// A NaN is beyond all numbers, as in PyTorch. The place of rank r is found by a
// scatter over ranks, and values are read at their places, which gives them
// their derivative.
//
// Ranks take n^2 comparisons for n elements, without memory of that size: fine
// for experts, classes and top-k of some thousands, refused beyond.
//
//===----------------------------------------------------------------------===//

#include "Elementwise.h"
#include "Lookup.h"
#include "Reductions.h"
#include "Rows.h"
#include "Sort.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::normalize;

/// The most elements that are ordered: a row takes 16 million comparisons.
static constexpr int64_t kMaxSorted = 4096;

/// Whether a stands before b, regardless of their indices.
static Value precedes(ScalarBuilder &s, Value a, Value b, bool descending) {
  Type type = a.getType();
  if (type.isInteger(1)) {
    a = s.cast(a, s.getBuilder().getI32Type());
    b = s.cast(b, s.getBuilder().getI32Type());
  }
  if (!isa<FloatType>(type))
    return s.compare(descending ? Relation::Greater : Relation::Less, a, b);
  Value aIsNaN = s.compare(Relation::NotEqual, a, a),
        bIsNaN = s.compare(Relation::NotEqual, b, b);
  if (descending)
    return s.logicalOr(s.compare(Relation::Greater, a, b),
                       s.logicalAnd(aIsNaN, s.logicalNot(bIsNaN)));
  return s.logicalOr(s.compare(Relation::Less, a, b),
                     s.logicalAnd(bIsNaN, s.logicalNot(aIsNaN)));
}

/// The rank of each element in its dimension `dim`, i64.
static Value ranksOf(Call &c, Value x, int64_t dim, bool descending) {
  GenericBuilder g = c.generic("rank");
  g.noGradient();
  int64_t size = cast<RankedTensorType>(x.getType()).getDimSize(dim);
  Dims dims = dimsOf(x);
  dims[dim] = {SubDim{"i", size}};
  DimFactors own = addFactors(g, dims), others = own;
  others[dim] = {g.factor("j", size, FactorKind::Sum)};
  g.operand(x, plainMap(g, own));
  g.operand(x, plainMap(g, others));
  Type i64 = c.builder().getI64Type();
  g.result(i64, plainMap(g, own));
  return g.build([&](ScalarBuilder &s, ValueRange in) {
    Value before = precedes(s, in[1], in[0], descending),
          after = precedes(s, in[0], in[1], descending);
    Value lower = s.compare(Relation::Less, s.index(g.nameOf(others[dim][0])),
                            s.index(g.nameOf(own[dim][0])));
    Value tied = s.logicalAnd(s.logicalNot(after), lower);
    return s.cast(s.logicalOr(before, tied), i64);
  });
}

/// The places of the first `count` ranks: [.., count, ..], i64.
static Value placesOf(Call &c, Value ranks, int64_t dim, int64_t count) {
  GenericBuilder g = c.generic("places");
  ScatterFactors factors = addScatterFactors(g, dimsOf(ranks), dim, 1, count);
  g.operand(ranks, plainMap(g, factors.in));
  g.result(c.builder().getI64Type(), plainMap(g, factors.out));
  return g.build([&](ScalarBuilder &s, ValueRange in) {
    return whereId(g, s, mixedRadix(g, s, factors.in[dim]), factors.v, in[0]);
  });
}

Value normalize::placesInOrder(Call &c, Value x, int64_t dim, int64_t count,
                               bool descending) {
  return placesOf(c, ranksOf(c, x, dim, descending), dim, count);
}

bool normalize::canBeOrdered(Call &c, ArrayRef<int64_t> shape, int64_t dim) {
  if (shape[dim] <= kMaxSorted)
    return true;
  c.error("orders " + Twine(shape[dim]) + " elements, expected at most " +
          Twine(kMaxSorted));
  return false;
}

/// The first `count` in order: values and places.
static std::pair<Value, Value> firstOf(Call &c, int64_t dim, int64_t count,
                                       bool descending) {
  Value x = c.tensor(0);
  Value places = placesInOrder(c, x, dim, count, descending);
  return {readElements(c.generic(), x, dim, places), places};
}

/// The dimension to order. Nothing if there is none, or one too long.
static std::optional<int64_t> orderedDim(Call &c, unsigned index) {
  RankedTensorType type = c.type(0);
  int64_t dim = c.dimension(index, std::max<int64_t>(type.getRank(), 1));
  if (c.failed())
    return std::nullopt;
  if (type.getRank() == 0) {
    c.error("orders a 0-d tensor");
    return std::nullopt;
  }
  if (!canBeOrdered(c, type.getShape(), dim))
    return std::nullopt;
  return dim;
}

/// topk(x, k, dim, largest, sorted).
static void topk(Call &c) {
  std::optional<int64_t> dim = orderedDim(c, 2);
  int64_t count = c.integer(1);
  if (!dim || c.failed())
    return;
  if (count < 0 || count > c.type(0).getDimSize(*dim))
    return c.error("takes " + Twine(count) + " of " +
                   Twine(c.type(0).getDimSize(*dim)) + " elements");
  auto [values, places] = firstOf(c, *dim, count, c.flag(3));
  c.result(values);
  c.result(places);
}

static void sortBy(Call &c, unsigned dimIndex, bool values, bool places) {
  std::optional<int64_t> dim = orderedDim(c, dimIndex);
  bool descending = c.flag(dimIndex + 1);
  if (!dim || c.failed())
    return;
  int64_t size = c.type(0).getDimSize(*dim);
  if (!values)
    return c.result(placesInOrder(c, c.tensor(0), *dim, size, descending));
  auto [sorted, order] = firstOf(c, *dim, size, descending);
  c.result(sorted);
  if (places)
    c.result(order);
}

/// sort(x, dim, descending), sort.stable(x, stable, dim, descending).
static void sort(Call &c) { sortBy(c, 1, true, true); }
static void sortStable(Call &c) { sortBy(c, 2, true, true); }
static void argsort(Call &c) { sortBy(c, 1, false, true); }
static void argsortStable(Call &c) { sortBy(c, 2, false, true); }

/// kthvalue(x, k, dim, keepdim): the k-th least, counted from 1.
static void kthValue(Call &c) {
  std::optional<int64_t> dim = orderedDim(c, 2);
  int64_t k = c.integer(1);
  bool keep = c.flag(3);
  if (!dim || c.failed())
    return;
  if (k < 1 || k > c.type(0).getDimSize(*dim))
    return c.error("the element number " + Twine(k) + " of " +
                   Twine(c.type(0).getDimSize(*dim)));
  auto [values, places] = firstOf(c, *dim, k, false);
  c.result(elementOf(c.generic("value"), values, *dim, k - 1, keep));
  c.result(elementOf(c.generic("place"), places, *dim, k - 1, keep));
}

/// msort(x): along the first dimension.
static void sortFirst(Call &c) {
  c.setArguments({c.item(0), c.number(int64_t(0)), c.truth(false)});
  sortBy(c, 1, true, false);
}

void normalize::addSortRows(Table &table) {
  table.add("aten::msort", sortFirst);
  table.add("aten::topk", topk);
  table.add("aten::sort", sort);
  table.add("aten::sort.stable", sortStable);
  table.add("aten::argsort", argsort);
  table.add("aten::argsort.stable", argsortStable);
  table.add("aten::kthvalue", kthValue);
}
