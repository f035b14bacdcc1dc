//===- PackedRows.cpp - Packing sequences and padding them again ----------===//

#include "Elementwise.h"
#include "Packed.h"
#include "Rows.h"
#include "Shapes.h"
#include "ViewBuilder.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::normalize;

const Packed *normalize::packedBy(Call &c, unsigned index) {
  Value sizes = c.tensor(index);
  const Packed *packed = c.failed() ? nullptr : c.state.packedOf(sizes);
  if (!packed && !c.failed())
    c.error("found batch sizes in argument " + Twine(index) +
            " that no pack_padded_sequence has made");
  return packed;
}

Value normalize::isBeforeEnd(ScalarBuilder &s, Value time, Value length) {
  return s.compare(Relation::Less, time, length);
}

/// Which of the rows are there, [(time, sequence)], i1.
static Value presentRowsOf(Call &c, Value batchSizes) {
  if (Value known = c.state.selections.flatOf(batchSizes))
    return known;
  const Packed &packed = *c.state.packedOf(batchSizes);
  GenericBuilder g = c.generic("present");
  SmallVector<int64_t> t, n = addFactors(g, dimsOf(packed.lengths)[0]);
  if (packed.times != 1)
    t.push_back(g.factor("t", packed.times));
  SmallVector<int64_t> both = t;
  both.append(n);
  g.operand(packed.lengths, plainMap(g, {n}));
  g.result(c.builder().getI1Type(), plainMap(g, {both}));
  return g.build([&](ScalarBuilder &s, ValueRange in) {
    return isBeforeEnd(s, mixedRadix(g, s, t), in[0]);
  });
}

Value normalize::packRows(Call &c, Value x, int64_t timeDim, Value batchSizes,
                          StringRef suffix) {
  Value present = presentRowsOf(c, batchSizes);
  std::string name = c.name(suffix);
  GenericBuilder g(c.builder(), c.loc(), name);
  DimFactors in = addFactors(g, dimsOf(x)), out(1);
  for (int64_t dim : {timeDim, 1 - timeDim})
    out[0].append(in[dim].begin(), in[dim].end());
  out.append(in.begin() + 2, in.end());
  g.operand(x, plainMap(g, in));
  g.result(getElementTypeOrSelf(x.getType()), plainMap(g, out));
  c.state.selections.note(name, 0, batchSizes, present, name);
  return g.build([](ScalarBuilder &, ValueRange in) { return in[0]; });
}

/// Rows as [time, sequence, ...] or, `batchFirst`, [sequence, time, ...], with
/// `times` times and `padding` after a sequence's end.
static Value padTo(Call &c, Value rows, const Packed &packed, bool batchFirst,
                   int64_t times, double padding, StringRef suffix) {
  std::string name = c.name(suffix);
  GenericBuilder g(c.builder(), c.loc(), name);
  SmallVector<int64_t> t, n = addFactors(g, dimsOf(packed.lengths)[0]);
  SmallVector<SubDimAttr> both;
  if (times != 1)
    t.push_back(g.factor("t", times));
  if (times == packed.times)
    both = times == 1 ? SmallVector<SubDimAttr>{} : plain(g, t);
  else if (times == 1)
    both.push_back(g.constant(0, packed.times));
  else
    both.push_back(g.clipped(t[0], 0, packed.times));
  for (int64_t factor : n)
    both.push_back(g.plain(factor));
  if (both.empty())
    both.push_back(g.constant(0, 1));
  SmallVector<SmallVector<SubDimAttr>> from = {both};
  DimFactors out = {t, n};
  if (batchFirst)
    std::swap(out[0], out[1]);
  Dims dims = dimsOf(rows);
  for (const Dim &dim : ArrayRef(dims).drop_front()) {
    out.push_back(addFactors(g, dim));
    from.push_back(plain(g, out.back()));
  }
  Type type = getElementTypeOrSelf(rows.getType());
  g.operand(packed.lengths, plainMap(g, {n}));
  g.operand(rows, g.map(from));
  g.result(type, plainMap(g, out));
  c.state.selections.settle(name);
  return g.build([&](ScalarBuilder &s, ValueRange in) {
    return s.select(isBeforeEnd(s, mixedRadix(g, s, t), in[0]), in[1],
                    s.constant(type, padding));
  });
}

Value normalize::padRows(Call &c, Value rows, const Packed &packed,
                         StringRef suffix) {
  return padTo(c, rows, packed, false, packed.times, 0, suffix);
}

/// _pack_padded_sequence(input, lengths, batch_first) -> (data, batch sizes).
static void pack(Call &c) {
  Value x = c.tensor(0);
  RankedTensorType type = c.type(0), lengths = c.type(1);
  int64_t timeDim = c.flag(2) ? 1 : 0;
  if (c.failed() || type.getRank() < 2)
    return c.error("expected an input with times and sequences");
  int64_t times = type.getDimSize(timeDim);
  int64_t samples = type.getDimSize(1 - timeDim);
  if (times < 1 || samples < 1)
    return c.error("expected a batch with elements");
  if (lengths.getRank() != 1 || lengths.getDimSize(0) != samples ||
      !isa<IntegerType>(lengths.getElementType()))
    return c.error("found lengths of shape " + shapeText(lengths.getShape()) +
                   ", expected an integer for each of " + Twine(samples) +
                   " sequences");
  Type i64 = c.builder().getI64Type();
  Packed packed{castTo(c, c.tensor(1), i64, "lengths"), times, samples};
  GenericBuilder g = c.generic("sizes");
  SmallVector<int64_t> t = addFactors(g, dimsOf(x)[timeDim]),
                       n = addFactors(g, dimsOf(packed.lengths)[0],
                                      FactorKind::Sum);
  g.operand(packed.lengths, plainMap(g, {n}));
  g.result(i64, plainMap(g, {t}));
  Value sizes = g.build([&](ScalarBuilder &s, ValueRange in) {
    return s.select(isBeforeEnd(s, mixedRadix(g, s, t), in[0]),
                    s.integer(i64, 1), s.integer(i64, 0));
  });
  c.state.notePacked(sizes, packed);
  c.result(packRows(c, x, timeDim, sizes, ""));
  c.result(sizes);
}

/// _pad_packed_sequence(data, batch sizes, batch_first, padding, total length)
/// -> (padded, lengths). What PyTorch takes from the longest sequence is the
/// size of what was packed.
static void pad(Call &c) {
  Value rows = c.tensor(0);
  const Packed *packed = packedBy(c, 1);
  bool batchFirst = c.flag(2);
  double padding = c.real(3);
  int64_t times = c.integer(4);
  if (c.failed())
    return;
  if (times < 1)
    times = packed->times;
  c.result(padTo(c, rows, *packed, batchFirst, times, padding, ""));
  c.result(packed->lengths);
}

void normalize::addPackedRows(Table &table) {
  table.add("aten::_pack_padded_sequence", pack);
  table.add("aten::_pad_packed_sequence", pad);
}
