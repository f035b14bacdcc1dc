//===- ViewRows.cpp - Other shapes and orders of the same elements --------===//

#include "FlatReshape.h"
#include "Rows.h"
#include "Strides.h"

#include <numeric>

using namespace mlir;
using namespace colossal;
using namespace colossal::normalize;

//===----------------------------------------------------------------------===//
// Reshapes
//===----------------------------------------------------------------------===//

Item normalize::reshapeTo(Call &c, const TensorRef &parent,
                          SmallVector<int64_t> sizes) {
  int64_t elements = parent->type.getNumElements(), known = 1;
  int64_t *open = nullptr;
  for (int64_t &size : sizes) {
    if (size == -1)
      open = &size;
    else
      known *= size;
  }
  if (open)
    *open = known > 0 ? elements / known : 0;
  if (llvm::any_of(sizes, [](int64_t size) { return size < 0; }) ||
      (open ? *open * known : known) != elements) {
    c.error("found sizes " + shapeText(sizes) + " for a tensor of shape " +
            shapeText(parent->type.getShape()));
    return Item(parent);
  }
  if (ArrayRef<int64_t>(sizes) == parent->type.getShape())
    return Item(parent);
  ViewBuilder v(c, parent);
  if (elements == 0) { // nothing to map
    GenericBuilder g = c.generic();
    Dims dims;
    for (auto [index, size] : llvm::enumerate(sizes))
      dims.push_back({SubDim{"d" + std::to_string(index), size}});
    Type type = parent->type.getElementType();
    g.result(type, plainMap(g, addFactors(g, dims)));
    return Item(c.state.fresh(
        g.build([&](ScalarBuilder &s, ValueRange) { return s.zero(type); }),
        c.op.getName(), c.loc()));
  }
  Dims finer, target;
  if (failed(regroup(v.dims, sizes, finer, target)))
    return Item(reshapeFlat(c, parent, sizes));
  v.cutAnew(finer, target);
  return Item(v.finish());
}

/// `x[mask] += y` puts the sums where the rows were, without the dimensions of
/// size 1 in front: traced while the mask selects one row, without that of the
/// rows. If `sizes` are such, whether nothing but that is done with the view.
static std::optional<bool> isOneRowPutBack(Call &c, const TensorRef &rows,
                                           ArrayRef<int64_t> sizes) {
  ArrayRef<int64_t> shape = rows->type.getShape();
  if (c.state.selections.empty() || shape.empty() ||
      llvm::is_contained(sizes, -1))
    return std::nullopt;
  std::optional<SelectedDim> selected =
      c.state.selections.of(c.state.read(rows));
  if (!selected || shape[selected->dim] < 2)
    return std::nullopt;
  auto product = [](ArrayRef<int64_t> all) {
    return std::accumulate(all.begin(), all.end(), int64_t(1),
                           std::multiplies<>());
  };
  if (product(sizes) * shape[selected->dim] != product(shape))
    return std::nullopt;
  ArrayRef<int64_t> rest = shape.drop_front(selected->dim + 1);
  return llvm::all_of(shape.take_front(selected->dim),
                      [](int64_t size) { return size == 1; }) &&
         sizes.size() <= rest.size() && rest.take_back(sizes.size()) == sizes &&
         llvm::all_of(c.op->getUses(), [](OpOperand &use) {
           auto put = dyn_cast<AtenOp>(use.getOwner());
           return put && put.getSchema().starts_with("aten::index_put") &&
                  use.getOperandNumber() == 2;
         });
}

static void view(Call &c) {
  TensorRef self = c.alias(0);
  SmallVector<int64_t> sizes = c.sizes(1);
  if (c.failed())
    return;
  if (std::optional<bool> isPutBack = isOneRowPutBack(c, self, sizes)) {
    if (*isPutBack)
      return c.result(Item(self));
    return c.error("found sizes " + shapeText(sizes) +
                   " for rows that a mask selects, which hold that it selected "
                   "one while the model was traced: expected -1 or a size of "
                   "the rows, or a trace with inputs of which it selects "
                   "several");
  }
  c.result(reshapeTo(c, self, sizes));
}

Item normalize::reshaped(Call &c, const TensorRef &parent, const Item &shaped) {
  if (c.failed() || shaped.tensor->strides)
    return shaped;
  Item copy = withoutAliases(c, shaped);
  copy.tensor->areStridesAssumed = false;
  if (!parent->strides)
    copy.tensor->strides.reset();
  return copy;
}

static void reshape(Call &c) {
  TensorRef self = c.alias(0);
  c.result(reshaped(c, self, reshapeTo(c, self, c.sizes(1))));
}

static void viewAs(Call &c) {
  c.result(
      reshapeTo(c, c.alias(0), SmallVector<int64_t>(c.type(1).getShape())));
}

static void reshapeAs(Call &c) {
  TensorRef self = c.alias(0);
  c.result(reshaped(
      c, self, reshapeTo(c, self, SmallVector<int64_t>(c.type(1).getShape()))));
}

/// A copy where the elements are not in order.
static void contiguous(Call &c) {
  TensorRef self = c.alias(0);
  if (isContiguous(*self))
    return c.result(Item(self));
  Item copy = withoutAliases(c, self);
  copy.tensor->areStridesAssumed = false;
  c.result(copy);
}

static void flatten(Call &c) {
  TensorRef self = c.alias(0);
  ArrayRef<int64_t> shape = self->type.getShape();
  int64_t first = c.dimension(1, shape.size()),
          last = c.dimension(2, shape.size());
  SmallVector<int64_t> sizes(shape.take_front(first));
  int64_t merged = 1;
  for (int64_t d = first; d <= last && d < int64_t(shape.size()); ++d)
    merged *= shape[d];
  sizes.push_back(merged);
  if (last + 1 < int64_t(shape.size()))
    sizes.append(shape.begin() + last + 1, shape.end());
  c.result(reshaped(c, self, reshapeTo(c, self, sizes)));
}

static void unflatten(Call &c) {
  TensorRef self = c.alias(0);
  ArrayRef<int64_t> shape = self->type.getShape();
  int64_t dim = c.dimension(1, shape.size());
  SmallVector<int64_t> parts = c.integers(2);
  if (c.failed() || shape.empty())
    return;
  int64_t product = 1;
  for (int64_t size : parts)
    product *= size == -1 ? 1 : size;
  for (int64_t &size : parts)
    if (size == -1 && product > 0)
      size = shape[dim] / product;
  SmallVector<int64_t> sizes(shape.take_front(dim));
  sizes.append(parts);
  llvm::append_range(sizes, shape.drop_front(dim + 1));
  c.result(reshapeTo(c, self, sizes));
}

static void unsqueeze(Call &c) {
  ViewBuilder v(c, c.alias(0));
  int64_t dim = c.dimension(1, v.rank() + 1);
  for (int64_t d = 0; d < v.rank(); ++d)
    v.keep(d);
  v.to.insert(v.to.begin() + dim, {v.g.constant(0, 1)});
  c.result(Item(v.finish()));
}

static void squeezeDims(Call &c, ArrayRef<int64_t> dims) {
  ViewBuilder v(c, c.alias(0));
  for (int64_t d = 0; d < v.rank(); ++d) {
    if (v.shape()[d] == 1 && llvm::is_contained(dims, d))
      v.from.push_back({v.g.constant(0, 1)});
    else
      v.keep(d);
  }
  c.result(Item(v.finish()));
}

static void squeeze(Call &c) {
  int64_t rank = c.type(0).getRank();
  if (c.size() == 1)
    return squeezeDims(c, llvm::to_vector(llvm::seq<int64_t>(0, rank)));
  SmallVector<int64_t> dims;
  for (int64_t dim : c.integers(1))
    dims.push_back(c.dimension(dim, rank, 1));
  squeezeDims(c, dims);
}

//===----------------------------------------------------------------------===//
// Orders
//===----------------------------------------------------------------------===//

static void permuteTo(Call &c, ArrayRef<int64_t> order) {
  ViewBuilder v(c, c.alias(0));
  if (int64_t(order.size()) != v.rank())
    return c.error("found " + Twine(order.size()) +
                   " dimensions, expected one for each of " + Twine(v.rank()));
  for (int64_t d = 0; d < v.rank(); ++d)
    v.from.push_back(v.whole(d));
  for (int64_t d : order)
    v.to.push_back(v.from[d]);
  c.result(Item(v.finish()));
}

static void permute(Call &c) {
  int64_t rank = c.type(0).getRank();
  SmallVector<int64_t> order;
  for (int64_t dim : c.integers(1))
    order.push_back(c.dimension(dim, rank, 1));
  permuteTo(c, order);
}

static void transpose(Call &c) {
  int64_t rank = c.type(0).getRank();
  SmallVector<int64_t> order = llvm::to_vector(llvm::seq<int64_t>(0, rank));
  if (rank > 0)
    std::swap(order[c.dimension(1, rank)], order[c.dimension(2, rank)]);
  permuteTo(c, order);
}

/// Swaps the two dimensions of a matrix; leaves vectors alone.
static void matrixTranspose(Call &c) {
  int64_t rank = c.type(0).getRank();
  if (rank > 2)
    return c.error("expected at most two dimensions, found " + Twine(rank));
  SmallVector<int64_t> order = llvm::to_vector(llvm::seq<int64_t>(0, rank));
  if (rank == 2)
    std::swap(order[0], order[1]);
  permuteTo(c, order);
}

//===----------------------------------------------------------------------===//
// Repetition
//===----------------------------------------------------------------------===//

static Item expandedTo(Call &c, const TensorRef &self,
                       ArrayRef<int64_t> sizes) {
  ViewBuilder v(c, self);
  int64_t added = int64_t(sizes.size()) - v.rank();
  if (added < 0) {
    c.error("found fewer sizes than dimensions");
    return Item(self);
  }
  bool same = added == 0;
  for (auto [index, size] : llvm::enumerate(sizes)) {
    int64_t d = int64_t(index) - added;
    int64_t old = d < 0 ? 1 : v.shape()[d];
    if (size == old || (size == -1 && d >= 0)) {
      if (d < 0)
        v.to.push_back({v.g.constant(0, 1)});
      else
        v.keep(d);
      continue;
    }
    if (old != 1 || size < 0) {
      c.error("cannot expand shape " + shapeText(v.shape()) + " to " +
              shapeText(sizes));
      return Item(self);
    }
    same = false;
    if (d >= 0)
      v.from.push_back({v.g.constant(0, 1)});
    v.to.push_back({v.g.plain(v.g.factor("d" + std::to_string(index), size))});
  }
  return same ? Item(self) : Item(v.finish());
}

static void expand(Call &c) {
  c.result(expandedTo(c, c.alias(0), c.integers(1)));
}

static void expandAs(Call &c) {
  c.result(expandedTo(c, c.alias(0), c.type(1).getShape()));
}

static void broadcastTensors(Call &c) {
  std::vector<Item> expanded;
  std::vector<TensorRef> tensors;
  SmallVector<ArrayRef<int64_t>> shapes;
  for (const Item &item : c.list(0)) {
    Value value = c.tensor(item);
    tensors.push_back(item.isTensor()
                          ? item.tensor
                          : c.state.fresh(value, c.op.getName(), c.loc()));
    shapes.push_back(tensors.back()->type.getShape());
  }
  SmallVector<int64_t> shape = broadcast(c, shapes);
  for (const TensorRef &tensor : tensors)
    expanded.push_back(expandedTo(c, tensor, shape));
  c.result(Item::makeList(expanded));
}

/// meshgrid(vectors, indexing): vector i along dimension i of the product of
/// all; "xy" exchanges the first two dimensions.
static void meshgrid(Call &c) {
  std::vector<Item> grids;
  SmallVector<int64_t> shape;
  SmallVector<TensorRef> vectors;
  bool swap = c.text(1) == "xy" && c.list(0).size() > 1;
  for (const Item &item : c.list(0)) {
    Value value = c.tensor(item);
    vectors.push_back(item.isTensor()
                          ? item.tensor
                          : c.state.fresh(value, c.op.getName(), c.loc()));
    if (vectors.back()->type.getRank() > 1)
      return c.error("expected vectors");
    shape.push_back(vectors.back()->type.getNumElements());
  }
  if (swap)
    std::swap(shape[0], shape[1]);
  for (auto [index, vector] : llvm::enumerate(vectors)) {
    int64_t dim = swap && index < 2 ? 1 - index : index;
    SmallVector<int64_t> own(shape.size(), 1);
    own[dim] = shape[dim];
    Item column = reshapeTo(c, vector, own);
    if (c.failed())
      return;
    grids.push_back(expandedTo(c, column.tensor, shape));
  }
  c.result(Item::makeList(grids));
}

/// Each dimension several times over: a new, major sub-dimension.
static void repeat(Call &c) {
  ViewBuilder v(c, c.alias(0));
  SmallVector<int64_t> times = c.integers(1);
  int64_t added = int64_t(times.size()) - v.rank();
  if (added < 0)
    return c.error("found fewer repeats than dimensions");
  for (auto [index, count] : llvm::enumerate(times)) {
    int64_t d = int64_t(index) - added;
    SmallVector<SubDimAttr> subs;
    if (count != 1)
      subs.push_back(v.g.plain(v.g.factor("r" + std::to_string(index), count)));
    if (d >= 0) {
      v.from.push_back(v.whole(d));
      llvm::append_range(subs, v.from.back());
    }
    if (subs.empty())
      subs.push_back(v.g.constant(0, 1));
    v.to.push_back(subs);
  }
  c.result(withoutAliases(c, v.finish()));
}

/// Each element several times in a row: a new, minor sub-dimension.
static void repeatInterleave(Call &c) {
  TensorRef self = c.alias(0);
  if (c.isNone(2)) {
    Item flat = reshapeTo(c, self, {-1});
    if (!c.failed())
      self = flat.tensor;
  }
  int64_t count = c.integer(1), rank = self->type.getRank();
  int64_t dim = c.isNone(2) ? 0 : c.dimension(2, rank);
  if (c.failed() || count < 1)
    return c.error("found " + Twine(count) + " repeats, expected at least 1");
  ViewBuilder v(c, self);
  for (int64_t d = 0; d < rank; ++d) {
    v.keep(d);
    if (d != dim || count == 1)
      continue;
    SubDimAttr repeats = v.g.plain(v.g.factor("r", count));
    if (v.shape()[d] == 1)
      v.to.back() = {repeats};
    else
      v.to.back().push_back(repeats);
  }
  c.result(withoutAliases(c, v.finish()));
}

void normalize::addViewRows(Table &table) {
  table.add({"aten::view", "aten::_unsafe_view"}, view);
  table.add("aten::reshape", reshape);
  table.add("aten::view_as", viewAs);
  table.add("aten::reshape_as", reshapeAs);
  table.add("aten::contiguous", contiguous);
  table.add("aten::flatten.using_ints", flatten);
  table.add("aten::unflatten.int", unflatten);
  // Those in place give the same tensor another shape: what follows reads the
  // result.
  table.add({"aten::unsqueeze", "aten::unsqueeze_"}, unsqueeze);
  table.add({"aten::squeeze", "aten::squeeze.dim", "aten::squeeze.dims",
             "aten::squeeze_.dim"},
            squeeze);
  table.add("aten::permute", permute);
  table.add({"aten::transpose.int", "aten::swapaxes", "aten::swapdims",
             "aten::transpose_"},
            transpose);
  table.add({"aten::t", "aten::t_", "aten::numpy_T"}, matrixTranspose);
  table.add({"aten::expand", "aten::broadcast_to"}, expand);
  table.add("aten::expand_as", expandAs);
  table.add("aten::broadcast_tensors", broadcastTensors);
  table.add("aten::meshgrid.indexing", meshgrid);
  table.add("aten::repeat", repeat);
  table.add("aten::repeat_interleave.self_int", repeatInterleave);
}
