//===- EmbeddingRows.cpp - Look-ups in a table of weights -----------------===//

#include "IndexFunction.h"
#include "Lookup.h"
#include "Rows.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::normalize;

/// A single factor for a dimension whose index is compared.
static Dim single(Value value, int64_t dim, StringRef name) {
  int64_t size = cast<RankedTensorType>(value.getType()).getDimSize(dim);
  return {SubDim{name.str(), size}};
}

/// A look-up of consecutive rows, ids[.., i, ..] = i + first: a part of x.
static Value rowsInSequence(Call &c, Value table, Value ids, int64_t dim,
                            int64_t first) {
  auto type = cast<RankedTensorType>(table.getType());
  auto idType = cast<RankedTensorType>(ids.getType());
  int64_t count = idType.getDimSize(dim);
  if (first < 0 || first + count > type.getDimSize(0))
    c.error("looks up row " + Twine(first < 0 ? first : first + count - 1) +
            " of a table of " + Twine(type.getDimSize(0)));
  GenericBuilder g = c.generic();
  Dims idDims = dimsOf(ids), tableDims = dimsOf(table);
  idDims[dim] =
      single(ids, dim, idDims[dim].empty() ? "s" : idDims[dim][0].name);
  DimFactors out = addFactors(g, idDims);
  out.push_back(addFactors(g, tableDims[1]));
  SubDimAttr rows = first == 0 && count == type.getDimSize(0)
                        ? g.plain(out[dim][0])
                        : g.clipped(out[dim][0], first, type.getDimSize(0));
  g.operand(table, g.map({{rows}, plain(g, out.back())}));
  g.result(type.getElementType(), plainMap(g, out));
  return g.build([](ScalarBuilder &, ValueRange in) { return in[0]; });
}

/// The table, without a derivative in one row.
static Value withoutGradientOfRow(Call &c, Value table, int64_t row) {
  Type type = getElementTypeOrSelf(table.getType());
  GenericBuilder stop = c.generic("stop");
  stop.noGradient();
  IndexMapAttr map = plainMap(stop, addFactors(stop, dimsOf(table)));
  stop.operand(table, map);
  stop.result(type, map);
  Value stopped =
      stop.build([](ScalarBuilder &, ValueRange in) { return in[0]; });
  GenericBuilder g = c.generic("table");
  Dims dims = dimsOf(table);
  dims[0] = single(table, 0, "v");
  DimFactors factors = addFactors(g, dims);
  map = plainMap(g, factors);
  g.operand(stopped, map);
  g.operand(table, map);
  g.result(type, map);
  return g.build([&](ScalarBuilder &s, ValueRange in) {
    Value index = s.index(g.nameOf(factors[0][0]));
    return s.select(
        s.compare(Relation::Equal, index, s.integer(index.getType(), row)),
        in[0], in[1]);
  });
}

/// The table, with a gradient that is divided by how often the ids name a row.
static Value withGradientByFrequency(Call &c, Value table, Value ids) {
  Type type = getElementTypeOrSelf(table.getType());
  int64_t rows = cast<RankedTensorType>(table.getType()).getDimSize(0);
  Value counts = occurrencesOf(c, ids, rows, type, "counts");
  GenericBuilder g = c.generic("table");
  DimFactors factors = addFactors(g, dimsOf(table));
  IndexMapAttr map = plainMap(g, factors);
  g.operand(table, map);
  g.operand(counts, plainMap(g, {factors[0]}));
  g.result(type, map);
  return g.build([&](ScalarBuilder &s, ValueRange in) {
    Value one = s.one(type);
    return s.withDerivative(in[0], in[0], s.div(one, s.maximum(in[1], one)));
  });
}

/// embedding(table, ids, padding_idx, scale_grad_by_freq, sparse).
static void embedding(Call &c) {
  Value table = c.tensor(0), ids = c.tensor(1);
  if (c.type(0).getRank() != 2 || !isa<IntegerType>(c.type(1).getElementType()))
    return c.error("expected a table of two dimensions and integer ids");
  bool byFrequency = c.flag(3);
  int64_t padding = c.integer(2);
  if (c.failed())
    return;
  if (byFrequency)
    table = withGradientByFrequency(c, table, ids);
  if (padding >= 0)
    table = withoutGradientOfRow(c, table, padding);
  if (auto positions = matchPositions(ids))
    return c.result(
        rowsInSequence(c, table, ids, positions->first, positions->second));
  c.result(lookUp(c.generic(), table, 0, ids));
}

void normalize::addEmbeddingRows(Table &table) {
  table.add("aten::embedding", embedding);
}
