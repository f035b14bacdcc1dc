//===- CountRows.cpp - Histograms, the most frequent elements -------------===//

#include "Elementwise.h"
#include "Lookup.h"
#include "Reductions.h"
#include "Rows.h"
#include "Sort.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::normalize;

static Item itemOf(Call &c, Value value) {
  return c.state.fresh(value, c.op.getName(), c.loc());
}

/// histc(x, bins, min, max): how many elements are in each part of the range,
/// which is that of the elements if min and max are equal.
static void histogram(Call &c) {
  int64_t bins = c.integer(1);
  double low = c.real(2), high = c.real(3);
  Type real = c.type(0).getElementType(), i64 = c.builder().getI64Type();
  if (c.failed() || bins < 1 || !isa<FloatType>(real) || low > high)
    return c.error("expected floats, parts and a range that is not negative");
  Item least = c.number(low), greatest = c.number(high);
  if (low == high && c.type(0).getNumElements() > 0) {
    least = c.call("aten::min", {c.item(0)});
    greatest = c.call("aten::max", {c.item(0)});
  }
  ElementwiseOptions options;
  options.compute = real;
  options.result = i64;
  options.suffix = "part";
  Item part = elementwise(
      c, {c.item(0), least, greatest}, options,
      [&](ScalarBuilder &s, ValueRange in) {
        Value isPoint = s.compare(Relation::Equal, in[1], in[2]);
        Value from = s.select(isPoint, s.sub(in[1], s.one(real)), in[1]),
              to = s.select(isPoint, s.add(in[2], s.one(real)), in[2]);
        Value isInside =
            s.logicalAnd(s.compare(Relation::GreaterEqual, in[0], from),
                         s.compare(Relation::LessEqual, in[0], to));
        Value place = s.mul(s.div(s.sub(in[0], from), s.sub(to, from)),
                            s.constant(real, double(bins)));
        Value number = s.cast(s.select(isInside, place, s.zero(real)), i64);
        Value last = s.integer(i64, bins - 1);
        number =
            s.select(s.compare(Relation::Greater, number, last), last, number);
        return s.select(isInside, number, s.integer(i64, -1));
      });
  if (!c.failed())
    c.result(occurrencesOf(c, c.tensor(part), bins, real, ""));
}

/// mode(x, dim, keepdim): the most frequent element, the least of equally
/// frequent ones, and the last of its places.
static void mode(Call &c) {
  int64_t rank = c.type(0).getRank(), dim = c.dimension(1, rank);
  if (c.failed() || rank == 0 || c.type(0).getDimSize(dim) == 0)
    return c.error("expected a dimension with elements");
  if (!canBeOrdered(c, c.type(0).getShape(), dim))
    return;
  Value x = c.tensor(0);
  Type i64 = c.builder().getI64Type();
  auto equal = [&](const Item &a, const Item &b) {
    return c.call("aten::eq.Tensor", {a, b});
  };
  Item self = c.call("aten::detach", {itemOf(c, x)});
  Item pairs = equal(c.call("aten::unsqueeze", {self, c.number(dim)}),
                     c.call("aten::unsqueeze", {self, c.number(dim + 1)}));
  Item counts = c.call("aten::sum.dim_IntList",
                       {pairs, c.numbers({dim}), c.truth(false), Item()});
  Item most = c.call("aten::amax", {counts, c.numbers({dim}), c.truth(true)});
  // The least value among them, by its place in the order of all.
  Item order = itemOf(c, placesInOrder(c, x, dim, c.type(0).getDimSize(dim),
                                       /*descending=*/false));
  Item sorted = c.call("aten::gather", {self, c.number(dim), order}),
       sortedCounts = c.call("aten::gather", {counts, c.number(dim), order});
  Item first = c.call("aten::argmax",
                      {c.call("aten::to.dtype",
                              {equal(sortedCounts, most), c.number(int64_t(4)),
                               c.truth(false), c.truth(false)}),
                       c.number(dim), c.truth(true)});
  Item least = c.call("aten::gather", {sorted, c.number(dim), first});
  if (c.failed())
    return;
  GenericBuilder g = c.generic("place");
  g.noGradient();
  Value same = c.tensor(equal(self, least));
  DimFactors factors = addInputs(g, {same}, {dim}, FactorKind::Max);
  Value place =
      reduceInto(g, factors, {dim}, /*keep=*/true, i64,
                 [&](ScalarBuilder &s, ValueRange in) {
                   return s.select(in[0], mixedRadix(g, s, factors[dim]),
                                   s.integer(i64, 0));
                 });
  Item value =
      c.call("aten::gather", {c.item(0), c.number(dim), itemOf(c, place)});
  for (const Item &result : {value, itemOf(c, place)}) {
    if (c.failed())
      return;
    Item whole = result;
    if (!c.flag(2))
      whole = c.call("aten::squeeze.dim", {whole, c.number(dim)});
    c.result(c.tensor(whole));
  }
}

void normalize::addCountRows(Table &table) {
  table.add("aten::histc", histogram);
  table.add("aten::mode", mode);
}
