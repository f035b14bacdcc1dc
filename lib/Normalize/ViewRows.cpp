//===- ViewRows.cpp - Other shapes and parts of the same elements ---------===//
//
// Every row describes how the view's elements lie in its parent; reading it
// makes a generic with an identity body.
//
//===----------------------------------------------------------------------===//

#include "Elementwise.h"
#include "Rows.h"
#include "Shapes.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::normalize;

namespace {
/// Collects the factors and both maps of a view of one tensor.
struct ViewBuilder {
  ViewBuilder(Call &c, TensorRef parent)
      : c(c), parent(parent), g(c.builder(), c.loc(), ""),
        dims(dimsOf(c.state.read(parent))) {}

  Call &c;
  TensorRef parent;
  GenericBuilder g;
  Dims dims; ///< of the parent
  SmallVector<SmallVector<SubDimAttr>> from, to;

  int64_t rank() const { return parent->type.getRank(); }
  ArrayRef<int64_t> shape() const { return parent->type.getShape(); }

  /// Factors for a whole dimension of the parent, as sub-dimensions.
  SmallVector<SubDimAttr> whole(int64_t dim) {
    return plain(g, addFactors(g, dims[dim]));
  }
  /// Parent and view have dimension `dim` in common.
  void keep(int64_t dim) {
    from.push_back(whole(dim));
    to.push_back(from.back());
  }

  TensorRef finish(bool contiguous) {
    View view;
    view.factors.assign(g.getFactors().begin(), g.getFactors().end());
    view.from = g.map(from);
    view.to = g.map(to);
    return c.state.viewOf(parent, view, c.op.getName(), c.loc(), contiguous);
  }
};
} // namespace

//===----------------------------------------------------------------------===//
// Reshapes
//===----------------------------------------------------------------------===//

static std::string sizesText(ArrayRef<Dim> dims) {
  std::string text = "[";
  for (auto [index, dim] : llvm::enumerate(dims)) {
    text += index ? ", " : "";
    for (auto [number, sub] : llvm::enumerate(dim))
      text += (number ? " x " : "") + std::to_string(sub.size);
    if (dim.empty())
      text += "1";
  }
  return text + "]";
}

static std::string sizesText(ArrayRef<int64_t> sizes) {
  std::string text = "[";
  for (auto [index, size] : llvm::enumerate(sizes))
    text += (index ? ", " : "") + std::to_string(size);
  return text + "]";
}

/// A view of `parent` with these sizes, one of which may be -1.
static Item reshapeTo(Call &c, const TensorRef &parent,
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
    c.error("found sizes " + sizesText(sizes) + " for a tensor of shape " +
            sizesText(parent->type.getShape()));
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
  if (failed(regroup(v.dims, sizes, finer, target))) {
    c.error("cannot regroup dimensions " + sizesText(v.dims) + " as " +
            sizesText(sizes) +
            ": each new size must be a product of consecutive old sizes, or "
            "divide one");
    return Item(parent);
  }
  // Both lists of sub-dimensions are the same sequence, cut differently.
  SmallVector<int64_t> factors;
  for (const Dim &dim : finer) {
    factors.append(addFactors(v.g, dim));
    v.from.push_back(
        plain(v.g, ArrayRef<int64_t>(factors).take_back(dim.size())));
  }
  ArrayRef<int64_t> rest = factors;
  for (const Dim &dim : target) {
    v.to.push_back(plain(v.g, rest.take_front(dim.size())));
    rest = rest.drop_front(dim.size());
  }
  return Item(v.finish(parent->contiguous));
}

/// Elements that share nothing with the original.
static Item detachStorage(Call &c, const Item &item) {
  return Item(c.state.fresh(c.tensor(item), c.op.getName(), c.loc()));
}

static void view(Call &c) { c.result(reshapeTo(c, c.alias(0), c.integers(1))); }

/// Copies where the elements are not in order.
static void reshape(Call &c) {
  TensorRef self = c.alias(0);
  Item shaped = reshapeTo(c, self, c.integers(1));
  c.result(self->contiguous ? shaped : detachStorage(c, shaped));
}

static void viewAs(Call &c) {
  c.result(
      reshapeTo(c, c.alias(0), SmallVector<int64_t>(c.type(1).getShape())));
}

static void contiguous(Call &c) {
  TensorRef self = c.alias(0);
  c.result(self->contiguous ? Item(self) : detachStorage(c, self));
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
  Item shaped = reshapeTo(c, self, sizes);
  c.result(self->contiguous ? shaped : detachStorage(c, shaped));
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
  c.result(Item(v.finish(v.parent->contiguous)));
}

static void squeezeDims(Call &c, ArrayRef<int64_t> dims) {
  ViewBuilder v(c, c.alias(0));
  for (int64_t d = 0; d < v.rank(); ++d) {
    if (v.shape()[d] == 1 && llvm::is_contained(dims, d))
      v.from.push_back({v.g.constant(0, 1)});
    else
      v.keep(d);
  }
  c.result(Item(v.finish(v.parent->contiguous)));
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
  bool identity = true;
  for (auto [index, d] : llvm::enumerate(order)) {
    v.to.push_back(v.from[d]);
    identity &= int64_t(index) == d;
  }
  c.result(Item(v.finish(identity && v.parent->contiguous)));
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
      c.error("cannot expand shape " + sizesText(v.shape()) + " to " +
              sizesText(sizes));
      return Item(self);
    }
    same = false;
    if (d >= 0)
      v.from.push_back({v.g.constant(0, 1)});
    v.to.push_back({v.g.plain(v.g.factor("d" + std::to_string(index), size))});
  }
  return same ? Item(self) : Item(v.finish(false));
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
  c.result(detachStorage(c, v.finish(true)));
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
  c.result(detachStorage(c, v.finish(true)));
}

//===----------------------------------------------------------------------===//
// Parts
//===----------------------------------------------------------------------===//

/// How `length` elements from `start` of a dimension are indexed; appends to
/// `from` and `to`. Aligned parts become constant sub-dimensions.
static void partOf(ViewBuilder &v, int64_t d, int64_t start, int64_t length,
                   bool mayAlign) {
  int64_t size = v.shape()[d];
  if (length == size)
    return v.keep(d);
  int64_t parts = length > 0 && size % length == 0 ? size / length : 0;
  bool aligned = mayAlign && parts > 0 && start % length == 0;
  Dims finer, target;
  if (aligned && (length == 1 || parts <= 8) &&
      succeeded(regroup({v.dims[d]}, {parts, length}, finer, target))) {
    // The major sub-dimensions are the digits of the part's number.
    SmallVector<SubDimAttr> subs;
    int64_t number = start / length, radix = parts;
    for (const SubDim &sub : target[0]) {
      radix /= sub.size;
      subs.push_back(v.g.constant(number / radix, sub.size));
      number %= radix;
    }
    SmallVector<int64_t> factors = addFactors(v.g, target[1]);
    for (int64_t factor : factors)
      subs.push_back(v.g.plain(factor));
    v.from.push_back(subs);
    v.to.push_back(plain(v.g, factors));
    return;
  }
  // A window on the major sub-dimension, if the minor ones stay whole.
  const Dim &dim = v.dims[d];
  int64_t minor = dim.empty() ? 1 : size / std::max<int64_t>(dim[0].size, 1);
  std::string name = dim.empty() ? "d" + std::to_string(d) : dim[0].name;
  if (dim.size() > 1 && minor > 0 && start % minor == 0 &&
      length % minor == 0) {
    int64_t factor = v.g.factor(name, length / minor);
    SmallVector<SubDimAttr> subs = {v.g.clipped(factor, start / minor,
                                                dim[0].size)},
                            kept = {v.g.plain(factor)};
    for (const SubDim &sub : llvm::drop_begin(dim)) {
      kept.push_back(v.g.plain(v.g.factor(sub.name, sub.size)));
      subs.push_back(kept.back());
    }
    v.from.push_back(subs);
    v.to.push_back(kept);
    return;
  }
  int64_t factor = v.g.factor(name, length);
  v.from.push_back({v.g.clipped(factor, start, size)});
  v.to.push_back({v.g.plain(factor)});
}

/// Elements start, start + step... of dimension `dim`.
static Item sliceOf(Call &c, const TensorRef &parent, int64_t dim,
                    int64_t start, int64_t length, int64_t step = 1,
                    bool mayAlign = true) {
  if (step != 1) { // a period is a sub-dimension
    ViewBuilder v(c, parent);
    if (length * step != v.shape()[dim] || start >= step ||
        v.dims[dim].size() > 1) {
      c.error("a slice with step " + Twine(step) + " of dimension " +
              Twine(dim) + " of size " + Twine(v.shape()[dim]) +
              " (expected a size that the step divides)");
      return Item(parent);
    }
    for (int64_t d = 0; d < v.rank(); ++d) {
      if (d != dim) {
        v.keep(d);
        continue;
      }
      v.to.push_back({v.g.plain(v.g.factor("i", length))});
      v.from.push_back({v.to.back()[0], v.g.constant(start, step)});
    }
    return Item(v.finish(false));
  }
  ViewBuilder v(c, parent);
  for (int64_t d = 0; d < v.rank(); ++d) {
    if (d == dim)
      partOf(v, d, start, length, mayAlign);
    else
      v.keep(d);
  }
  bool outermost =
      llvm::all_of(v.shape().take_front(dim), [](int64_t s) { return s == 1; });
  return Item(v.finish(v.parent->contiguous &&
                       (outermost || length == v.shape()[dim])));
}

static void slice(Call &c) {
  TensorRef self = c.alias(0);
  int64_t dim = c.dimension(1, self->type.getRank());
  if (c.failed() || self->type.getRank() == 0)
    return c.error("slices a 0-d tensor");
  int64_t size = self->type.getDimSize(dim);
  auto bound = [&](unsigned index, int64_t otherwise) {
    int64_t value = c.isNone(index) ? otherwise : c.integer(index);
    return std::clamp<int64_t>(value < 0 ? value + size : value, 0, size);
  };
  int64_t start = bound(2, 0), end = std::max(start, bound(3, size));
  int64_t step = c.size() > 4 ? c.integer(4) : 1;
  if (step < 1)
    return c.error("found step " + Twine(step) + ", expected at least 1");
  int64_t length = (end - start + step - 1) / step;
  if (length == size)
    return c.result(Item(self)); // an alias, and written as one
  c.result(sliceOf(c, self, dim, start, length, step));
}

static void narrow(Call &c) {
  TensorRef self = c.alias(0);
  int64_t dim = c.dimension(1, self->type.getRank());
  int64_t start = c.integer(2), length = c.integer(3);
  if (c.failed() || self->type.getRank() == 0)
    return;
  int64_t size = self->type.getDimSize(dim);
  start = start < 0 ? start + size : start;
  if (start < 0 || length < 0 || start + length > size)
    return c.error("takes " + Twine(length) + " elements from " + Twine(start) +
                   " of a dimension of size " + Twine(size));
  c.result(sliceOf(c, self, dim, start, length));
}

static Item selectOf(Call &c, const TensorRef &parent, int64_t dim,
                     int64_t index) {
  ViewBuilder v(c, parent);
  for (int64_t d = 0; d < v.rank(); ++d) {
    if (d != dim) {
      v.keep(d);
      continue;
    }
    SmallVector<SubDimAttr> subs;
    int64_t number = index, radix = v.shape()[d];
    for (const SubDim &sub : v.dims[d]) {
      radix /= sub.size;
      subs.push_back(v.g.constant(number / radix, sub.size));
      number %= radix;
    }
    if (subs.empty())
      subs.push_back(v.g.constant(0, 1));
    v.from.push_back(subs);
  }
  bool outermost =
      llvm::all_of(v.shape().take_front(dim), [](int64_t s) { return s == 1; });
  return Item(v.finish(parent->contiguous && outermost));
}

static void select(Call &c) {
  TensorRef self = c.alias(0);
  int64_t dim = c.dimension(1, self->type.getRank());
  int64_t index = c.integer(2);
  if (c.failed() || self->type.getRank() == 0)
    return c.error("selects from a 0-d tensor");
  int64_t size = self->type.getDimSize(dim);
  if (index < -size || index >= size)
    return c.error("index " + Twine(index) +
                   " is out of range for a dimension of size " + Twine(size));
  c.result(selectOf(c, self, dim, index < 0 ? index + size : index));
}

static void partsOf(Call &c, const TensorRef &self, int64_t dim,
                    ArrayRef<int64_t> lengths) {
  std::vector<Item> parts;
  int64_t start = 0;
  // Parts of different sizes are all windows: a dimension that one of them
  // divides could not be a window's.
  bool mayAlign = llvm::all_equal(lengths);
  for (int64_t length : lengths) {
    parts.push_back(sliceOf(c, self, dim, start, length, 1, mayAlign));
    start += length;
  }
  if (start != self->type.getDimSize(dim))
    c.error("parts of sizes " + sizesText(lengths) +
            " of a dimension of size " + Twine(self->type.getDimSize(dim)));
  c.result(Item::makeList(parts));
}

/// Parts of one size, the last one perhaps smaller; or of the sizes listed.
static void split(Call &c) {
  TensorRef self = c.alias(0);
  int64_t dim = c.dimension(2, self->type.getRank());
  if (c.item(1).isList())
    return partsOf(c, self, dim, c.integers(1));
  int64_t length = c.integer(1);
  if (c.failed() || self->type.getRank() == 0 || length <= 0)
    return c.error("found split size " + Twine(length));
  SmallVector<int64_t> lengths;
  for (int64_t rest = self->type.getDimSize(dim); rest > 0; rest -= length)
    lengths.push_back(std::min(rest, length));
  partsOf(c, self, dim, lengths);
}

static void chunk(Call &c) {
  TensorRef self = c.alias(0);
  int64_t count = c.integer(1), dim = c.dimension(2, self->type.getRank());
  if (c.failed() || self->type.getRank() == 0 || count <= 0)
    return c.error("found " + Twine(count) + " chunks");
  int64_t size = self->type.getDimSize(dim);
  int64_t length = std::max<int64_t>((size + count - 1) / count, 1);
  SmallVector<int64_t> lengths;
  for (int64_t rest = size; rest > 0; rest -= length)
    lengths.push_back(std::min(rest, length));
  partsOf(c, self, dim, lengths);
}

static void unbind(Call &c) {
  TensorRef self = c.alias(0);
  int64_t dim = c.dimension(1, self->type.getRank());
  std::vector<Item> parts;
  for (int64_t i = 0;
       i < (self->type.getRank() ? self->type.getDimSize(dim) : 0); ++i)
    parts.push_back(selectOf(c, self, dim, i));
  c.result(Item::makeList(parts));
}

//===----------------------------------------------------------------------===//
// The same tensor
//===----------------------------------------------------------------------===//

static void identity(Call &c) { c.result(c.item(0)); }

/// Dropout is the identity in evaluation and for p = 0.
static void dropout(Call &c) {
  double p = c.real(1);
  if (c.flag(2) && p != 0.0)
    return c.error("dropout with p = " + std::to_string(p) +
                   " is random, which is not supported yet (trace the model "
                   "with p = 0, or in eval mode)");
  c.result(c.item(0));
}

/// A conversion that changes nothing returns the tensor itself.
static void convert(Call &c, Type type, bool copy) {
  Item converted = castTo(c, c.item(0), type);
  c.result(copy && converted.isTensor() ? detachStorage(c, converted)
                                        : converted);
}

static void toDtype(Call &c) {
  convert(c, c.dtype(1, c.type(0).getElementType()), c.flag(3));
}
static void toDtypeLayout(Call &c) {
  convert(c, c.dtype(1, c.type(0).getElementType()), c.flag(6));
}
static void toDevice(Call &c) {
  convert(c, c.dtype(2, c.type(0).getElementType()), c.flag(4));
}
static void toOther(Call &c) {
  convert(c, c.type(1).getElementType(), c.flag(3));
}
static void typeAs(Call &c) { convert(c, c.type(1).getElementType(), false); }

/// The value, constant for the derivative.
static void detach(Call &c) {
  if (c.item(0).isScalar())
    return c.result(c.item(0));
  Value value = c.tensor(0);
  GenericBuilder g = c.generic();
  g.mark(names::noGradient);
  IndexMapAttr map = plainMap(g, addFactors(g, dimsOf(value)));
  g.operand(value, map);
  g.result(c.type(0).getElementType(), map);
  c.result(g.build([](ScalarBuilder &, ValueRange in) { return in[0]; }));
}

void normalize::addViewRows(Table &table) {
  table.add({"aten::view", "aten::_unsafe_view"}, view);
  table.add("aten::reshape", reshape);
  table.add({"aten::view_as", "aten::reshape_as"}, viewAs);
  table.add("aten::contiguous", contiguous);
  table.add("aten::flatten.using_ints", flatten);
  table.add("aten::unflatten.int", unflatten);
  table.add("aten::unsqueeze", unsqueeze);
  table.add({"aten::squeeze", "aten::squeeze.dim", "aten::squeeze.dims"},
            squeeze);
  table.add("aten::permute", permute);
  table.add({"aten::transpose.int", "aten::swapaxes", "aten::swapdims"},
            transpose);
  table.add({"aten::t", "aten::numpy_T"}, matrixTranspose);
  table.add({"aten::expand", "aten::broadcast_to"}, expand);
  table.add("aten::expand_as", expandAs);
  table.add("aten::broadcast_tensors", broadcastTensors);
  table.add("aten::repeat", repeat);
  table.add("aten::repeat_interleave.self_int", repeatInterleave);
  table.add("aten::slice.Tensor", slice);
  table.add("aten::narrow", narrow);
  table.add("aten::select.int", select);
  table.add({"aten::split.Tensor", "aten::split.sizes", "aten::split",
             "aten::split_with_sizes"},
            split);
  table.add("aten::chunk", chunk);
  table.add("aten::unbind.int", unbind);
  table.add({"aten::alias", "aten::cpu", "aten::requires_grad"}, identity);
  table.add({"aten::dropout", "aten::feature_dropout"}, dropout);
  table.add("aten::to.dtype", toDtype);
  table.add("aten::to.dtype_layout", toDtypeLayout);
  table.add("aten::to.device", toDevice);
  table.add("aten::to.other", toOther);
  table.add("aten::type_as", typeAs);
  table.add("aten::detach", detach);
}
