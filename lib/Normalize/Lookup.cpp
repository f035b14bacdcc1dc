//===- Lookup.cpp - Elements by number: sums and ids ----------------------===//

#include "Lookup.h"
#include "Colossal/IR/UnsignedByte.h"
#include "Elementwise.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::normalize;

bool normalize::isMask(Type element) {
  return element.isInteger(1) || isUnsignedByte(element);
}

ScatterFactors normalize::addScatterFactors(GenericBuilder &g,
                                            ArrayRef<Dim> dims, int64_t dim,
                                            int64_t count, int64_t size,
                                            FactorKind kind) {
  ScatterFactors factors;
  factors.v = g.factor("v", size);
  for (auto [index, sub] : llvm::enumerate(dims)) {
    bool over = int64_t(index) >= dim && int64_t(index) < dim + count;
    factors.in.push_back(
        addFactors(g, sub, over ? kind : FactorKind::Parallel));
    if (int64_t(index) == dim)
      factors.out.push_back({factors.v});
    if (!over)
      factors.out.push_back(factors.in.back());
  }
  return factors;
}

/// Sums of x[in] where v is the id, whose dimensions are `ofIds`.
static Value scatter(GenericBuilder &g, const ScatterFactors &factors, Value x,
                     Value ids, ArrayRef<SmallVector<int64_t>> ofIds) {
  g.operand(ids, plainMap(g, ofIds));
  g.operand(x, plainMap(g, factors.in));
  g.result(getElementTypeOrSelf(x.getType()), plainMap(g, factors.out));
  return g.build([&](ScalarBuilder &s, ValueRange in) {
    return whereId(g, s, in[1], factors.v, in[0]);
  });
}

Value normalize::scatterSum(GenericBuilder g, Value x, int64_t dim, Value ids,
                            int64_t size) {
  int64_t count = cast<RankedTensorType>(ids.getType()).getRank();
  ScatterFactors factors = addScatterFactors(g, dimsOf(x), dim, count, size);
  return scatter(g, factors, x, ids, ArrayRef(factors.in).slice(dim, count));
}

Value normalize::occurrencesOf(Call &c, Value ids, int64_t size, Type type,
                               StringRef suffix) {
  GenericBuilder g = c.generic(suffix);
  int64_t v = g.factor("v", size);
  g.operand(ids, plainMap(g, addFactors(g, dimsOf(ids), FactorKind::Sum)));
  g.result(type, g.map(ArrayRef<int64_t>{v}));
  return g.build([&](ScalarBuilder &s, ValueRange in) {
    return whereId(g, s, s.one(type), v, in[0]);
  });
}

Value normalize::scatterElements(GenericBuilder g, Value x, int64_t dim,
                                 Value ids, int64_t size) {
  ScatterFactors factors = addScatterFactors(g, dimsOf(x), dim, 1, size);
  return scatter(g, factors, x, ids, factors.in);
}

Winners normalize::winnersOf(Call &c, Value ids, int64_t dim, int64_t size) {
  GenericBuilder g = c.generic("winner");
  g.noGradient();
  ScatterFactors factors =
      addScatterFactors(g, dimsOf(ids), dim, 1, size, FactorKind::Max);
  g.operand(ids, plainMap(g, factors.in));
  Type i64 = c.builder().getI64Type();
  g.result(i64, plainMap(g, factors.out));
  Winners winners;
  winners.number = g.build([&](ScalarBuilder &s, ValueRange in) {
    Value index = s.cast(s.index(g.nameOf(factors.v)), in[0].getType());
    Value number = s.add(mixedRadix(g, s, factors.in[dim]), s.integer(i64, 1));
    return s.select(s.compare(Relation::Equal, in[0], index), number,
                    s.integer(i64, 0));
  });
  ElementwiseOptions options;
  options.compute = i64;
  options.suffix = "place";
  winners.place = elementwiseValue(c, {winners.number}, options,
                                   [&](ScalarBuilder &s, ValueRange in) {
                                     return s.sub(in[0], s.integer(i64, 1));
                                   });
  return winners;
}

std::optional<SmallVector<int64_t>> normalize::indexedFirst(ArrayRef<Item> list,
                                                            int64_t rank) {
  SmallVector<int64_t> order, others;
  for (int64_t dim = 0; dim < rank; ++dim) {
    bool isIndexed = dim < int64_t(list.size()) && !list[dim].isNone();
    (isIndexed ? order : others).push_back(dim);
  }
  if (order.empty() ||
      order.back() - order.front() + 1 == int64_t(order.size()))
    return std::nullopt;
  order.append(others);
  return order;
}

Value normalize::elementOf(GenericBuilder g, Value x, int64_t dim,
                           int64_t index, bool keep) {
  int64_t size = cast<RankedTensorType>(x.getType()).getDimSize(dim);
  SmallVector<SmallVector<SubDimAttr>> from;
  DimFactors out;
  for (auto [d, sub] : llvm::enumerate(dimsOf(x))) {
    if (int64_t(d) == dim) {
      from.push_back({g.constant(index, size)});
      if (keep)
        out.push_back({});
      continue;
    }
    out.push_back(addFactors(g, sub));
    from.push_back(plain(g, out.back()));
  }
  g.operand(x, g.map(from));
  g.result(getElementTypeOrSelf(x.getType()), plainMap(g, out));
  return g.build([](ScalarBuilder &, ValueRange in) { return in[0]; });
}

Value normalize::idsOf(Call &c, ArrayRef<int64_t> sizes, StringRef suffix,
                       GenericBuilder::Body body) {
  GenericBuilder g = c.generic(suffix);
  DimFactors factors;
  for (int64_t size : sizes)
    factors.push_back(size == 1 ? SmallVector<int64_t>{}
                                : SmallVector<int64_t>{g.factor("o", size)});
  g.result(c.builder().getI64Type(), plainMap(g, factors));
  return g.build([&](ScalarBuilder &s, ValueRange) {
    SmallVector<Value> indices;
    for (ArrayRef<int64_t> factor : factors)
      indices.push_back(mixedRadix(g, s, factor));
    return body(s, indices);
  });
}

Value normalize::readAt(Call &c, Value x, int64_t dim, int64_t count,
                        StringRef suffix, GenericBuilder::Body body) {
  std::string name = suffix.str();
  Value ids = idsOf(c, {count}, name + ".ids", body);
  return lookUp(c.generic(suffix), x, dim, ids);
}
