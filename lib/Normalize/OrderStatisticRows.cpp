//===- OrderStatisticRows.cpp - Medians, quantiles, places in an order ----===//
//
// Elements by their rank, where NaN is beyond all numbers: what is left out as
// NaN is behind the numbers, and the first NaN is the element after them.
//
//===----------------------------------------------------------------------===//

#include "Elementwise.h"
#include "Lookup.h"
#include "Reductions.h"
#include "Rows.h"
#include "Sort.h"
#include "Unary.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::normalize;

/// How many elements along `dim`, which stays, are numbers: i64.
static Value countOfNumbers(Call &c, Value x, int64_t dim) {
  Type i64 = c.builder().getI64Type();
  GenericBuilder g = c.generic("numbers");
  g.noGradient();
  return reduce(g, {x}, {dim}, /*keep=*/true, FactorKind::Sum, i64,
                [&](ScalarBuilder &s, ValueRange in) {
                  if (!isa<FloatType>(in[0].getType()))
                    return s.integer(i64, 1);
                  return s.cast(s.compare(Relation::Equal, in[0], in[0]), i64);
                });
}

static Item itemOf(Call &c, Value value) {
  return c.state.fresh(value, c.op.getName(), c.loc());
}

//===----------------------------------------------------------------------===//
// Medians
//===----------------------------------------------------------------------===//

/// Along `dim`, which stays, the place of the lower median: of all elements,
/// or of the numbers if NaN is left out. Else it is that of the first NaN.
static Value placeOfMedian(Call &c, Value x, int64_t dim, bool skipsNaN) {
  int64_t size = cast<RankedTensorType>(x.getType()).getDimSize(dim);
  ElementwiseOptions options;
  options.compute = c.builder().getI64Type();
  options.suffix = "rank";
  Value rank = elementwiseValue(
      c, {countOfNumbers(c, x, dim)}, options,
      [&](ScalarBuilder &s, ValueRange in) {
        auto number = [&](int64_t n) { return s.integer(options.compute, n); };
        auto middle = [&](Value count) {
          return s.create<arith::DivSIOp>(s.sub(count, number(1)), number(2));
        };
        if (skipsNaN)
          return middle(in[0]);
        Value hasNaN = s.compare(Relation::Less, in[0], number(size));
        return s.select(hasNaN, in[0], middle(number(size)));
      });
  Value places = placesInOrder(c, x, dim, size, /*descending=*/false);
  return readElements(c.generic("place"), places, dim, rank);
}

template <bool skipsNaN> static void medianOfDim(Call &c) {
  Value x = c.tensor(0);
  int64_t rank = c.type(0).getRank(), dim = c.dimension(1, rank);
  if (c.failed())
    return;
  if (rank == 0) {
    c.result(c.item(0));
    return c.result(
        c.call("aten::zeros_like", {c.item(0), c.number(int64_t(4))}));
  }
  if (c.type(0).getDimSize(dim) == 0)
    return c.error("the median of no elements");
  if (!canBeOrdered(c, c.type(0).getShape(), dim))
    return;
  Value place = placeOfMedian(c, x, dim, skipsNaN);
  for (Value result : {readElements(c.generic(), x, dim, place), place}) {
    if (!result)
      return c.error("a median of a merged dimension");
    c.result(c.flag(2) ? itemOf(c, result)
                       : c.call("aten::squeeze.dim",
                                {itemOf(c, result), c.number(dim)}));
  }
}

/// Of all elements; its derivative goes to all that are equal.
template <bool skipsNaN> static void medianOfAll(Call &c) {
  int64_t count = c.type(0).getNumElements();
  if (count == 0)
    return c.error("the median of no elements");
  Item flat = c.call("aten::reshape", {c.item(0), c.numbers({-1})});
  if (c.failed() || !canBeOrdered(c, {count}, 0))
    return;
  Value x = c.tensor(flat);
  Value place = placeOfMedian(c, x, 0, skipsNaN);
  GenericBuilder g = c.generic("value");
  g.noGradient();
  Value value = readElements(g, x, 0, place);
  value = elementOf(c.generic(), value, 0, 0, /*keep=*/false);
  if (isa<FloatType>(c.type(0).getElementType()))
    value = sharedByEqual(c, x, value);
  c.result(value);
}

//===----------------------------------------------------------------------===//
// Quantiles
//===----------------------------------------------------------------------===//

/// q (n - 1) of the n elements along the last dimension of `x`, or the place
/// of the first NaN; of the numbers, if NaN is left out. [.., quantiles].
static Value ranksOfQuantiles(Call &c, Value x, Value q, bool skipsNaN) {
  auto type = cast<RankedTensorType>(x.getType());
  int64_t last = type.getShape().back() - 1;
  Type real = type.getElementType(), i64 = c.builder().getI64Type();
  ElementwiseOptions options;
  options.types = {real, i64};
  options.result = real;
  options.suffix = "ranks";
  return elementwiseValue(
      c, {q, countOfNumbers(c, x, type.getRank() - 1)}, options,
      [&](ScalarBuilder &s, ValueRange in) {
        Value count = s.sub(in[1], s.integer(i64, 1));
        if (skipsNaN) {
          Value rank = s.mul(in[0], s.cast(count, real));
          return s.select(s.compare(Relation::Less, rank, s.zero(real)),
                          s.zero(real), rank);
        }
        Value hasNaN = s.compare(Relation::Less, count, s.integer(i64, last));
        Value end = s.constant(real, double(last));
        return s.select(hasNaN, end, s.mul(in[0], end));
      });
}

/// The elements of ranks between those of `sorted` [.., n]: [.., quantiles].
static Item atRanks(Call &c, Value sorted, Value ranks, StringRef mode) {
  int64_t dim = cast<RankedTensorType>(sorted.getType()).getRank() - 1;
  Item rank = itemOf(c, ranks);
  if (mode == "lower" || mode == "higher" || mode == "nearest")
    rank = c.call(mode == "lower"    ? "aten::floor"
                  : mode == "higher" ? "aten::ceil"
                                     : "aten::round",
                  {rank});
  auto read = [&](Item at, StringRef suffix) {
    Value ids = castTo(c, c.tensor(at), c.builder().getI64Type(),
                       (suffix + ".place").str());
    return itemOf(c, readElements(c.generic(suffix), sorted, dim, ids));
  };
  Item floor = c.call("aten::floor", {rank});
  Item below = read(floor, "below");
  if (mode != "linear" && mode != "midpoint")
    return below;
  Item above = read(c.call("aten::ceil", {rank}), "above");
  if (mode == "midpoint")
    return c.call("aten::lerp.Scalar", {below, above, c.number(0.5)});
  Item weight = c.call("aten::sub.Tensor", {rank, floor, c.number(int64_t(1))});
  return c.call("aten::lerp.Tensor", {below, above, weight});
}

/// quantile(x, q, dim, keepdim, interpolation): the quantiles come first.
template <bool skipsNaN> static void quantile(Call &c) {
  auto type = dyn_cast<FloatType>(c.type(0).getElementType());
  int64_t rank = c.type(0).getRank();
  bool isFlat = c.isNone(2), keep = c.flag(3);
  StringRef mode = c.size() > 4 && !c.isNone(4) ? c.text(4) : "linear";
  int64_t dim = isFlat ? 0 : c.dimension(2, rank);
  RankedTensorType ofQ = c.type(1);
  if (c.failed())
    return;
  if (!type || ofQ.getRank() > 1 || c.type(0).getNumElements() == 0)
    return c.error("expected floats with elements, and a number or a list of "
                   "numbers");
  if (c.item(1).isScalar()) {
    double q = c.real(1);
    if (!(q >= 0 && q <= 1))
      return c.error("found a quantile outside of 0 to 1");
  }
  Item x = isFlat || rank == 0
               ? c.call("aten::reshape", {c.item(0), c.numbers({-1})})
               : c.call("aten::movedim.int",
                        {c.item(0), c.numbers({dim}), c.numbers({-1})});
  if (c.failed())
    return;
  Value values = c.tensor(x);
  ArrayRef<int64_t> shape = cast<RankedTensorType>(values.getType()).getShape();
  int64_t own = shape.size() - 1;
  if (!canBeOrdered(c, shape, own))
    return;
  Value q = c.tensor(castTo(c, c.item(1), type, "q"));
  if (ofQ.getRank() == 0)
    q = c.tensor(c.call("aten::reshape", {itemOf(c, q), c.numbers({1})}));
  Value ranks = ranksOfQuantiles(c, values, q, skipsNaN);
  Value places =
      placesInOrder(c, values, own, shape.back(), /*descending=*/false);
  Value sorted = readElements(c.generic("sorted"), values, own, places);
  Item found = atRanks(c, sorted, ranks, mode);
  found = c.call("aten::movedim.int", {found, c.numbers({-1}), c.numbers({0})});
  if (keep) {
    SmallVector<int64_t> sizes(
        isFlat ? SmallVector<int64_t>(rank, 1)
               : SmallVector<int64_t>(c.type(0).getShape()));
    if (!isFlat && rank > 0)
      sizes[dim] = 1;
    sizes.insert(sizes.begin(),
                 c.failed() ? 1 : found.tensor->type.getDimSize(0));
    found = c.call("aten::reshape", {found, c.numbers(sizes)});
  }
  if (ofQ.getRank() == 0)
    found = c.call("aten::squeeze.dim", {found, c.number(int64_t(0))});
  else if (rank == 0 && !isFlat && !c.failed())
    found = c.call("aten::reshape", {found, c.numbers({-1})});
  if (!c.failed())
    c.result(c.tensor(found));
}

//===----------------------------------------------------------------------===//
// Places in what is in order
//===----------------------------------------------------------------------===//

/// How many of the numbers in order stand before each element: those that are
/// less, or (`right`) not greater. All before NaN.
static void searched(Call &c, Item numbers, Item item, bool right,
                     bool isNarrow) {
  Type type = promoted(c, {numbers, item});
  Value x = c.tensor(castTo(c, item, type, "element")),
        sorted = c.tensor(castTo(c, numbers, type, "numbers"));
  auto own = cast<RankedTensorType>(x.getType()),
       list = cast<RankedTensorType>(sorted.getType());
  int64_t rank = own.getRank();
  bool isShared = list.getRank() == 1;
  if (list.getRank() == 0 || (!isShared && (list.getRank() != rank ||
                                            own.getShape().drop_back() !=
                                                list.getShape().drop_back())))
    return c.error("found elements of shape " + shapeText(own.getShape()) +
                   " for numbers of shape " + shapeText(list.getShape()) +
                   ", expected a list, or one for each row of elements");
  Type result = isNarrow ? c.builder().getI32Type() : c.builder().getI64Type();
  GenericBuilder g = c.generic();
  g.noGradient();
  DimFactors factors = addFactors(g, dimsOf(x)), ofList;
  if (!isShared)
    ofList.append(factors.begin(), factors.end() - 1);
  ofList.push_back({g.factor("j", list.getShape().back(), FactorKind::Sum)});
  g.operand(x, plainMap(g, factors));
  g.operand(sorted, plainMap(g, ofList));
  g.result(result, plainMap(g, factors));
  c.result(g.build([&](ScalarBuilder &s, ValueRange in) {
    Value isBehind = s.compare(
        right ? Relation::Greater : Relation::GreaterEqual, in[1], in[0]);
    return s.cast(s.logicalNot(isBehind), result);
  }));
}

/// bucketize(x, boundaries, out_int32, right).
static void bucketize(Call &c) {
  searched(c, c.item(1), c.item(0), c.flag(3), c.flag(2));
}

/// searchsorted(sorted, x, out_int32, right, side, sorter).
static void searchSorted(Call &c) {
  bool right = c.flag(3) || (!c.isNone(4) && c.text(4) == "right");
  Item numbers = c.item(0);
  if (!c.isNone(5))
    numbers =
        c.call("aten::gather", {numbers, c.number(int64_t(-1)), c.item(5)});
  if (!c.failed())
    searched(c, numbers, c.item(1), right, c.flag(2));
}

/// isin(elements, tests, assume_unique, invert).
static void isIn(Call &c) {
  Item tests = c.call("aten::reshape", {c.item(1), c.numbers({-1})});
  if (c.failed())
    return;
  Type type = promoted(c, {c.item(0), tests});
  Value x = c.tensor(castTo(c, c.item(0), type, "element")),
        list = c.tensor(castTo(c, tests, type, "tests"));
  bool invert = c.flag(3);
  Type i1 = c.builder().getI1Type();
  GenericBuilder g = c.generic();
  g.noGradient();
  DimFactors factors = addFactors(g, dimsOf(x));
  int64_t j = g.factor("j", c.type(1).getNumElements(),
                       invert ? FactorKind::All : FactorKind::Any);
  g.operand(x, plainMap(g, factors));
  g.operand(list, plainMap(g, {{j}}));
  g.result(i1, plainMap(g, factors));
  c.result(g.build([&](ScalarBuilder &s, ValueRange in) {
    return s.compare(invert ? Relation::NotEqual : Relation::Equal, in[0],
                     in[1]);
  }));
}

void normalize::addOrderStatisticRows(Table &table) {
  table.add("aten::median", medianOfAll<false>);
  table.add("aten::nanmedian", medianOfAll<true>);
  table.add("aten::median.dim", medianOfDim<false>);
  table.add("aten::nanmedian.dim", medianOfDim<true>);
  table.add({"aten::quantile", "aten::quantile.scalar"}, quantile<false>);
  table.add({"aten::nanquantile", "aten::nanquantile.scalar"}, quantile<true>);
  table.add({"aten::bucketize.Tensor", "aten::bucketize.Scalar"}, bucketize);
  table.add({"aten::searchsorted.Tensor", "aten::searchsorted.Scalar"},
            searchSorted);
  table.add("aten::isin.Tensor_Tensor", isIn);
}
