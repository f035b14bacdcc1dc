//===- ReplaceRows.cpp - Copies with a part replaced, reads by stride -----===//

#include "Constants.h"
#include "Elementwise.h"
#include "Lookup.h"
#include "Rows.h"
#include "Shapes.h"
#include "Strides.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::normalize;

//===----------------------------------------------------------------------===//
// Parts that are replaced
//===----------------------------------------------------------------------===//

/// A copy of the tensor in which `part`, the view `key` of it with the
/// arguments from 2 on, is argument 1.
static void replaceView(Call &c, StringRef key) {
  TensorRef copy = c.state.fresh(c.tensor(0), c.op.getName(), c.loc());
  std::vector<Item> arguments = c.getArguments().vec();
  arguments.erase(arguments.begin() + 1);
  arguments[0] = Item(copy);
  Item view = c.call(key, arguments);
  if (c.failed())
    return;
  Value part =
      c.tensor(castTo(c, c.item(1), copy->type.getElementType(), "cast"));
  if (part.getType() != c.tensor(view).getType())
    return c.error(
        "found a part of shape " +
        shapeText(cast<RankedTensorType>(part.getType()).getShape()) +
        ", expected " +
        shapeText(cast<RankedTensorType>(c.tensor(view).getType()).getShape()));
  if (!view.isTensor() ||
      failed(c.state.write(view.tensor, part, c.op.getName(), c.loc())))
    return c.error("writes a part whose elements overlap");
  c.result(c.state.read(copy));
}

static void selectScatter(Call &c) { replaceView(c, "aten::select.int"); }
static void sliceScatter(Call &c) { replaceView(c, "aten::slice.Tensor"); }
static void diagonalScatter(Call &c) { replaceView(c, "aten::diagonal"); }

/// fill_diagonal(x, value, wrap): of a matrix, where a tall one may begin
/// again below, or of a cube.
static void fillDiagonal(Call &c) {
  Value x = c.tensor(0);
  ArrayRef<int64_t> shape = c.type(0).getShape();
  double value = c.real(1);
  bool wraps = c.flag(2);
  if (shape.size() < 2 || (shape.size() > 2 && !llvm::all_equal(shape)))
    return c.error("found a tensor of shape " + shapeText(shape) +
                   ", expected a matrix, or dimensions of one size");
  Type type = c.type(0).getElementType();
  GenericBuilder g = c.generic();
  DimFactors dims = addFactors(g, dimsOf(x));
  g.operand(x, plainMap(g, dims));
  g.result(type, plainMap(g, dims));
  c.result(g.build([&](ScalarBuilder &s, ValueRange in) {
    Value first = mixedRadix(g, s, dims[0]), isDiagonal;
    if (wraps && shape.size() == 2)
      first = s.create<arith::RemSIOp>(
          first, s.integer(first.getType(), shape[1] + 1));
    for (ArrayRef<int64_t> other : ArrayRef(dims).drop_front()) {
      Value isSame = s.compare(Relation::Equal, first, mixedRadix(g, s, other));
      isDiagonal = isDiagonal ? s.logicalAnd(isDiagonal, isSame) : isSame;
    }
    return s.select(isDiagonal, s.constant(type, value), in[0]);
  }));
}

//===----------------------------------------------------------------------===//
// Reads
//===----------------------------------------------------------------------===//

/// take(x, ids): elements of the flattened tensor.
static void take(Call &c) {
  Item flat = c.call("aten::reshape", {c.item(0), c.numbers({-1})});
  c.result(c.call("aten::index.Tensor", {flat, Item::makeList({c.item(1)})}));
}

/// The view `tensor` of another root.
static TensorRef sameViewOf(const TensorRef &tensor, const TensorRef &root) {
  if (!tensor->parent)
    return root;
  auto view = std::make_shared<Alias>(*tensor);
  view->storage = root->storage;
  view->parent = sameViewOf(tensor->parent, root);
  view->cached = nullptr;
  return view;
}

/// A copy of the tensor's storage of which only the tensor's elements have a
/// derivative, as in PyTorch; null if they overlap.
static TensorRef storageAround(Call &c, const TensorRef &tensor,
                               const TensorRef &root) {
  Item detached = c.call("aten::detach", {Item(root)});
  if (c.failed())
    return nullptr;
  TensorRef copy = c.state.fresh(c.tensor(detached), c.op.getName(), c.loc());
  if (failed(c.state.write(sameViewOf(tensor, copy), c.state.read(tensor),
                           c.op.getName(), c.loc())))
    return nullptr;
  copy->strides = root->strides;
  return copy;
}

/// as_strided(x, sizes, strides, offset): out[i, ..] is the element number
/// offset + stride i + .. of x's storage.
static void asStrided(Call &c) {
  TensorRef self = c.alias(0), root = self;
  SmallVector<int64_t> sizes = c.integers(1);
  Strides strides{c.integers(2)};
  if (c.failed() || sizes.size() != strides.ofDims.size())
    return c.error("expected a stride for each size");
  while (root->parent)
    root = root->parent;
  strides.offset = !c.isNone(3)    ? std::optional(c.integer(3))
                   : self->strides ? self->strides->offset
                                   : std::nullopt;
  if (!orderInMemory(*root) || !strides.offset)
    return c.error("reads by strides a tensor of which it is not known how it "
                   "lies in memory (contiguous() before it)");
  int64_t last = *strides.offset;
  bool isEmpty = false;
  for (auto [size, stride] : llvm::zip(sizes, strides.ofDims)) {
    if (size < 0 || stride < 0)
      return c.error("found a negative size or stride");
    isEmpty |= size == 0;
    last += stride * std::max<int64_t>(size - 1, 0);
  }
  int64_t count = root->type.getNumElements();
  if (*strides.offset < 0 || (!isEmpty && last >= count))
    return c.error("reads element " + Twine(last) + " of a tensor of " +
                   Twine(count));
  if (self->type.getNumElements() != count)
    root = storageAround(c, self, root);
  if (!root)
    return c.error("reads by strides a tensor whose elements overlap (it was "
                   "expanded)");
  auto type = RankedTensorType::get(sizes, root->type.getElementType());
  c.result(
      Item(c.state.stridedOf(root, type, strides, c.op.getName(), c.loc())));
}

/// repeat_interleave(x, counts, dim): each row as often as its count says,
/// which must be known.
static void repeatByCounts(Call &c) {
  std::optional<SmallVector<int64_t>> counts = c.state.integersOf(c.item(1));
  if (!counts || c.type(1).getRank() > 1)
    return c.error("repeats rows as often as data say, expected a list of "
                   "constants");
  int64_t rank = c.type(0).getRank();
  Item x = c.isNone(2) ? c.call("aten::reshape", {c.item(0), c.numbers({-1})})
                       : c.item(0);
  int64_t dim = c.isNone(2) ? 0 : c.dimension(2, rank);
  if (c.failed() || x.tensor->type.getRank() == 0)
    return c.error("expected a tensor with dimensions");
  int64_t size = x.tensor->type.getDimSize(dim);
  if (counts->size() == 1)
    counts->assign(size, counts->front());
  if (int64_t(counts->size()) != size)
    return c.error("found " + Twine(counts->size()) + " counts for " +
                   Twine(size) + " rows");
  SmallVector<int64_t> ids;
  for (auto [row, times] : llvm::enumerate(*counts)) {
    if (times < 0)
      return c.error("repeats a row " + Twine(times) + " times");
    ids.append(times, int64_t(row));
  }
  c.result(c.call("aten::index_select", {x, c.number(dim), listOf(c, ids)}));
}

void normalize::addReplaceRows(Table &table) {
  table.add("aten::select_scatter", selectScatter);
  table.add("aten::slice_scatter", sliceScatter);
  table.add("aten::diagonal_scatter", diagonalScatter);
  table.add("aten::fill_diagonal", fillDiagonal);
  table.add("aten::take", take);
  table.add("aten::as_strided", asStrided);
  table.add("aten::repeat_interleave.self_Tensor", repeatByCounts);
}
