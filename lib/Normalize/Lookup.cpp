//===- Lookup.cpp - Elements by number: sums and ids ----------------------===//

#include "Lookup.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::normalize;

/// The body where(x, v == id) of a scatter: operands are ids and x.
static Value buildScatter(GenericBuilder &g, int64_t v) {
  return g.build([&](ScalarBuilder &s, ValueRange in) {
    return whereId(g, s, in[1], v, in[0]);
  });
}

Value normalize::scatterSum(GenericBuilder g, Value x, int64_t dim, Value ids,
                            int64_t size) {
  int64_t idRank = cast<RankedTensorType>(ids.getType()).getRank();
  int64_t v = g.factor("v", size);
  DimFactors own, counted, out;
  for (auto [index, sub] : llvm::enumerate(dimsOf(x))) {
    bool summed = int64_t(index) >= dim && int64_t(index) < dim + idRank;
    own.push_back(
        addFactors(g, sub, summed ? FactorKind::Sum : FactorKind::Parallel));
    if (int64_t(index) == dim)
      out.push_back({v});
    (summed ? counted : out).push_back(own.back());
  }
  g.operand(ids, plainMap(g, counted));
  g.operand(x, plainMap(g, own));
  g.result(getElementTypeOrSelf(x.getType()), plainMap(g, out));
  return buildScatter(g, v);
}

Value normalize::scatterElements(GenericBuilder g, Value x, int64_t dim,
                                 Value ids, int64_t size) {
  int64_t v = g.factor("v", size);
  DimFactors own, out;
  for (auto [index, sub] : llvm::enumerate(dimsOf(x))) {
    bool summed = int64_t(index) == dim;
    own.push_back(
        addFactors(g, sub, summed ? FactorKind::Sum : FactorKind::Parallel));
    out.push_back(summed ? SmallVector<int64_t>{v} : own.back());
  }
  g.operand(ids, plainMap(g, own));
  g.operand(x, plainMap(g, own));
  g.result(getElementTypeOrSelf(x.getType()), plainMap(g, out));
  return buildScatter(g, v);
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
