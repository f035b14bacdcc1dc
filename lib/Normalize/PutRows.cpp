//===- PutRows.cpp - x[indices] = values, x[mask] = values ----------------===//

#include "Elementwise.h"
#include "Lookup.h"
#include "Reductions.h"
#include "Rows.h"
#include "SelectedRows.h"
#include "ViewBuilder.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::normalize;

/// `in` where an element is put, `before` it: or their sum.
static Value combinedWith(ScalarBuilder &s, Value before, Value in,
                          bool accumulate) {
  return accumulate ? s.add(before, in) : in;
}

/// Numbers may stand for tensors; they take the type of what they replace.
static Value valueOf(Call &c, const Item &item, Type type) {
  return c.tensor(castTo(c, item, type, "value"));
}

static Value reshaped(Call &c, Value value, ArrayRef<int64_t> sizes) {
  TensorRef alone = c.state.fresh(value, c.op.getName(), c.loc());
  return c.tensor(reshapeTo(c, alone, SmallVector<int64_t>(sizes)));
}

//===----------------------------------------------------------------------===//
// Masks
//===----------------------------------------------------------------------===//

/// x where the mask is false, else the values, whose dimensions are those of
/// x[mask]: a row for each true element, or the same for all.
static void putByMask(Call &c, int64_t first, Value mask, const Item &values,
                      bool accumulate) {
  Value x = c.tensor(0);
  auto type = c.type(0);
  Value value = valueOf(c, values, type.getElementType());
  auto maskType = cast<RankedTensorType>(mask.getType());
  auto valueType = cast<RankedTensorType>(value.getType());
  int64_t count = maskType.getRank(), rank = type.getRank() - count + 1;
  if (first + count > type.getRank() ||
      type.getShape().slice(first, count) != maskType.getShape() ||
      valueType.getRank() > rank)
    return c.error("found a mask of shape " + shapeText(maskType.getShape()) +
                   " and values of shape " + shapeText(valueType.getShape()) +
                   " for a tensor of shape " + shapeText(type.getShape()));
  std::string name = c.name();
  GenericBuilder g(c.builder(), c.loc(), name);
  DimFactors factors = addFactors(g, dimsOf(x)), rows, read;
  SmallVector<int64_t> joined;
  for (ArrayRef<int64_t> own : ArrayRef(factors).slice(first, count))
    joined.append(own.begin(), own.end());
  rows.append(factors.begin(), factors.begin() + first);
  rows.push_back(joined);
  rows.append(factors.begin() + first + count, factors.end());
  int64_t shift = rank - valueType.getRank();
  for (int64_t d = 0; d < valueType.getRank(); ++d) {
    bool isRow = d + shift == first, all = valueType.getDimSize(d) != 1;
    read.push_back(all ? rows[d + shift] : SmallVector<int64_t>{});
    if (!isRow || !all)
      continue;
    std::optional<SelectedDim> selected = c.state.selections.of(value);
    if (!selected || int64_t(selected->dim) != d ||
        selected->present != c.state.selections.flatOf(mask))
      return c.error(
          "puts values one by one where a mask is true, whose number depends "
          "on data: expected one value for all, rows that the same mask "
          "selects, or torch.where");
  }
  g.operand(x, plainMap(g, factors));
  g.operand(mask, plainMap(g, ArrayRef(factors).slice(first, count)));
  g.operand(value, plainMap(g, read));
  g.result(type.getElementType(), plainMap(g, factors));
  c.state.selections.settle(name);
  c.result(g.build([&](ScalarBuilder &s, ValueRange in) {
    return s.select(in[1], combinedWith(s, in[0], in[2], accumulate), in[0]);
  }));
}

/// masked_scatter(x, mask, source): the elements of the source one by one, in
/// order, where the mask is true.
static void maskedScatter(Call &c) {
  Value x = c.tensor(0), mask = c.tensor(1);
  auto type = c.type(0);
  if (c.type(1).getShape() != type.getShape() ||
      c.type(2).getElementType() != type.getElementType())
    return c.error("expected a mask of the tensor's shape and a source of its "
                   "dtype");
  int64_t count = type.getNumElements(), sources = c.type(2).getNumElements();
  Value trues = reshaped(c, mask, {count});
  Value source = reshaped(c, c.tensor(2), {sources});
  // The number of the element that is next.
  Value numbers = truesBefore(c, trues, "number");
  Value taken = lookUp(c.generic("taken"), source, 0, numbers);
  Value shaped = reshaped(c, taken, type.getShape());
  ElementwiseOptions options;
  options.types = {type.getElementType(), c.builder().getI1Type(),
                   type.getElementType()};
  options.result = type.getElementType();
  c.result(elementwiseValue(c, {x, mask, shaped}, options,
                            [](ScalarBuilder &s, ValueRange in) {
                              return s.select(in[1], in[2], in[0]);
                            }));
}

//===----------------------------------------------------------------------===//
// Numbers
//===----------------------------------------------------------------------===//

/// Rows of `values` [before, i, after] at `ids` [i] of dimension `dim` of x:
/// added, or put there, where the last of equal ids wins. (Which one does is
/// not defined in PyTorch.)
static Value putRows(Call &c, Value x, int64_t dim, Value ids, Value values,
                     bool accumulate) {
  auto type = cast<RankedTensorType>(x.getType());
  Type element = type.getElementType(), i64 = c.builder().getI64Type();
  int64_t size = type.getDimSize(dim);
  if (accumulate) {
    Value added = scatterSum(c.generic("added"), values, dim, ids, size);
    ElementwiseOptions options;
    options.compute = element;
    return elementwiseValue(
        c, {x, added}, options,
        [](ScalarBuilder &s, ValueRange in) { return s.add(in[0], in[1]); });
  }
  Winners winners = winnersOf(c, ids, 0, size);
  Value put = lookUp(c.generic("put"), values, dim, winners.place);
  GenericBuilder out = c.generic();
  Dims dims = dimsOf(x);
  DimFactors all = addFactors(out, dims);
  out.operand(x, plainMap(out, all));
  out.operand(put, plainMap(out, all));
  out.operand(winners.number, plainMap(out, {all[dim]}));
  out.result(element, plainMap(out, all));
  return out.build([&](ScalarBuilder &s, ValueRange in) {
    Value hit = s.compare(Relation::Greater, in[2], s.integer(i64, 0));
    return s.select(hit, in[1], in[0]);
  });
}

/// One id for the indices of several dimensions of these sizes, from the end
/// where negative; [ids].
static Value joinedIds(Call &c, ArrayRef<Item> indices, ArrayRef<int64_t> sizes,
                       ArrayRef<int64_t> shape) {
  Type i64 = c.builder().getI64Type();
  ElementwiseOptions options;
  options.compute = i64;
  options.suffix = "ids";
  Item ids =
      elementwise(c, indices, options, [&](ScalarBuilder &s, ValueRange in) {
        Value id;
        for (auto [index, size] : llvm::zip(in, sizes)) {
          Value negative = s.compare(Relation::Less, index, s.integer(i64, 0));
          Value own =
              s.select(negative, s.add(index, s.integer(i64, size)), index);
          id = id ? s.add(s.mul(id, s.integer(i64, size)), own) : own;
        }
        return id;
      });
  int64_t count = 1;
  for (int64_t size : shape)
    count *= size;
  return reshaped(c, c.tensor(ids), {count});
}

/// Sizes of `shape` with `count` dimensions from `first` on replaced.
static SmallVector<int64_t> replaced(ArrayRef<int64_t> shape, int64_t first,
                                     int64_t count, ArrayRef<int64_t> by) {
  SmallVector<int64_t> sizes(shape.take_front(first));
  llvm::append_range(sizes, by);
  llvm::append_range(sizes, shape.drop_front(first + count));
  return sizes;
}

/// index_put of dimensions that are not next to each other, by one of the
/// tensor with these dimensions first.
static void indexPutApart(Call &c, ArrayRef<int64_t> order) {
  std::vector<Item> given;
  SmallVector<int64_t> inverse(order.size());
  for (const Item &item : c.list(1))
    if (!item.isNone())
      given.push_back(item);
  for (auto [place, dim] : llvm::enumerate(order))
    inverse[dim] = place;
  Item turned = c.call("aten::permute", {c.item(0), c.numbers(order)});
  Item put = c.call("aten::index_put",
                    {turned, Item::makeList(given), c.item(2), c.item(3)});
  Item back = c.call("aten::permute", {put, c.numbers(inverse)});
  if (!c.failed())
    c.result(c.tensor(back));
}

/// index_put(x, [none.., indices or a mask, none..], values, accumulate).
static void indexPut(Call &c) {
  std::vector<Item> list = withoutKnownMasks(c, c.list(1));
  std::vector<Item> arguments = c.getArguments().vec();
  arguments[1] = Item::makeList(list);
  c.setArguments(std::move(arguments));
  bool accumulate = c.size() > 3 && !c.isNone(3) && c.flag(3);
  Item values = c.item(2);
  auto type = c.type(0);
  SmallVector<Item> indices;
  SmallVector<ArrayRef<int64_t>> shapes;
  int64_t first = -1;
  if (auto order = indexedFirst(list, type.getRank()))
    return indexPutApart(c, *order);
  for (auto [dim, item] : llvm::enumerate(list)) {
    if (item.isNone())
      continue;
    first = first < 0 ? dim : first;
    indices.push_back(item);
    auto own = cast<RankedTensorType>(c.tensor(item).getType());
    if (isMask(own.getElementType())) {
      if (llvm::count_if(list, [](const Item &i) { return !i.isNone(); }) != 1)
        return c.error("a mask beside other indices");
      Value mask = castTo(c, c.tensor(item), c.builder().getI1Type(), "mask");
      return putByMask(c, first, mask, values, accumulate);
    }
    shapes.push_back(own.getShape());
  }
  int64_t count = indices.size();
  if (first < 0 || first + count > type.getRank())
    return c.error("expected an index for one of the dimensions");
  SmallVector<int64_t> shape = broadcast(c, shapes);
  if (c.failed())
    return;
  ArrayRef<int64_t> sizes = type.getShape().slice(first, count);
  int64_t places = 1, rows = 1;
  for (int64_t size : sizes)
    places *= size;
  for (int64_t size : shape)
    rows *= size;
  Value ids = joinedIds(c, indices, sizes, shape);
  Value value =
      broadcastTo(c, valueOf(c, values, type.getElementType()),
                  replaced(type.getShape(), first, count, shape), "expand");
  Value flat = reshaped(c, c.tensor(0),
                        replaced(type.getShape(), first, count, {places}));
  Value put = putRows(
      c, flat, first, ids,
      reshaped(c, value, replaced(type.getShape(), first, count, {rows})),
      accumulate);
  if (!c.failed())
    c.result(reshaped(c, put, type.getShape()));
}

/// index_copy(x, dim, ids, source), index_fill(x, dim, ids, value).
static void indexCopy(Call &c) {
  int64_t rank = c.type(0).getRank(), dim = c.dimension(1, rank);
  if (c.failed() || rank == 0 || c.type(2).getRank() != 1)
    return c.error("expected a tensor with dimensions and a list of indices");
  SmallVector<int64_t> shape(c.type(0).getShape());
  shape[dim] = c.type(2).getDimSize(0);
  Value values = broadcastTo(
      c, valueOf(c, c.item(3), c.type(0).getElementType()), shape, "expand");
  c.result(putRows(c, c.tensor(0), dim, c.tensor(2), values, false));
}

/// put(x, index, source, accumulate): elements of x in a row.
static void putFlat(Call &c) {
  SmallVector<int64_t> shape(c.type(0).getShape());
  Item flat = c.call("aten::reshape", {c.item(0), c.numbers({-1})});
  Item index = c.call("aten::reshape", {c.item(1), c.numbers({-1})});
  Item source = c.call("aten::reshape", {c.item(2), c.numbers({-1})});
  Item put = c.call("aten::index_put", {flat, Item::makeList({index}), source,
                                        c.truth(c.flag(3))});
  put = c.call("aten::reshape", {put, c.numbers(shape)});
  if (!c.failed())
    c.result(c.tensor(put));
}

void normalize::addPutRows(Table &table) {
  table.add("aten::put", putFlat);
  table.add("aten::index_put", indexPut);
  table.add("aten::index_copy", indexCopy);
  table.add({"aten::index_fill.int_Scalar", "aten::index_fill.int_Tensor"},
            indexCopy);
  table.add("aten::masked_scatter", maskedScatter);
}
