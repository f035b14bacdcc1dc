//===- WindowRows.cpp - Windows of tensors; borders that repeat -----------===//
//
// Elements that are read several times, or added up where windows overlap:
// reads and sums by numbers that are functions of the index.
//
//===----------------------------------------------------------------------===//

#include "Lookup.h"
#include "Rows.h"
#include "ViewBuilder.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::normalize;

//===----------------------------------------------------------------------===//
// Orders of dimensions
//===----------------------------------------------------------------------===//

/// Dimension d of the result is the list of dimensions `dims[d]` of x, major
/// to minor.
static Value arranged(Call &c, Value x, ArrayRef<SmallVector<int64_t>> dims) {
  GenericBuilder g = c.generic();
  DimFactors own = addFactors(g, dimsOf(x)), out;
  for (ArrayRef<int64_t> parts : dims) {
    SmallVector<int64_t> &factors = out.emplace_back();
    for (int64_t part : parts)
      llvm::append_range(factors, own[part]);
  }
  g.operand(x, plainMap(g, own));
  g.result(getElementTypeOrSelf(x.getType()), plainMap(g, out));
  return g.build([](ScalarBuilder &, ValueRange in) { return in[0]; });
}

//===----------------------------------------------------------------------===//
// Windows of one dimension
//===----------------------------------------------------------------------===//

/// unfold(x, dimension, size, step): windows, whose elements are a new last
/// dimension.
static void unfold(Call &c) {
  int64_t rank = c.type(0).getRank(), dim = c.dimension(1, rank);
  int64_t size = c.integer(2), step = c.integer(3);
  int64_t length = rank && !c.failed() ? c.type(0).getDimSize(dim) : 1;
  if (c.failed() || rank == 0 || size < 1 || step < 1 || size > length)
    return c.error("found windows of " + Twine(size) + " in steps of " +
                   Twine(step) + " in a dimension of size " + Twine(length));
  int64_t count = (length - size) / step + 1;
  if (isWritten(c.op->getResult(0)) && step >= size && count * step <= length) {
    // Windows that do not overlap are a view, which writes pass.
    auto narrowed = [&](const Item &x, int64_t d, int64_t length) {
      return c.call("aten::narrow",
                    {x, c.number(d), c.number(int64_t(0)), c.number(length)});
    };
    Item windows = c.call("aten::unflatten.int",
                          {narrowed(c.item(0), dim, count * step),
                           c.number(dim), c.numbers({count, step})});
    return c.result(c.call("aten::movedim.int",
                           {narrowed(windows, dim + 1, size), c.number(dim + 1),
                            c.number(int64_t(-1))}));
  }
  Type i64 = c.builder().getI64Type();
  Value ids =
      idsOf(c, {count, size}, "ids", [&](ScalarBuilder &s, ValueRange in) {
        return s.add(s.mul(in[0], s.integer(i64, step)), in[1]);
      });
  Value windows = lookUp(c.generic("windows"), c.tensor(0), dim, ids);
  SmallVector<SmallVector<int64_t>> order;
  for (int64_t d = 0; d <= rank; ++d)
    if (d != dim + 1)
      order.push_back({d});
  order.push_back({dim + 1});
  c.result(arranged(c, windows, order));
}

//===----------------------------------------------------------------------===//
// Patches of two dimensions
//===----------------------------------------------------------------------===//

namespace {
/// Of one dimension: window w's element k is element
/// w * stride + k * dilation - padding, which may lie outside.
struct Windows {
  int64_t kernel, dilation, padding, stride, length, count;
};
} // namespace

/// (.., kernel_size, dilation, padding, stride) from argument `first` on;
/// `lengths`: of the two dimensions.
static SmallVector<Windows> windowsOf(Call &c, unsigned first,
                                      ArrayRef<int64_t> lengths) {
  SmallVector<SmallVector<int64_t>> lists;
  for (unsigned i = 0; i < 4; ++i) {
    lists.push_back(c.integers(first + i));
    if (lists.back().size() == 1)
      lists.back().push_back(lists.back()[0]);
    if (lists.back().size() != 2 && !c.failed())
      c.error("expected two numbers for each size");
  }
  SmallVector<Windows> result;
  if (c.failed() || lengths.size() != 2)
    return result;
  for (unsigned d = 0; d < 2; ++d) {
    Windows w = {lists[0][d], lists[1][d], lists[2][d],
                 lists[3][d], lengths[d],  0};
    if (w.kernel < 1 || w.dilation < 1 || w.padding < 0 || w.stride < 1) {
      c.error("expected kernels, dilations and strides of at least 1 and no "
              "negative padding");
      return {};
    }
    int64_t span = w.dilation * (w.kernel - 1) + 1;
    int64_t room = w.length + 2 * w.padding - span;
    if (room < 0) {
      c.error("a window of " + Twine(span) + " elements in a dimension of " +
              Twine(w.length + 2 * w.padding));
      return {};
    }
    w.count = room / w.stride + 1;
    result.push_back(w);
  }
  return result;
}

/// The number of each element [k, w] of the windows.
static Value numbersOf(Call &c, const Windows &w, StringRef suffix) {
  Type i64 = c.builder().getI64Type();
  return idsOf(c, {w.kernel, w.count}, suffix,
               [&](ScalarBuilder &s, ValueRange in) {
                 Value start = s.mul(in[1], s.integer(i64, w.stride));
                 Value within = s.mul(in[0], s.integer(i64, w.dilation));
                 return s.sub(s.add(start, within), s.integer(i64, w.padding));
               });
}

/// im2col(x, kernel, dilation, padding, stride): [n, c kh kw, oh ow].
static void patches(Call &c) {
  RankedTensorType type = c.type(0);
  int64_t rank = type.getRank();
  if (rank != 3 && rank != 4)
    return c.error("expected three or four dimensions");
  SmallVector<Windows> w = windowsOf(c, 1, type.getShape().take_back(2));
  if (c.failed())
    return;
  int64_t h = rank - 2; // [n, c, kh, oh, kw, ow]
  Value x = lookUp(c.generic("rows"), c.tensor(0), h, numbersOf(c, w[0], "h"));
  x = lookUp(c.generic("columns"), x, h + 2, numbersOf(c, w[1], "w"));
  SmallVector<SmallVector<int64_t>> order = {{h - 1, h, h + 2}, {h + 1, h + 3}};
  if (rank == 4)
    order.insert(order.begin(), {0});
  c.result(arranged(c, x, order));
}

/// col2im(x, output_size, kernel, dilation, padding, stride): the transpose;
/// what overlaps adds up.
static void sumOfPatches(Call &c) {
  TensorRef self = c.alias(0);
  int64_t rank = self->type.getRank();
  SmallVector<int64_t> size = c.integers(1);
  if (c.failed() || (rank != 2 && rank != 3) || size.size() != 2)
    return c.error("expected two or three dimensions and two output sizes");
  SmallVector<Windows> w = windowsOf(c, 2, size);
  if (c.failed())
    return;
  int64_t patch = w[0].kernel * w[1].kernel;
  if (self->type.getDimSize(rank - 2) % patch != 0 ||
      self->type.getDimSize(rank - 1) != w[0].count * w[1].count)
    return c.error("found a tensor of shape " +
                   shapeText(self->type.getShape()) + ", expected " +
                   Twine(w[0].count * w[1].count) +
                   " patches of a multiple of " + Twine(patch) + " elements");
  SmallVector<int64_t> sizes = {self->type.getDimSize(rank - 2) / patch,
                                w[0].kernel, w[1].kernel, w[0].count,
                                w[1].count};
  if (rank == 3)
    sizes.insert(sizes.begin(), self->type.getDimSize(0));
  Value x = c.tensor(reshapeTo(c, self, sizes));
  if (c.failed())
    return;
  int64_t h = rank - 1; // [n, c, kh, kw, oh, ow] to [n, c, kh, oh, kw, ow]
  SmallVector<SmallVector<int64_t>> order;
  for (int64_t d = 0; d < h; ++d)
    order.push_back({d});
  for (int64_t d : {h, h + 2, h + 1, h + 3})
    order.push_back({d});
  x = arranged(c, x, order);
  x = scatterSum(c.generic("columns"), x, h + 2, numbersOf(c, w[1], "w"),
                 size[1]);
  c.result(
      scatterSum(c.generic("rows"), x, h, numbersOf(c, w[0], "h"), size[0]));
}

//===----------------------------------------------------------------------===//
// Borders
//===----------------------------------------------------------------------===//

static Value border(Call &c, Value x, int64_t dim, int64_t before,
                    int64_t after, StringRef mode) {
  int64_t size = cast<RankedTensorType>(x.getType()).getDimSize(dim);
  int64_t most = mode == "reflect"    ? size - 1
                 : mode == "circular" ? size
                                      : INT64_MAX;
  int64_t count = size + before + after;
  if (before > most || after > most || size < 1 || count < 0) {
    c.error("found widths " + Twine(before) + " and " + Twine(after) +
            " of a border of mode '" + mode + "' for a dimension of size " +
            Twine(size));
    return x;
  }
  Type i64 = c.builder().getI64Type();
  auto number = [&](ScalarBuilder &s, int64_t value) {
    return s.integer(i64, value);
  };
  return readAt(
      c, x, dim, count, ("dim" + Twine(dim)).str(),
      [&](ScalarBuilder &s, ValueRange in) {
        Value i = s.sub(in[0], number(s, before));
        if (mode == "replicate")
          return s.minimum(s.maximum(i, number(s, 0)), number(s, size - 1));
        Value below = s.compare(Relation::Less, i, number(s, 0)),
              above = s.compare(Relation::GreaterEqual, i, number(s, size));
        if (mode == "circular")
          return s.select(below, s.add(i, number(s, size)),
                          s.select(above, s.sub(i, number(s, size)), i));
        return s.select(below, s.sub(number(s, 0), i),
                        s.select(above, s.sub(number(s, 2 * size - 2), i), i));
      });
}

void normalize::padWithBorder(Call &c, ArrayRef<int64_t> widths,
                              StringRef mode) {
  if (mode != "reflect" && mode != "replicate" && mode != "circular")
    return c.error("padding mode '" + mode +
                   "', expected 'constant', 'reflect', 'replicate' or "
                   "'circular'");
  int64_t rank = c.type(0).getRank();
  if (c.failed() || widths.size() % 2 != 0 || int64_t(widths.size()) > 2 * rank)
    return c.error("found " + Twine(widths.size()) +
                   " widths, expected two for each of some last dimensions");
  Value x = c.tensor(0);
  for (unsigned i = 0; i < widths.size() / 2 && !c.failed(); ++i)
    if (widths[2 * i] != 0 || widths[2 * i + 1] != 0)
      x = border(c, x, rank - 1 - i, widths[2 * i], widths[2 * i + 1], mode);
  c.result(x);
}

static void reflectionPad(Call &c) {
  padWithBorder(c, c.integers(1), "reflect");
}
static void replicationPad(Call &c) {
  padWithBorder(c, c.integers(1), "replicate");
}

void normalize::addWindowRows(Table &table) {
  table.add("aten::unfold", unfold);
  table.add("aten::im2col", patches);
  table.add("aten::col2im", sumOfPatches);
  table.add({"aten::reflection_pad1d", "aten::reflection_pad2d",
             "aten::reflection_pad3d"},
            reflectionPad);
  table.add({"aten::replication_pad1d", "aten::replication_pad2d",
             "aten::replication_pad3d"},
            replicationPad);
}
