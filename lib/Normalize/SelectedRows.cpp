//===- SelectedRows.cpp - Rows that data select ---------------------------===//

#include "SelectedRows.h"
#include "Elementwise.h"
#include "Lookup.h"
#include "Reductions.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::normalize;

/// Outside of every dimension, also after a dimension's size was added.
static constexpr int64_t kNowhere = -(int64_t(1) << 62);

static SmallVector<int64_t> joined(ArrayRef<SmallVector<int64_t>> dims) {
  SmallVector<int64_t> all;
  for (ArrayRef<int64_t> own : dims)
    all.append(own.begin(), own.end());
  return all;
}

/// A mask of truth values; of rows that are not there themselves, false.
static Value asMask(Call &c, Value mask) {
  mask = castTo(c, mask, c.builder().getI1Type(), "mask");
  int64_t rank = cast<RankedTensorType>(mask.getType()).getRank();
  return presentRows(c, mask, llvm::to_vector(llvm::seq<int64_t>(0, rank)), 0);
}

/// The mask with one dimension.
static Value flatMask(Call &c, Value mask) {
  if (cast<RankedTensorType>(mask.getType()).getRank() == 1)
    return mask;
  if (Value known = c.state.selections.flatOf(mask))
    return known;
  GenericBuilder g = c.generic("present");
  DimFactors factors = addFactors(g, dimsOf(mask));
  g.operand(mask, plainMap(g, factors));
  g.result(getElementTypeOrSelf(mask.getType()),
           plainMap(g, {joined(factors)}));
  return g.build([](ScalarBuilder &, ValueRange in) { return in[0]; });
}

SmallVector<Value> normalize::selectedBy(Call &c, Value mask) {
  mask = asMask(c, mask);
  Value flat = flatMask(c, mask);
  int64_t rank = cast<RankedTensorType>(mask.getType()).getRank();
  Type i64 = c.builder().getI64Type();
  SmallVector<Value> numbers;
  for (int64_t dim = 0; dim < rank; ++dim) {
    std::string name = c.name("selected" + std::to_string(dim));
    GenericBuilder g(c.builder(), c.loc(), name);
    DimFactors factors = addFactors(g, dimsOf(mask));
    g.operand(mask, plainMap(g, factors));
    g.result(i64, plainMap(g, {joined(factors)}));
    c.state.selections.note(name, 0, mask, flat, c.op.getName());
    numbers.push_back(g.build([&](ScalarBuilder &s, ValueRange in) {
      return s.select(in[0], mixedRadix(g, s, factors[dim]),
                      s.integer(i64, kNowhere));
    }));
  }
  return numbers;
}

Value normalize::rowsBy(Call &c, Value x, int64_t dim, Value mask) {
  mask = asMask(c, mask);
  auto type = cast<RankedTensorType>(x.getType()),
       maskType = cast<RankedTensorType>(mask.getType());
  int64_t rank = maskType.getRank();
  if (dim + rank > type.getRank() ||
      type.getShape().slice(dim, rank) != maskType.getShape()) {
    c.error("found a mask of shape " + shapeText(maskType.getShape()) +
            " for dimension " + Twine(dim) + " of a tensor of shape " +
            shapeText(type.getShape()));
    return x;
  }
  Value flat = flatMask(c, mask);
  std::string name = c.name();
  GenericBuilder g(c.builder(), c.loc(), name);
  DimFactors factors = addFactors(g, dimsOf(x)), out;
  ArrayRef<SmallVector<int64_t>> rows = ArrayRef(factors).slice(dim, rank);
  out.append(factors.begin(), factors.begin() + dim);
  out.push_back(joined(rows));
  out.append(factors.begin() + dim + rank, factors.end());
  g.operand(mask, plainMap(g, rows));
  g.operand(x, plainMap(g, factors));
  g.result(type.getElementType(), plainMap(g, out));
  c.state.selections.note(name, dim, mask, flat, c.op.getName());
  return g.build([&](ScalarBuilder &s, ValueRange in) {
    return s.select(in[0], in[1], s.zero(type.getElementType()));
  });
}

Value normalize::presentRows(Call &c, Value x, ArrayRef<int64_t> dims,
                             double neutral, bool member) {
  std::optional<SelectedDim> selected = c.state.selections.of(x);
  if (!selected || !llvm::is_contained(dims, int64_t(selected->dim)))
    return x;
  Type type = getElementTypeOrSelf(x.getType());
  std::string name = c.name("present");
  GenericBuilder g(c.builder(), c.loc(), name);
  if (member)
    g.group(c.op.getName());
  DimFactors factors = addFactors(g, dimsOf(x));
  g.operand(selected->present, plainMap(g, {factors[selected->dim]}));
  g.operand(x, plainMap(g, factors));
  g.result(type, plainMap(g, factors));
  c.state.selections.settle(name);
  return g.build([&](ScalarBuilder &s, ValueRange in) {
    return s.select(in[0], in[1], s.constant(type, neutral));
  });
}

Value normalize::truesBefore(Call &c, Value trues, StringRef suffix) {
  GenericBuilder g = c.generic(suffix);
  Type i64 = c.builder().getI64Type();
  int64_t count = cast<RankedTensorType>(trues.getType()).getDimSize(0);
  int64_t i = g.factor("i", count), j = g.factor("j", count, FactorKind::Sum);
  g.operand(trues, g.map(ArrayRef<int64_t>{j}));
  g.result(i64, g.map(ArrayRef<int64_t>{i}));
  return g.build([&](ScalarBuilder &s, ValueRange in) {
    Value before = s.compare(Relation::Less, s.index("j"), s.index("i"));
    return s.select(before, s.cast(in[0], i64), s.zero(i64));
  });
}

Value normalize::compactRows(Call &c, Value x, int64_t dim) {
  std::optional<SelectedDim> selected = c.state.selections.of(x);
  if (!selected || int64_t(selected->dim) != dim)
    return x;
  Type i64 = c.builder().getI64Type();
  ElementwiseOptions options;
  options.types = {i64, c.builder().getI1Type()};
  options.result = i64;
  options.suffix = "places";
  Value places = elementwiseValue(
      c, {truesBefore(c, selected->present, "before"), selected->present},
      options, [&](ScalarBuilder &s, ValueRange in) {
        return s.select(in[1], in[0], s.integer(i64, kNowhere));
      });
  std::string name = c.name("compact");
  c.state.selections.settle(name);
  return scatterSum(GenericBuilder(c.builder(), c.loc(), name), x, dim, places,
                    cast<RankedTensorType>(x.getType()).getDimSize(dim));
}

Value normalize::presentCount(Call &c, Value x, ArrayRef<int64_t> dims,
                              Type type) {
  std::optional<SelectedDim> selected = c.state.selections.of(x);
  if (!selected || !llvm::is_contained(dims, int64_t(selected->dim)))
    return {};
  int64_t others = 1;
  for (int64_t dim : dims)
    if (dim != int64_t(selected->dim))
      others *= cast<RankedTensorType>(x.getType()).getDimSize(dim);
  GenericBuilder g = c.generic("count");
  return reduce(g, {selected->present}, {0}, false, FactorKind::Sum, type,
                [&](ScalarBuilder &s, ValueRange in) {
                  return s.select(in[0], s.constant(type, others),
                                  s.zero(type));
                });
}
