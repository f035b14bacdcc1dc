//===- IndexingRows.cpp - Look-ups, padding, concatenation ----------------===//

#include "Dtypes.h"
#include "Elementwise.h"
#include "IndexFunction.h"
#include "Rows.h"
#include "Shapes.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::normalize;

//===----------------------------------------------------------------------===//
// Look-ups: sums over a one-hot predicate
//===----------------------------------------------------------------------===//

/// A single factor for a dimension whose index is compared.
static Dim single(Value value, int64_t dim, StringRef name) {
  int64_t size = cast<RankedTensorType>(value.getType()).getDimSize(dim);
  return {SubDim{name.str(), size}};
}

/// out[before.., ids.., after..] = sum_v select(ids == v, x[before, v, after]).
static Value lookUp(GenericBuilder g, Value x, int64_t dim, Value ids) {
  Dims xDims = dimsOf(x);
  xDims[dim] = single(x, dim, "v");
  DimFactors idFactors = addFactors(g, dimsOf(ids)), xFactors, out;
  for (auto [index, sub] : llvm::enumerate(xDims)) {
    bool looked = int64_t(index) == dim;
    xFactors.push_back(
        addFactors(g, sub, looked ? FactorKind::Sum : FactorKind::Parallel));
    if (looked)
      out.append(idFactors.begin(), idFactors.end());
    else
      out.push_back(xFactors.back());
  }
  Type type = getElementTypeOrSelf(x.getType());
  g.operand(ids, plainMap(g, idFactors));
  g.operand(x, plainMap(g, xFactors));
  g.result(type, plainMap(g, out));
  return g.build([&](ScalarBuilder &s, ValueRange in) {
    Value index = s.cast(s.index(g.nameOf(xFactors[dim][0])), in[0].getType());
    return s.select(s.compare(Relation::Equal, in[0], index), in[1],
                    s.zero(type));
  });
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
  stop.mark(names::noGradient);
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

/// embedding(table, ids, padding_idx, scale_grad_by_freq, sparse).
static void embedding(Call &c) {
  Value table = c.tensor(0), ids = c.tensor(1);
  if (c.type(0).getRank() != 2 || !isa<IntegerType>(c.type(1).getElementType()))
    return c.error("expected a table of two dimensions and integer ids");
  if (c.flag(3))
    return c.error("scale_grad_by_freq is not supported");
  int64_t padding = c.integer(2);
  if (c.failed())
    return;
  if (padding >= 0)
    table = withoutGradientOfRow(c, table, padding);
  if (auto positions = matchPositions(ids))
    return c.result(
        rowsInSequence(c, table, ids, positions->first, positions->second));
  c.result(lookUp(c.generic(), table, 0, ids));
}

/// Indices from the end become indices from the start.
static Value wrapped(Call &c, Value ids, int64_t size, StringRef suffix) {
  ElementwiseOptions options;
  options.compute = getElementTypeOrSelf(ids.getType());
  options.suffix = suffix;
  return elementwiseValue(
      c, {ids}, options, [&](ScalarBuilder &s, ValueRange in) {
        Type type = in[0].getType();
        Value negative = s.compare(Relation::Less, in[0], s.integer(type, 0));
        return s.select(negative, s.add(in[0], s.integer(type, size)), in[0]);
      });
}

static void indexSelect(Call &c) {
  Value x = c.tensor(0), ids = c.tensor(2);
  int64_t rank = c.type(0).getRank(), dim = c.dimension(1, rank);
  if (c.failed() || rank == 0 || c.type(2).getRank() > 1)
    return c.error("expected a tensor with dimensions and a list of indices");
  if (c.type(2).getRank() == 0) {
    GenericBuilder g = c.generic("list");
    g.operand(ids, "[]");
    g.result(c.type(2).getElementType(), "[0 of 1]");
    ids = g.build([](ScalarBuilder &, ValueRange in) { return in[0]; });
  }
  c.result(lookUp(c.generic(), x, dim, ids));
}

/// out[i] = x[i with dimension dim replaced by index[i]].
static void gather(Call &c) {
  Value x = c.tensor(0), ids = c.tensor(2);
  int64_t rank = c.type(0).getRank(), dim = c.dimension(1, rank);
  if (c.failed() || rank == 0 || c.type(2).getRank() != rank)
    return c.error("expected an index of the same rank as the tensor");
  GenericBuilder g = c.generic();
  Dims idDims = dimsOf(ids);
  DimFactors idFactors = addFactors(g, idDims);
  int64_t v = g.factor("v", c.type(0).getDimSize(dim), FactorKind::Sum);
  SmallVector<SmallVector<SubDimAttr>> subs;
  for (int64_t d = 0; d < rank; ++d) {
    if (d == dim) {
      subs.push_back({g.plain(v)});
    } else if (c.type(2).getDimSize(d) == c.type(0).getDimSize(d)) {
      subs.push_back(plain(g, idFactors[d]));
    } else if (idFactors[d].size() == 1) {
      subs.push_back({g.clipped(idFactors[d][0], 0, c.type(0).getDimSize(d))});
    } else if (idFactors[d].empty()) {
      subs.push_back({g.constant(0, c.type(0).getDimSize(d))});
    } else {
      return c.error("the index covers a part of a merged dimension");
    }
  }
  Type type = c.type(0).getElementType();
  g.operand(ids, plainMap(g, idFactors));
  g.operand(x, g.map(subs));
  g.result(type, plainMap(g, idFactors));
  c.result(g.build([&](ScalarBuilder &s, ValueRange in) {
    Value index = s.cast(s.index("v"), in[0].getType());
    return s.select(s.compare(Relation::Equal, in[0], index), in[1],
                    s.zero(type));
  }));
}

/// self + alpha (a row of source for each index, added to that row of self).
static void indexAdd(Call &c) {
  Value self = c.tensor(0), ids = c.tensor(2), source = c.tensor(3);
  int64_t rank = c.type(0).getRank(), dim = c.dimension(1, rank);
  double alpha = c.size() > 4 ? c.real(4) : 1;
  Type type = c.type(0).getElementType();
  if (c.failed() || rank == 0 || c.type(2).getRank() != 1 ||
      c.type(3).getRank() != rank || c.type(3).getElementType() != type)
    return c.error("expected a list of indices and a source like self");
  GenericBuilder g = c.generic("rows");
  Dims dims = dimsOf(source);
  int64_t row = g.factor("i", c.type(2).getDimSize(0), FactorKind::Sum);
  int64_t v = g.factor("v", c.type(0).getDimSize(dim));
  DimFactors in, out;
  for (auto [index, sub] : llvm::enumerate(dims)) {
    bool looked = int64_t(index) == dim;
    in.push_back(looked ? SmallVector<int64_t>{row} : addFactors(g, sub));
    out.push_back(looked ? SmallVector<int64_t>{v} : in.back());
  }
  g.operand(ids, plainMap(g, {{row}}));
  g.operand(source, plainMap(g, in));
  g.result(type, plainMap(g, out));
  Value rows = g.build([&](ScalarBuilder &s, ValueRange elements) {
    Value index = s.cast(s.index("v"), elements[0].getType());
    return s.select(s.compare(Relation::Equal, elements[0], index), elements[1],
                    s.zero(type));
  });
  ElementwiseOptions options;
  options.compute = type;
  c.result(elementwiseValue(c, {self, rows}, options,
                            [&](ScalarBuilder &s, ValueRange elements) {
                              Value added = elements[1];
                              if (alpha != 1)
                                added = s.mul(s.constant(type, alpha), added);
                              return s.add(elements[0], added);
                            }));
}

/// x[a, b]: rows by the first index, then the entries of each row by the next.
static Value pickAlong(Call &c, Value x, int64_t idRank, Value ids,
                       StringRef suffix) {
  GenericBuilder g = c.generic(suffix);
  Dims dims = dimsOf(x);
  dims[idRank] = single(x, idRank, "v");
  DimFactors factors, out, idFactors;
  for (auto [index, dim] : llvm::enumerate(dims)) {
    bool looked = int64_t(index) == idRank;
    factors.push_back(
        addFactors(g, dim, looked ? FactorKind::Sum : FactorKind::Parallel));
    if (!looked)
      out.push_back(factors.back());
    if (int64_t(index) < idRank)
      idFactors.push_back(factors.back());
  }
  Type type = getElementTypeOrSelf(x.getType());
  g.operand(ids,
            broadcastMap(g, cast<RankedTensorType>(ids.getType()).getShape(),
                         idFactors));
  g.operand(x, plainMap(g, factors));
  g.result(type, plainMap(g, out));
  return g.build([&](ScalarBuilder &s, ValueRange in) {
    Value index = s.cast(s.index("v"), in[0].getType());
    return s.select(s.compare(Relation::Equal, in[0], index), in[1],
                    s.zero(type));
  });
}

/// index.Tensor(x, [none.., ids, ids..., none..]): integer indices of
/// dimensions that are next to each other.
static void index(Call &c) {
  Value x = c.tensor(0);
  ArrayRef<Item> list = c.list(1);
  int64_t rank = c.type(0).getRank(), first = -1, last = -1;
  SmallVector<ArrayRef<int64_t>> shapes;
  for (auto [dim, item] : llvm::enumerate(list)) {
    if (item.isNone())
      continue;
    Value ids = c.tensor(item);
    auto type = cast<RankedTensorType>(ids.getType());
    if (!isa<IntegerType>(type.getElementType()) ||
        type.getElementType().isInteger(1))
      return c.error("an index that is a mask makes a result of unknown shape");
    if (last >= 0 && last + 1 != int64_t(dim))
      return c.error("indices of dimensions that are not next to each other");
    first = first < 0 ? dim : first;
    last = dim;
    shapes.push_back(type.getShape());
  }
  if (first < 0 || last >= rank)
    return c.error("expected an index for one of the dimensions");
  SmallVector<int64_t> shape = broadcast(c, shapes);
  if (c.failed())
    return;
  for (int64_t dim = first; dim <= last; ++dim) {
    std::string suffix = last == dim ? "" : "by" + std::to_string(dim - first);
    Value ids = wrapped(c, c.tensor(list[dim]), c.type(0).getDimSize(dim),
                        "wrap" + std::to_string(dim - first));
    if (dim == first) {
      auto type = cast<RankedTensorType>(ids.getType());
      if (type.getShape() != ArrayRef<int64_t>(shape)) {
        GenericBuilder g = c.generic("expand");
        DimFactors dims = addFactors(g, broadcastDims(shape, {ids}));
        g.operand(ids, broadcastMap(g, type.getShape(), dims));
        g.result(type.getElementType(), plainMap(g, dims));
        ids = g.build([](ScalarBuilder &, ValueRange in) { return in[0]; });
      }
      x = lookUp(c.generic(suffix), x, dim, ids);
      continue;
    }
    if (first != 0)
      return c.error("several indices after a dimension without one");
    x = pickAlong(c, x, shape.size(), ids, suffix);
  }
  c.result(x);
}

/// out[ids.., v] = 1 where ids == v.
static void oneHot(Call &c) {
  Value ids = c.tensor(0);
  int64_t classes = c.integer(1);
  if (classes < 0)
    return c.error("the number of classes must be given");
  GenericBuilder g = c.generic();
  DimFactors dims = addFactors(g, dimsOf(ids));
  g.operand(ids, plainMap(g, dims));
  dims.push_back({g.factor("v", classes)});
  Type i64 = c.builder().getI64Type();
  g.result(i64, plainMap(g, dims));
  c.result(g.build([&](ScalarBuilder &s, ValueRange in) {
    return s.cast(s.compare(Relation::Equal, s.cast(in[0], i64),
                            s.index(g.nameOf(dims.back()[0]))),
                  i64);
  }));
}

//===----------------------------------------------------------------------===//
// Padding and concatenation: reads that fall outside are zero
//===----------------------------------------------------------------------===//

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
  if (c.text(2) != "constant")
    return c.error("padding mode '" + c.text(2) + "' (expected 'constant')");
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

/// Parts of one size: their number is a major sub-dimension of the result, so
/// that halves that are joined meet halves that were split.
static Value concatenateEqual(Call &c, ArrayRef<Value> values, int64_t dim,
                              Type type) {
  GenericBuilder g = c.generic();
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
        item.tensor->type.getDimSize(0) == 0 && list.size() > 1)
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
    ends.push_back(total);
  }
  bool equal = total > 0 && llvm::all_of(values, [&](Value value) {
                 return value.getType() == values[0].getType() ||
                        cast<RankedTensorType>(value.getType()).getShape() ==
                            first.getShape();
               });
  if (equal)
    return c.result(concatenateEqual(c, values, dim, type));
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

static void stack(Call &c) {
  ArrayRef<Item> list = c.list(0);
  if (list.empty() || c.failed())
    return c.error("stacks no tensors");
  Type type = resultType(list, c.builder().getContext());
  SmallVector<Value> values;
  for (const Item &part : list)
    values.push_back(c.tensor(part));
  auto first = cast<RankedTensorType>(values[0].getType());
  int64_t dim = c.dimension(1, first.getRank() + 1);
  GenericBuilder g = c.generic();
  DimFactors own = addFactors(g, dimsOf(values[0])), out = own;
  int64_t number = g.factor("i", values.size());
  out.insert(out.begin() + dim, {number});
  SmallVector<int64_t> ends;
  for (auto [index, value] : llvm::enumerate(values)) {
    if (cast<RankedTensorType>(value.getType()).getShape() != first.getShape())
      return c.error("stacks tensors of different shapes");
    g.operand(value, plainMap(g, own));
    ends.push_back(index + 1);
  }
  g.result(type, plainMap(g, out));
  c.result(g.build([&](ScalarBuilder &s, ValueRange in) {
    return chooseByIndex(s, s.index(g.nameOf(number)), in, ends, type);
  }));
}

void normalize::addIndexingRows(Table &table) {
  table.add("aten::embedding", embedding);
  table.add("aten::index_add", indexAdd);
  table.add("aten::index_select", indexSelect);
  table.add("aten::gather", gather);
  table.add("aten::index.Tensor", index);
  table.add("aten::one_hot", oneHot);
  table.add("aten::pad", pad);
  table.add("aten::constant_pad_nd", constantPad);
  table.add({"aten::cat", "aten::concat", "aten::concatenate"}, concatenate);
  table.add("aten::stack", stack);
}
