//===- LookupRows.cpp - Elements by number: sums over a one-hot predicate -===//

#include "Colossal/IR/Combiner.h"
#include "Constants.h"
#include "Elementwise.h"
#include "IndexFunction.h"
#include "Join.h"
#include "Lookup.h"
#include "Rows.h"
#include "SelectedRows.h"
#include "Shapes.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::normalize;

/// A single factor for a dimension whose index is compared.
static Dim single(Value value, int64_t dim, StringRef name) {
  int64_t size = cast<RankedTensorType>(value.getType()).getDimSize(dim);
  return {SubDim{name.str(), size}};
}

/// sum_v where(x[before, v, after], v == ids).
Value normalize::lookUp(GenericBuilder g, Value x, int64_t dim, Value ids) {
  Dims xDims = dimsOf(x);
  xDims[dim] = single(x, dim, "v");
  DimFactors idFactors = addFactors(g, dimsOf(ids)), xFactors, out;
  Type type = getElementTypeOrSelf(x.getType());
  for (auto [index, sub] : llvm::enumerate(xDims)) {
    bool looked = int64_t(index) == dim;
    xFactors.push_back(addFactors(
        g, sub, looked ? kindOfSelection(type) : FactorKind::Parallel));
    if (looked)
      out.append(idFactors.begin(), idFactors.end());
    else
      out.push_back(xFactors.back());
  }
  g.operand(ids, plainMap(g, idFactors));
  g.operand(x, plainMap(g, xFactors));
  g.result(type, plainMap(g, out));
  return g.build([&](ScalarBuilder &s, ValueRange in) {
    return whereId(g, s, in[1], xFactors[dim], in[0]);
  });
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

Value normalize::readElements(GenericBuilder g, Value x, int64_t dim,
                              Value ids) {
  auto type = cast<RankedTensorType>(x.getType()),
       idType = cast<RankedTensorType>(ids.getType());
  DimFactors idFactors = addFactors(g, dimsOf(ids));
  Type element = type.getElementType();
  int64_t v = g.factor("v", type.getDimSize(dim), kindOfSelection(element));
  SmallVector<SmallVector<SubDimAttr>> subs;
  for (int64_t d = 0; d < type.getRank(); ++d) {
    if (d == dim) {
      subs.push_back({g.plain(v)});
    } else if (idType.getDimSize(d) == type.getDimSize(d)) {
      subs.push_back(plain(g, idFactors[d]));
    } else if (idFactors[d].size() == 1) {
      subs.push_back({g.clipped(idFactors[d][0], 0, type.getDimSize(d))});
    } else if (idFactors[d].empty()) {
      subs.push_back({g.constant(0, type.getDimSize(d))});
    } else {
      return nullptr;
    }
  }
  g.operand(ids, plainMap(g, idFactors));
  g.operand(x, g.map(subs));
  g.result(element, plainMap(g, idFactors));
  return g.build([&](ScalarBuilder &s, ValueRange in) {
    return whereId(g, s, in[1], v, in[0]);
  });
}

static void gather(Call &c) {
  Value x = c.tensor(0), ids = c.tensor(2);
  int64_t rank = c.type(0).getRank(), dim = c.dimension(1, rank);
  if (c.failed() || rank == 0 || c.type(2).getRank() != rank)
    return c.error("expected an index of the same rank as the tensor");
  if (Value read = readElements(c.generic(), x, dim, ids))
    return c.result(read);
  c.error("the index covers a part of a merged dimension");
}

/// take_along_dim(x, ids, dim): as gather, where sizes of 1 broadcast; without
/// a dimension, of all elements.
static void takeAlong(Call &c) {
  if (c.isNone(2)) {
    Item flat = c.call("aten::reshape", {c.item(0), c.numbers({-1})});
    Item ids = c.call("aten::reshape", {c.item(1), c.numbers({-1})});
    return c.result(c.call("aten::gather", {flat, c.number(int64_t(0)), ids}));
  }
  int64_t rank = c.type(0).getRank(), dim = c.dimension(2, rank);
  if (c.failed() || c.type(1).getRank() != rank)
    return c.error("expected an index of the same rank as the tensor");
  SmallVector<int64_t> own(c.type(0).getShape()), wanted(c.type(1).getShape());
  for (int64_t d = 0; d < rank; ++d)
    if (d != dim)
      own[d] = wanted[d] = own[d] == 1 ? wanted[d] : own[d];
  Item x = c.call("aten::expand", {c.item(0), c.numbers(own)});
  Item ids = c.call("aten::expand", {c.item(1), c.numbers(wanted)});
  c.result(c.call("aten::gather", {x, c.number(dim), ids}));
}

/// self + alpha (a row of source for each index, added to that row of self).
static void indexAdd(Call &c) {
  Value self = c.tensor(0), ids = c.tensor(2), source = c.tensor(3);
  int64_t rank = c.type(0).getRank(), dim = c.dimension(1, rank);
  double alpha = c.size() > 4 ? c.real(4) : 1;
  Type type = c.type(0).getElementType();
  if (c.failed() || rank == 0 || c.type(2).getRank() != 1 ||
      c.type(3).getRank() != rank || c.type(3).getElementType() != type ||
      type.isInteger(1))
    return c.error("expected a list of indices, and numbers of one type");
  Value rows = scatterSum(c.generic("rows"), source, dim, ids,
                          c.type(0).getDimSize(dim));
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

/// x[.., a, b]: rows by the first index, whose dimensions begin at `first`,
/// then the entries of each row by the next.
static Value pickAlong(Call &c, Value x, int64_t first, int64_t idRank,
                       Value ids, StringRef suffix) {
  GenericBuilder g = c.generic(suffix);
  Dims dims = dimsOf(x);
  int64_t entries = first + idRank;
  dims[entries] = single(x, entries, "v");
  DimFactors factors, out, idFactors;
  Type type = getElementTypeOrSelf(x.getType());
  for (auto [index, dim] : llvm::enumerate(dims)) {
    bool looked = int64_t(index) == entries;
    factors.push_back(addFactors(
        g, dim, looked ? kindOfSelection(type) : FactorKind::Parallel));
    if (!looked)
      out.push_back(factors.back());
    if (int64_t(index) >= first && int64_t(index) < entries)
      idFactors.push_back(factors.back());
  }
  g.operand(ids,
            broadcastMap(g, cast<RankedTensorType>(ids.getType()).getShape(),
                         idFactors));
  g.operand(x, plainMap(g, factors));
  g.result(type, plainMap(g, out));
  return g.build([&](ScalarBuilder &s, ValueRange in) {
    return whereId(g, s, in[1], factors[entries], in[0]);
  });
}

/// x[.., i, ids[i, ..], ..]: of each entry i of dimension `first` the entries
/// of the next that `ids` names for it. The entries stay apart, as samples of
/// a batch do.
static Value pickOfEach(Call &c, Value x, int64_t first, Value ids,
                        StringRef suffix) {
  GenericBuilder g = c.generic(suffix);
  Dims dims = dimsOf(x);
  dims[first + 1] = single(x, first + 1, "v");
  Type type = getElementTypeOrSelf(x.getType());
  Dims ofIds = dimsOf(ids);
  DimFactors factors, out, idFactors;
  for (auto [index, dim] : llvm::enumerate(dims)) {
    bool looked = int64_t(index) == first + 1;
    factors.push_back(addFactors(
        g, dim, looked ? kindOfSelection(type) : FactorKind::Parallel));
    if (!looked)
      out.push_back(factors.back());
    if (int64_t(index) != first)
      continue;
    idFactors.push_back(factors.back());
    for (const Dim &own : ArrayRef<Dim>(ofIds).drop_front()) {
      idFactors.push_back(addFactors(g, own));
      out.push_back(idFactors.back());
    }
  }
  g.operand(ids, plainMap(g, idFactors));
  g.operand(x, plainMap(g, factors));
  g.result(type, plainMap(g, out));
  return g.build([&](ScalarBuilder &s, ValueRange in) {
    return whereId(g, s, in[1], factors[first + 1], in[0]);
  });
}

/// True if the ids number the entries of a dimension of `size`, one after the
/// other, along the first of `rank` dimensions that indices have together.
static bool numbersEach(Value ids, int64_t size, int64_t rank) {
  auto type = cast<RankedTensorType>(ids.getType());
  auto positions = matchPositions(ids);
  return positions && positions->second == 0 && size > 1 &&
         type.getRank() == rank && positions->first == 0 &&
         type.getDimSize(0) == size && type.getNumElements() == size;
}

/// The numbers of the elements that are not zero: a list for each dimension.
static std::vector<Item> numbersOf(Call &c, Value mask) {
  std::vector<Item> lists;
  for (Value numbers : selectedBy(c, mask))
    lists.push_back(c.state.fresh(numbers, c.op.getName(), c.loc()));
  return lists;
}

static bool isMask(const Item &item) {
  return item.isTensor() && isMask(item.tensor->type.getElementType());
}

/// The indices, with the numbers of its true elements instead of a mask.
static std::vector<Item> withoutMasks(Call &c, ArrayRef<Item> list) {
  std::vector<Item> indices;
  for (const Item &item : list) {
    if (isMask(item))
      llvm::append_range(indices, numbersOf(c, c.tensor(item)));
    else
      indices.push_back(item);
  }
  return indices;
}

/// nonzero(x), and where(x), a list for each dimension of x.
static void nonzero(Call &c) {
  SmallVector<Value> numbers = selectedBy(c, c.tensor(0));
  if (numbers.empty())
    return c.error("the elements of a 0-d tensor that are not zero");
  c.result(stackOf(c.generic(), numbers, 1, c.builder().getI64Type()));
}

static void nonzeroByDimension(Call &c) {
  c.result(Item::makeList(numbersOf(c, c.tensor(0))));
}

/// The mask and its first dimension if the only index is one.
static std::optional<std::pair<int64_t, Item>> onlyMask(ArrayRef<Item> list) {
  std::optional<std::pair<int64_t, Item>> found;
  for (auto [dim, item] : llvm::enumerate(list)) {
    if (item.isNone())
      continue;
    if (found || !isMask(item))
      return std::nullopt;
    found = {int64_t(dim), item};
  }
  return found;
}

/// The indices of a list.
static Item givenIndices(ArrayRef<Item> list) {
  std::vector<Item> given;
  llvm::copy_if(list, std::back_inserter(given),
                [](const Item &item) { return !item.isNone(); });
  return Item::makeList(std::move(given));
}

std::vector<Item> normalize::withoutKnownMasks(Call &c, ArrayRef<Item> list) {
  // Rows that a mask alone selects stay as many as the mask has, known or not:
  // what `where` and `masked_select` give goes with them.
  bool isAlone = !list.empty() && list.front().isTensor() &&
                 llvm::count_if(list, [](const Item &item) {
                   return item.isTensor();
                 }) == 1;
  if (isAlone)
    return list.vec();
  std::vector<Item> indices;
  for (const Item &item : list) {
    std::optional<SmallVector<bool>> truths;
    if (item.isTensor() && isMask(item.tensor->type.getElementType()) &&
        item.tensor->type.getRank() > 0 &&
        item.tensor->type.getNumElements() <= kMaxKnownMask)
      truths = c.state.truthsOf(item);
    if (!truths) {
      indices.push_back(item);
      continue;
    }
    ArrayRef<int64_t> shape = item.tensor->type.getShape();
    SmallVector<SmallVector<int64_t>> numbers(shape.size());
    for (auto [place, isTrue] : llvm::enumerate(*truths)) {
      int64_t rest = place;
      for (size_t dim = shape.size(); isTrue && dim-- > 0; rest /= shape[dim])
        numbers[dim].push_back(rest % shape[dim]);
    }
    for (ArrayRef<int64_t> ofDim : numbers)
      indices.push_back(listOf(c, ofDim));
  }
  return indices;
}

/// index.Tensor(x, [none.., ids, ids..., none..]): integer indices.
static void index(Call &c) {
  Value x = c.tensor(0);
  std::vector<Item> list = withoutKnownMasks(c, c.list(1));
  if (auto mask = onlyMask(list))
    return c.result(rowsBy(c, x, mask->first, c.tensor(mask->second)));
  list = withoutMasks(c, list);
  int64_t rank = c.type(0).getRank(), first = -1, last = -1;
  if (auto order = indexedFirst(list, rank)) {
    Item turned = c.call("aten::permute", {c.item(0), c.numbers(*order)});
    return c.result(c.call("aten::index.Tensor", {turned, givenIndices(list)}));
  }
  SmallVector<ArrayRef<int64_t>> shapes;
  for (auto [dim, item] : llvm::enumerate(list)) {
    if (item.isNone())
      continue;
    Value ids = c.tensor(item);
    auto type = cast<RankedTensorType>(ids.getType());
    if (!isa<IntegerType>(type.getElementType()))
      return c.error("expected integer indices");
    first = first < 0 ? dim : first;
    last = dim;
    shapes.push_back(type.getShape());
  }
  if (first < 0 || last >= rank)
    return c.error("expected an index for one of the dimensions");
  SmallVector<int64_t> shape = broadcast(c, shapes);
  if (c.failed())
    return;
  bool ofEach = first < last && !shape.empty() &&
                numbersEach(c.tensor(list[first]), c.type(0).getDimSize(first),
                            shape.size());
  for (int64_t dim = ofEach ? first + 1 : first; dim <= last; ++dim) {
    std::string suffix = last == dim ? "" : "by" + std::to_string(dim - first);
    Value ids = wrapped(c, c.tensor(list[dim]), c.type(0).getDimSize(dim),
                        "wrap" + std::to_string(dim - first));
    if (ofEach && dim == first + 1) {
      ids = broadcastTo(c, ids, shape, "expand");
      x = pickOfEach(c, x, first, ids, suffix);
      continue;
    }
    if (dim == first) {
      ids = broadcastTo(c, ids, shape, "expand");
      x = lookUp(c.generic(suffix), x, dim, ids);
      continue;
    }
    x = pickAlong(c, x, first, shape.size(), ids, suffix);
  }
  c.result(x);
}

/// x where the mask is true, both broadcast, as one dimension.
static void maskedSelect(Call &c) {
  Value x = c.tensor(0), mask = c.tensor(1);
  SmallVector<int64_t> shape =
      broadcast(c, {c.type(0).getShape(), c.type(1).getShape()});
  if (c.failed())
    return;
  c.result(rowsBy(c, broadcastTo(c, x, shape, "expand"), 0,
                  broadcastTo(c, mask, shape, "mask")));
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

void normalize::addLookupRows(Table &table) {
  table.add("aten::index_add", indexAdd);
  table.add("aten::index_select", indexSelect);
  table.add("aten::gather", gather);
  table.add("aten::take_along_dim", takeAlong);
  table.add("aten::index.Tensor", index);
  table.add("aten::masked_select", maskedSelect);
  table.add({"aten::nonzero", "aten::argwhere"}, nonzero);
  table.add({"aten::where", "aten::nonzero_numpy"}, nonzeroByDimension);
  table.add("aten::one_hot", oneHot);
}
