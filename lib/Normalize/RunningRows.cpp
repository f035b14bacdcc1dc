//===- RunningRows.cpp - Extremes of what came before ---------------------===//

#include "Colossal/IR/Combiner.h"
#include "Elementwise.h"
#include "Lookup.h"
#include "Reductions.h"
#include "Rows.h"
#include "Unary.h"

#include <limits>

using namespace mlir;
using namespace colossal;
using namespace colossal::normalize;

namespace {
/// Each element i of a dimension combines the elements j.
struct Running {
  Running(Call &c, Value x, int64_t dim, StringRef suffix, FactorKind kind)
      : g(suffix.empty() ? c.member() : c.member(suffix)) {
    int64_t size = cast<RankedTensorType>(x.getType()).getDimSize(dim);
    Dims dims = dimsOf(x);
    dims[dim] = {SubDim{"i", size}};
    out = addFactors(g, dims);
    DimFactors in = out;
    i = out[dim][0];
    j = g.factor("j", size, kind);
    in[dim] = {j};
    g.operand(x, plainMap(g, in));
  }
  /// In the body: whether j came before i, or is i.
  Value came(ScalarBuilder &s) {
    return s.compare(Relation::LessEqual, s.index(g.nameOf(j)),
                     s.index(g.nameOf(i)));
  }
  GenericBuilder g;
  DimFactors out;
  int64_t i, j;
};
} // namespace

/// The dimension in argument 1; nothing of a 0-d tensor.
static std::optional<int64_t> runningDim(Call &c) {
  int64_t rank = c.type(0).getRank(), dim = c.dimension(1, rank);
  return c.failed() || rank == 0 ? std::nullopt : std::optional(dim);
}

/// The greatest (least) up to each element and its place: of equal ones the
/// last, and a NaN is beyond all numbers. The derivative goes to that place.
template <bool isMax> static void runningExtreme(Call &c) {
  std::optional<int64_t> dim = runningDim(c);
  if (c.failed())
    return;
  Type i64 = c.builder().getI64Type(), type = c.type(0).getElementType();
  if (!dim) {
    c.result(c.item(0));
    return c.result(
        c.call("aten::zeros_like", {c.item(0), c.number(int64_t(4))}));
  }
  Value x = c.tensor(0);
  int64_t size = c.type(0).getDimSize(*dim);
  Type compared = type.isInteger(1) ? Type(c.builder().getI32Type()) : type;
  Running running(c, x, *dim, "extreme",
                  isMax ? FactorKind::ArgMax : FactorKind::ArgMin);
  GenericBuilder &g = running.g;
  g.noGradient();
  for (Type result : {compared, i64})
    g.result(result, plainMap(g, running.out));
  GenericOp both = g.buildMany([&](ScalarBuilder &s, ValueRange in) {
    Value element = s.cast(in[0], compared), came = running.came(s);
    Value least = isa<FloatType>(compared)
                      ? s.infinity(compared, /*negative=*/isMax)
                      : s.constant(neutralElement(
                            isMax ? Combiner::Max : Combiner::Min, compared));
    // Counted from the end, since of equal elements the first number counts.
    Value number =
        s.sub(s.integer(i64, size - 1), s.index(g.nameOf(running.j)));
    return SmallVector<Value>{s.select(came, element, least),
                              s.select(came, number, s.integer(i64, size))};
  });
  ElementwiseOptions options;
  options.compute = i64;
  options.suffix = "place";
  Value place = elementwiseValue(
      c, {both.getOutputs()[1]}, options, [&](ScalarBuilder &s, ValueRange in) {
        return s.sub(s.integer(i64, size - 1), in[0]);
      });
  Value value = readElements(c.generic(), x, *dim, place);
  if (!value)
    return c.error("running extremes of a merged dimension");
  c.result(value);
  c.result(place);
}

/// log of the sum of exp(x[j]) over j <= i, by maximum and sum as logsumexp.
static void logCumulativeSumExp(Call &c) {
  std::optional<int64_t> dim = runningDim(c);
  Type type = floatType(c.type(0).getElementType());
  Value x = castTo(c, c.tensor(0), type, "cast");
  if (c.failed())
    return;
  if (!dim)
    return c.result(x);
  Running running(c, x, *dim, "sum", FactorKind::MaxSumExp);
  GenericBuilder &g = running.g;
  g.keep();
  for (int component = 0; component < 2; ++component)
    g.result(type, plainMap(g, running.out));
  GenericOp pair = g.buildMany([&](ScalarBuilder &s, ValueRange in) {
    Value none = s.infinity(type, /*negative=*/true);
    return SmallVector<Value>{s.select(running.came(s), in[0], none),
                              s.one(type)};
  });
  GenericBuilder out = c.member();
  c.result(overRows(out, {pair.getOutputs()[0], pair.getOutputs()[1]}, {}, type,
                    [&](ScalarBuilder &s, ValueRange in) {
                      return s.add(in[0], s.create<math::LogOp>(in[1]));
                    }));
}

void normalize::addRunningRows(Table &table) {
  table.add("aten::cummax", runningExtreme<true>);
  table.add("aten::cummin", runningExtreme<false>);
  table.add("aten::logcumsumexp", logCumulativeSumExp);
}
