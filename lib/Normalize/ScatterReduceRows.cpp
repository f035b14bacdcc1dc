//===- ScatterReduceRows.cpp - Elements combined where ids say ------------===//

#include "Colossal/IR/Combiner.h"
#include "Elementwise.h"
#include "Lookup.h"
#include "Rows.h"
#include "Scatter.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::normalize;

namespace {
enum class Reduction { Sum, Product, Mean, Max, Min };

/// scatter_reduce(self, dim, ids, source): places are those of self.
struct Scattered {
  Call &c;
  int64_t dim;
  Value self, ids, source;
  Type type;
  int64_t size; ///< places along `dim`

  ElementwiseOptions options(ArrayRef<Value> inputs,
                             StringRef suffix = "") const {
    ElementwiseOptions result;
    result.result = type;
    result.suffix = suffix;
    for (Value input : inputs)
      result.types.push_back(getElementTypeOrSelf(input.getType()));
    return result;
  }
};
} // namespace

static std::optional<Reduction> reductionOf(StringRef name) {
  return llvm::StringSwitch<std::optional<Reduction>>(name)
      .Cases({"sum", "add"}, Reduction::Sum)
      .Cases({"prod", "multiply"}, Reduction::Product)
      .Case("mean", Reduction::Mean)
      .Case("amax", Reduction::Max)
      .Case("amin", Reduction::Min)
      .Default(std::nullopt);
}

/// How many ids name each place: i64.
static Value countsOf(const Scattered &p) {
  GenericBuilder g = p.c.generic("count");
  g.noGradient();
  Type i64 = p.c.builder().getI64Type();
  ScatterFactors factors =
      addScatterFactors(g, dimsOf(p.ids), p.dim, 1, p.size);
  g.operand(p.ids, plainMap(g, factors.in));
  g.result(i64, plainMap(g, factors.out));
  return g.build([&](ScalarBuilder &s, ValueRange in) {
    return whereId(g, s, s.integer(i64, 1), factors.v, in[0]);
  });
}

/// Each place's elements, combined; `neutral` where there are none.
static Value combinedAt(const Scattered &p, FactorKind kind, TypedAttr neutral,
                        bool noGradient) {
  GenericBuilder g = p.c.generic("combined");
  if (noGradient)
    g.noGradient();
  ScatterFactors factors =
      addScatterFactors(g, dimsOf(p.source), p.dim, 1, p.size, kind);
  g.operand(p.ids, plainMap(g, factors.in));
  g.operand(p.source, plainMap(g, factors.in));
  g.result(p.type, plainMap(g, factors.out));
  return g.build([&](ScalarBuilder &s, ValueRange in) {
    Value place = s.cast(s.index(g.nameOf(factors.v)), in[0].getType());
    Value none = s.constant(neutral);
    return s.select(s.compare(Relation::Equal, in[0], place), in[1], none);
  });
}

/// The sum, over the elements of a place that are its extreme, of themselves
/// or of 1.
static Value overExtremes(const Scattered &p, Value extreme, bool ofOnes) {
  GenericBuilder g = p.c.generic(ofOnes ? "ties" : "tied");
  if (ofOnes)
    g.noGradient();
  ScatterFactors factors =
      addScatterFactors(g, dimsOf(p.source), p.dim, 1, p.size);
  g.operand(p.ids, plainMap(g, factors.in));
  g.operand(p.source, plainMap(g, factors.in));
  g.operand(extreme, plainMap(g, factors.out));
  g.result(p.type, plainMap(g, factors.out));
  return g.build([&](ScalarBuilder &s, ValueRange in) {
    Value isExtreme = s.compare(Relation::Equal, in[1], in[2]);
    Value counted =
        s.select(isExtreme, ofOnes ? s.one(p.type) : in[1], s.zero(p.type));
    return whereId(g, s, counted, factors.v, in[0]);
  });
}

/// The greatest (least) of each place, its derivative in equal parts to all
/// that are equal to it.
static Value extremeAt(const Scattered &p, bool isMax, bool withSelf,
                       Value counts) {
  bool isFloat = isa<FloatType>(p.type);
  FactorKind kind = isMax ? FactorKind::Max : FactorKind::Min;
  Value extreme =
      combinedAt(p, kind, neutralElement(combinerOf(kind), p.type), isFloat);
  std::string suffix = isFloat ? "extreme" : "";
  ElementwiseOptions options = p.options({p.self, extreme, counts}, suffix);
  extreme = elementwiseValue(
      p.c, {p.self, extreme, counts}, options,
      [&](ScalarBuilder &s, ValueRange in) {
        if (withSelf)
          return isMax ? s.maximum(in[0], in[1]) : s.minimum(in[0], in[1]);
        Value isHit =
            s.compare(Relation::Greater, in[2], s.integer(in[2].getType(), 0));
        return s.select(isHit, in[1], in[0]);
      });
  if (!isFloat)
    return extreme;
  // The extreme itself is a constant.
  GenericBuilder stop = p.c.generic("constant");
  stop.noGradient();
  IndexMapAttr map = plainMap(stop, addFactors(stop, dimsOf(extreme)));
  stop.operand(extreme, map);
  stop.result(p.type, map);
  extreme = stop.build([](ScalarBuilder &, ValueRange in) { return in[0]; });
  Value ties = overExtremes(p, extreme, /*ofOnes=*/true),
        tied = overExtremes(p, extreme, /*ofOnes=*/false);
  SmallVector<Value> inputs = {p.self, extreme, ties, tied, counts};
  return elementwiseValue(
      p.c, inputs, p.options(inputs), [&](ScalarBuilder &s, ValueRange in) {
        Value isHit =
            s.compare(Relation::Greater, in[4], s.integer(in[4].getType(), 0));
        Value number = in[2], terms = in[3];
        if (withSelf) {
          Value isTied = s.compare(Relation::Equal, in[0], in[1]);
          number =
              s.add(number, s.select(isTied, s.one(p.type), s.zero(p.type)));
          terms = s.add(terms, s.select(isTied, in[0], s.zero(p.type)));
        }
        Value value =
            s.withDerivative(in[1], terms, s.div(s.one(p.type), number));
        return s.select(isHit, value, in[0]);
      });
}

/// Sums, means and products: what a place had with them, or only where nothing
/// came.
static Value accumulatedAt(const Scattered &p, Reduction reduction,
                           bool withSelf, Value counts) {
  bool isProduct = reduction == Reduction::Product;
  Value total =
      isProduct ? combinedAt(p, FactorKind::Product,
                             neutralElement(Combiner::Product, p.type), false)
                : scatterElements(p.c.generic("added"), p.source, p.dim, p.ids,
                                  p.size);
  SmallVector<Value> inputs = {p.self, total, counts};
  return elementwiseValue(
      p.c, inputs, p.options(inputs), [&](ScalarBuilder &s, ValueRange in) {
        Type i64 = in[2].getType();
        Value value = in[1], number = in[2];
        if (withSelf) {
          value = isProduct ? s.mul(in[0], value) : s.add(in[0], value);
          number = s.add(number, s.integer(i64, 1));
        }
        if (reduction == Reduction::Mean) {
          Value atLeastOne =
              s.create<arith::MaxSIOp>(number, s.integer(i64, 1));
          Value divisor = s.cast(atLeastOne, p.type);
          value = isa<FloatType>(p.type)
                      ? s.div(value, divisor)
                      : s.divideIntegers<arith::FloorDivSIOp>(value, divisor);
        }
        if (withSelf)
          return value;
        Value isHit = s.compare(Relation::Greater, in[2], s.integer(i64, 0));
        return s.select(isHit, value, in[0]);
      });
}

static void scatterBy(Call &c, StringRef name, bool withSelf) {
  std::optional<Reduction> reduction = reductionOf(name);
  if (!reduction)
    return c.error("found reduction '" + name +
                   "', expected sum, prod, mean, amax or amin");
  std::optional<int64_t> dim = scatteredDim(c);
  if (!dim || c.failed())
    return;
  Value source = scatteredSource(c);
  Type type = c.type(0).getElementType();
  if (type.isInteger(1))
    return c.error("combines truth values");
  if (c.failed())
    return;
  Scattered p{c,
              *dim,
              c.tensor(0),
              c.tensor(2),
              source,
              type,
              c.type(0).getDimSize(*dim)};
  Value counts = countsOf(p);
  bool isMax = *reduction == Reduction::Max;
  c.result(isMax || *reduction == Reduction::Min
               ? extremeAt(p, isMax, withSelf, counts)
               : accumulatedAt(p, *reduction, withSelf, counts));
}

/// scatter_reduce(self, dim, index, source, reduce, include_self).
static void scatterReduce(Call &c) {
  scatterBy(c, c.text(4), c.isNone(5) || c.flag(5));
}

/// scatter(self, dim, index, source or value, reduce): "add" or "multiply".
static void scatterWith(Call &c) { scatterBy(c, c.text(4), true); }

/// index_reduce(self, dim, index, source, reduce, include_self): an index for
/// each row of the source.
static void indexReduce(Call &c) {
  int64_t rank = c.type(0).getRank(), dim = c.dimension(1, rank);
  if (c.failed() || rank == 0 || c.type(2).getRank() != 1)
    return c.error("expected a tensor with dimensions and a list of indices");
  SmallVector<int64_t> sizes(rank, 1);
  sizes[dim] = c.type(2).getDimSize(0);
  Item ids = c.call("aten::expand",
                    {c.call("aten::reshape", {c.item(2), c.numbers(sizes)}),
                     c.numbers(c.type(3).getShape())});
  c.result(c.call("aten::scatter_reduce.two",
                  {c.item(0), c.item(1), ids, c.item(3), c.item(4),
                   c.isNone(5) ? c.truth(true) : c.item(5)}));
}

void normalize::addScatterReduceRows(Table &table) {
  table.add("aten::scatter_reduce.two", scatterReduce);
  table.add({"aten::scatter.reduce", "aten::scatter.value_reduce"},
            scatterWith);
  table.add("aten::index_reduce", indexReduce);
}
