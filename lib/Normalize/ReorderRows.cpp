//===- ReorderRows.cpp - Elements in another place of their dimension -----===//

#include "Colossal/IR/Combiner.h"
#include "FlatReshape.h"
#include "Rows.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::normalize;

/// Dimension `dim` of `x` shifted by `shift`: what leaves at the end comes back
/// at the start.
static Value rolled(Call &c, Value x, int64_t dim, int64_t shift) {
  int64_t size = cast<RankedTensorType>(x.getType()).getDimSize(dim);
  shift = size > 0 ? ((shift % size) + size) % size : 0;
  if (shift == 0)
    return x;
  GenericBuilder g = c.generic();
  SmallVector<SmallVector<SubDimAttr>> front, back, to;
  int64_t moved = 0;
  for (auto [index, own] : llvm::enumerate(dimsOf(x))) {
    if (int64_t(index) != dim) {
      to.push_back(plain(g, addFactors(g, own)));
      front.push_back(to.back());
      back.push_back(to.back());
      continue;
    }
    moved = g.factor("i", size);
    to.push_back({g.plain(moved)});
    front.push_back({g.clipped(moved, size - shift, size)});
    back.push_back({g.clipped(moved, -shift, size)});
  }
  g.operand(x, g.map(front));
  g.operand(x, g.map(back));
  g.result(getElementTypeOrSelf(x.getType()), g.map(to));
  return g.build([&](ScalarBuilder &s, ValueRange in) {
    Value index = s.index(g.nameOf(moved));
    return s.select(
        s.compare(Relation::Less, index, s.integer(index.getType(), shift)),
        in[0], in[1]);
  });
}

/// Shifts the elements in the order of memory, across all dimensions.
static void rollFlat(Call &c, int64_t shift) {
  RankedTensorType type = c.type(0);
  int64_t elements = type.getNumElements();
  if (elements == 0)
    return c.result(c.tensor(0));
  TensorRef flat = reshapeFlat(c, c.alias(0), {elements});
  Value x = rolled(c, c.tensor(Item(flat)), 0, shift);
  TensorRef moved = c.state.fresh(x, c.op.getName(), c.loc());
  c.result(c.tensor(Item(reshapeFlat(c, moved, type.getShape()))));
}

static void roll(Call &c) {
  int64_t rank = c.type(0).getRank();
  SmallVector<int64_t> shifts = c.integers(1), dims = c.integers(2);
  if (dims.empty() && shifts.size() == 1 && rank > 1)
    return rollFlat(c, shifts[0]);
  if (dims.empty() && rank <= 1)
    dims.assign(rank, 0);
  if (dims.size() != shifts.size())
    return c.error("found " + Twine(shifts.size()) + " shifts for " +
                   Twine(dims.size()) + " dimensions, expected one for each");
  Value x = c.tensor(0);
  for (auto [shift, dim] : llvm::zip(shifts, dims)) {
    int64_t own = c.dimension(dim, rank, 1);
    if (c.failed())
      return;
    x = rolled(c, x, own, shift);
  }
  c.result(x);
}

/// The element at n - 1 - i: a sum over places, of which one is taken.
static void flip(Call &c) {
  Value x = c.tensor(0);
  RankedTensorType type = c.type(0);
  llvm::SmallDenseSet<int64_t> flipped;
  for (int64_t dim : c.integers(1))
    flipped.insert(c.dimension(dim, type.getRank(), 1));
  if (c.failed())
    return;
  GenericBuilder g = c.generic();
  SmallVector<SmallVector<SubDimAttr>> from, to;
  struct Mirror {
    int64_t factor, place, size;
  };
  SmallVector<Mirror> mirrors;
  for (auto [index, own] : llvm::enumerate(dimsOf(x))) {
    int64_t size = type.getDimSize(index);
    if (!flipped.contains(index) || size <= 1) {
      to.push_back(plain(g, addFactors(g, own)));
      from.push_back(to.back());
      continue;
    }
    int64_t factor = g.factor("i", size);
    int64_t place =
        g.factor("place", size, kindOfSelection(type.getElementType()));
    mirrors.push_back({factor, place, size});
    to.push_back({g.plain(factor)});
    from.push_back({g.plain(place)});
  }
  g.operand(x, g.map(from));
  g.result(type.getElementType(), g.map(to));
  c.result(g.build([&](ScalarBuilder &s, ValueRange in) {
    SmallVector<EquationAttr> equations;
    for (const Mirror &mirror : mirrors) {
      IndexSum sum;
      for (int64_t factor : {mirror.place, mirror.factor})
        sum.terms.push_back(
            {s.getBuilder().getStringAttr(g.nameOf(factor)), 1});
      equations.push_back(EquationAttr::get(c.builder().getContext(), sum,
                                            mirror.size - 1, /*hasId=*/false));
    }
    return equations.empty() ? in[0] : s.where(in[0], equations);
  }));
}

void normalize::addReorderRows(Table &table) {
  table.add("aten::roll", roll);
  table.add("aten::flip", flip);
}
