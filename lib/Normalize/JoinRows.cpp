//===- JoinRows.cpp - Padding and concatenation ---------------------------===//
//
// Reads that fall outside a tensor are zero.
//
//===----------------------------------------------------------------------===//

#include "Dtypes.h"
#include "Join.h"
#include "Lookup.h"
#include "Rows.h"
#include "Shapes.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::normalize;

/// `widths`: before and after, for the last dimension first. Negative ones cut.
static void padWith(Call &c, ArrayRef<int64_t> widths, const Item &number) {
  Value x = c.tensor(0);
  RankedTensorType type = c.type(0);
  Type element = type.getElementType();
  int64_t rank = type.getRank();
  if (widths.size() % 2 != 0 || int64_t(widths.size()) > 2 * rank)
    return c.error("found " + Twine(widths.size()) +
                   " widths, expected two for each of some last dimensions");
  GenericBuilder g = c.generic();
  Dims dims = dimsOf(x);
  SmallVector<SmallVector<SubDimAttr>> from, to;
  struct Window {
    int64_t factor, before, size;
  };
  SmallVector<Window> windows;
  for (int64_t d = 0; d < rank; ++d) {
    int64_t fromEnd = rank - 1 - d;
    bool padded = 2 * fromEnd < int64_t(widths.size());
    int64_t before = padded ? widths[2 * fromEnd] : 0;
    int64_t after = padded ? widths[2 * fromEnd + 1] : 0;
    if (before == 0 && after == 0) {
      from.push_back(plain(g, addFactors(g, dims[d])));
      to.push_back(from.back());
      continue;
    }
    int64_t size = type.getDimSize(d);
    if (size + before + after < 0)
      return c.error("the padding removes more than there is");
    std::string name =
        dims[d].size() == 1 ? dims[d][0].name : "d" + std::to_string(d);
    int64_t factor = g.factor(name, size + before + after);
    from.push_back({g.clipped(factor, -before, size)});
    to.push_back({g.plain(factor)});
    if (before > 0 || after > 0)
      windows.push_back({factor, before, size});
  }
  g.operand(x, g.map(from));
  g.result(element, g.map(to));
  bool isZero =
      number.isNone() || (number.isScalar() && number.scalar.asReal() == 0);
  c.result(g.build([&](ScalarBuilder &s, ValueRange in) -> Value {
    if (isZero || windows.empty())
      return in[0];
    Type i64 = s.getBuilder().getI64Type();
    Value inside;
    auto require = [&](Value condition) {
      inside = inside ? s.logicalAnd(inside, condition) : condition;
    };
    for (Window window : windows) {
      Value index = s.index(g.nameOf(window.factor));
      if (window.before > 0)
        require(s.compare(Relation::GreaterEqual, index,
                          s.integer(i64, window.before)));
      if (window.before + window.size < g.getFactor(window.factor).getBound())
        require(s.compare(Relation::Less, index,
                          s.integer(i64, window.before + window.size)));
    }
    if (!inside)
      return in[0];
    Value fill = isa<FloatType>(element)
                     ? s.constant(element, number.scalar.asReal())
                     : s.integer(element, number.scalar.asInteger());
    return s.select(inside, in[0], fill);
  }));
}

static void pad(Call &c) {
  if (StringRef mode = c.text(2); mode != "constant")
    return padWithBorder(c, c.integers(1), mode);
  Item number = c.item(3);
  if (!number.isNone())
    c.scalar(3);
  if (!c.failed())
    padWith(c, c.integers(1), number);
}

static void constantPad(Call &c) {
  c.scalar(2);
  if (!c.failed())
    padWith(c, c.integers(1), c.item(2));
}

/// select(index < end of the first, first, select(...)).
static Value chooseByIndex(ScalarBuilder &s, Value index, ValueRange in,
                           ArrayRef<int64_t> ends, Type type) {
  Value chosen = s.cast(in.back(), type);
  for (unsigned i = in.size() - 1; i-- > 0;)
    chosen = s.select(
        s.compare(Relation::Less, index, s.integer(index.getType(), ends[i])),
        s.cast(in[i], type), chosen);
  return chosen;
}

Value normalize::concatenationOf(GenericBuilder g, ArrayRef<Value> values,
                                 int64_t dim, Type type) {
  DimFactors own, out;
  int64_t number = -1;
  for (auto [index, sub] : llvm::enumerate(dimsOf(values[0]))) {
    if (int64_t(index) == dim)
      number = g.factor("part", values.size());
    own.push_back(addFactors(g, sub));
    out.push_back(own.back());
  }
  out[dim].insert(out[dim].begin(), number);
  SmallVector<int64_t> ends;
  for (auto [index, value] : llvm::enumerate(values)) {
    g.operand(value, plainMap(g, own));
    ends.push_back(index + 1);
  }
  g.result(type, plainMap(g, out));
  return g.build([&](ScalarBuilder &s, ValueRange in) {
    return chooseByIndex(s, s.index(g.nameOf(number)), in, ends, type);
  });
}

static void concatenate(Call &c) {
  ArrayRef<Item> list = c.list(0);
  std::vector<Item> parts;
  for (const Item &item : list) {
    // Legacy: empty vectors are skipped.
    if (item.isTensor() && item.tensor->type.getRank() == 1 &&
        item.tensor->type.getDimSize(0) == 0 &&
        (!parts.empty() || &item != &list.back()))
      continue;
    parts.push_back(item);
  }
  if (parts.empty() || c.failed())
    return c.error("concatenates no tensors");
  Type type = resultType(parts, c.builder().getContext());
  SmallVector<Value> values;
  for (const Item &part : parts)
    values.push_back(c.tensor(part));
  auto first = cast<RankedTensorType>(values[0].getType());
  int64_t dim = c.dimension(1, first.getRank());
  if (c.failed() || first.getRank() == 0)
    return c.error("concatenates 0-d tensors");
  int64_t total = 0;
  SmallVector<int64_t> ends;
  for (Value value : values) {
    auto own = cast<RankedTensorType>(value.getType());
    bool agree = own.getRank() == first.getRank();
    for (int64_t d = 0; agree && d < own.getRank(); ++d)
      agree = d == dim || own.getDimSize(d) == first.getDimSize(d);
    if (!agree)
      return c.error("the tensors differ in more than the concatenated "
                     "dimension");
    total += own.getDimSize(dim);
  }
  // What has no elements is nowhere.
  if (total > 0)
    llvm::erase_if(values, [&](Value value) {
      return cast<RankedTensorType>(value.getType()).getDimSize(dim) == 0;
    });
  int64_t end = 0;
  for (Value value : values)
    ends.push_back(end +=
                   cast<RankedTensorType>(value.getType()).getDimSize(dim));
  bool equal = total > 0 && llvm::all_of(values, [&](Value value) {
                 return cast<RankedTensorType>(value.getType()).getShape() ==
                        cast<RankedTensorType>(values[0].getType()).getShape();
               });
  if (equal)
    return c.result(concatenationOf(c.generic(), values, dim, type));
  GenericBuilder g = c.generic();
  Dims dims = dimsOf(values[0]);
  DimFactors factors;
  for (auto [index, sub] : llvm::enumerate(dims)) {
    bool joined = int64_t(index) == dim;
    std::string name =
        sub.size() == 1 ? sub[0].name : "d" + std::to_string(index);
    factors.push_back(addFactors(g, joined ? Dim{SubDim{name, total}} : sub));
  }
  for (auto [value, end] : llvm::zip(values, ends)) {
    int64_t size = cast<RankedTensorType>(value.getType()).getDimSize(dim);
    SmallVector<SmallVector<SubDimAttr>> subs;
    for (auto [index, own] : llvm::enumerate(factors))
      subs.push_back(
          int64_t(index) == dim && size != total
              ? SmallVector<SubDimAttr>{g.clipped(own[0], size - end, size)}
              : plain(g, own));
    g.operand(value, g.map(subs));
  }
  g.result(type, plainMap(g, factors));
  c.result(g.build([&](ScalarBuilder &s, ValueRange in) {
    return chooseByIndex(s, s.index(g.nameOf(factors[dim][0])), in, ends, type);
  }));
}

Value normalize::stackOf(GenericBuilder g, ArrayRef<Value> values, int64_t dim,
                         Type type) {
  DimFactors own = addFactors(g, dimsOf(values[0])), out = own;
  int64_t number = g.factor("i", values.size());
  out.insert(out.begin() + dim, {number});
  SmallVector<int64_t> ends;
  for (auto [index, value] : llvm::enumerate(values)) {
    g.operand(value, plainMap(g, own));
    ends.push_back(index + 1);
  }
  g.result(type, plainMap(g, out));
  return g.build([&](ScalarBuilder &s, ValueRange in) {
    return chooseByIndex(s, s.index(g.nameOf(number)), in, ends, type);
  });
}

static void stack(Call &c) {
  ArrayRef<Item> list = c.list(0);
  if (list.empty() || c.failed())
    return c.error("stacks no tensors");
  SmallVector<Value> values;
  for (const Item &part : list)
    values.push_back(c.tensor(part));
  ArrayRef<int64_t> shape =
      cast<RankedTensorType>(values[0].getType()).getShape();
  int64_t dim = c.dimension(1, shape.size() + 1);
  for (Value value : values)
    if (cast<RankedTensorType>(value.getType()).getShape() != shape)
      return c.error("stacks tensors of different shapes");
  c.result(stackOf(c.generic(), values, dim,
                   resultType(list, c.builder().getContext())));
}

void normalize::addJoinRows(Table &table) {
  table.add("aten::pad", pad);
  table.add("aten::constant_pad_nd", constantPad);
  table.add({"aten::cat", "aten::concat", "aten::concatenate"}, concatenate);
  table.add("aten::stack", stack);
}
