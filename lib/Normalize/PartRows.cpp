//===- PartRows.cpp - Slices, selections, splits --------------------------===//

#include "Elementwise.h"
#include "Rows.h"
#include "ViewBuilder.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::normalize;

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
  if (step != 1 && length > 1) { // a period is a sub-dimension
    int64_t size = parent->type.getDimSize(dim);
    TensorRef whole = parent;
    int64_t phase = std::max<int64_t>(start + length * step - size, 0);
    if (phase > start || length * step > size)
      phase = 0; // the last period ends outside
    if (length * step != size || start != phase) {
      ViewBuilder v(c, parent);
      for (int64_t d = 0; d < v.rank(); ++d) {
        if (d != dim) {
          v.keep(d);
          continue;
        }
        v.to.push_back({v.g.plain(v.g.factor("i", length * step))});
        v.from.push_back(
            {v.g.clipped(v.to.back()[0].getFactor(), start - phase, size)});
      }
      whole = v.finish();
    }
    ViewBuilder v(c, whole);
    for (int64_t d = 0; d < v.rank(); ++d) {
      if (d != dim) {
        v.keep(d);
        continue;
      }
      v.to.push_back({v.g.plain(v.g.factor("i", length))});
      v.from.push_back({v.to.back()[0], v.g.constant(phase, step)});
    }
    return Item(v.finish());
  }
  ViewBuilder v(c, parent);
  for (int64_t d = 0; d < v.rank(); ++d) {
    if (d == dim)
      partOf(v, d, start, length, mayAlign);
    else
      v.keep(d);
  }
  return Item(v.finish());
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
  if (start < 0 || length < 0 || start > size || length > size - start)
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
  return Item(v.finish());
}

/// x[.., n, ..] of a number n that depends on data: a look-up; a view where
/// somebody writes.
static void selectByData(Call &c, int64_t dim) {
  Item number =
      c.call("aten::reshape", {c.item(2), c.numbers(ArrayRef<int64_t>{})});
  if (c.failed())
    return;
  if (!isWritten(c.op->getResult(0))) {
    std::vector<Item> indices(dim);
    indices.push_back(number);
    return c.result(
        c.call("aten::index.Tensor", {c.item(0), Item::makeList(indices)}));
  }
  TensorRef self = c.alias(0);
  Type i64 = c.builder().getI64Type();
  ElementwiseOptions options;
  options.compute = i64;
  options.suffix = "number";
  Item place =
      elementwise(c, {number}, options, [&](ScalarBuilder &s, ValueRange in) {
        Value size = s.integer(i64, self->type.getDimSize(dim));
        return s.select(s.compare(Relation::Less, in[0], s.integer(i64, 0)),
                        s.add(in[0], size), in[0]);
      });
  if (!c.failed())
    c.result(Item(
        c.state.partOf(self, {dim, c.tensor(place)}, c.op.getName(), c.loc())));
}

static void select(Call &c) {
  TensorRef self = c.alias(0);
  int64_t dim = c.dimension(1, self->type.getRank());
  if (!c.failed() && c.item(2).isTensor() && !c.state.numberOf(c.item(2)))
    return selectByData(c, dim);
  int64_t index = c.integer(2);
  if (c.failed() || self->type.getRank() == 0)
    return c.error("selects from a 0-d tensor");
  int64_t size = self->type.getDimSize(dim);
  if (index < -size || index >= size)
    return c.error("index " + Twine(index) +
                   " is out of range for a dimension of size " + Twine(size));
  if (index == 0)
    if (const Packed *packed = c.state.packedOf(c.state.read(self))) {
      // Every sequence has a first element.
      Scalar count;
      count.type = c.builder().getI64Type();
      count.integer = packed->samples;
      count.isTensor = true;
      count.weak = false;
      return c.result(Item(count));
    }
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
    c.error("parts of sizes " + shapeText(lengths) +
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

/// Parts between the indices listed, or so many parts, the first ones one
/// larger where they do not come out even.
static void tensorSplit(Call &c) {
  TensorRef self = c.alias(0);
  int64_t dim = c.dimension(2, self->type.getRank());
  if (c.failed() || self->type.getRank() == 0)
    return c.error("splits a 0-d tensor");
  int64_t size = self->type.getDimSize(dim);
  std::vector<Item> parts;
  auto add = [&](int64_t start, int64_t end) {
    parts.push_back(
        sliceOf(c, self, dim, start, std::max<int64_t>(end - start, 0)));
  };
  if (c.item(1).isList()) {
    int64_t start = 0;
    SmallVector<int64_t> ends = c.integers(1);
    ends.push_back(size);
    for (int64_t end : ends) {
      end = std::clamp<int64_t>(end < 0 ? end + size : end, 0, size);
      add(start, end);
      start = end;
    }
  } else {
    int64_t count = c.integer(1);
    if (count < 1)
      return c.error("found " + Twine(count) + " parts, expected at least 1");
    for (int64_t i = 0, start = 0; i < count; ++i) {
      int64_t end = start + size / count + (i < size % count);
      add(start, end);
      start = end;
    }
  }
  c.result(Item::makeList(parts));
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

void normalize::addPartRows(Table &table) {
  table.add("aten::slice.Tensor", slice);
  table.add("aten::narrow", narrow);
  table.add("aten::select.int", select);
  table.add({"aten::split.Tensor", "aten::split.sizes", "aten::split",
             "aten::split_with_sizes", "aten::unsafe_split.Tensor",
             "aten::unsafe_split_with_sizes"},
            split);
  table.add({"aten::chunk", "aten::unsafe_chunk"}, chunk);
  table.add({"aten::tensor_split.indices", "aten::tensor_split.sections"},
            tensorSplit);
  table.add("aten::unbind.int", unbind);
}
