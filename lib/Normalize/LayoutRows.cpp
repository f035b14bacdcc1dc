//===- LayoutRows.cpp - Turned, stacked and divided tensors ---------------===//
//
// Written as views, reversals and joins, so that they alias what these alias.
//
//===----------------------------------------------------------------------===//

#include "Constants.h"
#include "Rows.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::normalize;

/// Choices are constants of the program.
static constexpr size_t kMaxChoices = 1024;

static int64_t rankOf(Call &c, const Item &item) {
  return cast<RankedTensorType>(c.tensor(item).getType()).getRank();
}

static Item reshaped(Call &c, Item x, ArrayRef<int64_t> sizes) {
  return c.call("aten::reshape", {std::move(x), c.numbers(sizes)});
}

static Item unsqueezed(Call &c, Item x, int64_t dim) {
  return c.call("aten::unsqueeze", {std::move(x), c.number(dim)});
}

//===----------------------------------------------------------------------===//
// Turns
//===----------------------------------------------------------------------===//

static Item flipped(Call &c, Item x, ArrayRef<int64_t> dims) {
  return c.call("aten::flip", {std::move(x), c.numbers(dims)});
}

/// rot90(x, k, dims): quarter turns from the first dimension to the second.
static void rotate(Call &c) {
  int64_t turns = ((c.integer(1) % 4) + 4) % 4, rank = c.type(0).getRank();
  SmallVector<int64_t> dims = c.integers(2);
  if (c.failed() || dims.size() != 2)
    return c.error("expected two dimensions");
  int64_t a = c.dimension(dims[0], rank, 2), b = c.dimension(dims[1], rank, 2);
  if (c.failed() || a == b || rank < 2)
    return c.error("expected two different dimensions");
  Item x = c.item(0);
  if (turns == 0)
    return c.result(c.tensor(0));
  if (turns == 2)
    return c.result(flipped(c, x, {a, b}));
  Item turned =
      c.call("aten::transpose.int",
             {flipped(c, x, {turns == 1 ? b : a}), c.number(a), c.number(b)});
  if (!c.failed())
    c.result(c.tensor(turned));
}

template <int64_t dim> static void flipDim(Call &c) {
  if (c.type(0).getRank() <= dim)
    return c.error("expected " + Twine(dim + 1) + " dimensions or more");
  c.result(flipped(c, c.item(0), {dim}));
}

static void swapLast(Call &c) {
  if (c.type(0).getRank() < 2)
    return c.error("expected a matrix");
  c.result(c.call("aten::transpose.int",
                  {c.item(0), c.number(int64_t(-2)), c.number(int64_t(-1))}));
}

//===----------------------------------------------------------------------===//
// Joins
//===----------------------------------------------------------------------===//

/// With at least `wanted` dimensions, as PyTorch adds them: in front, but the
/// third at the end.
static Item withRank(Call &c, Item x, int64_t wanted) {
  int64_t rank = rankOf(c, x);
  if (rank >= wanted || c.failed())
    return x;
  if (rank == 0)
    return reshaped(c, x, SmallVector<int64_t>(wanted, 1));
  if (rank == 1)
    x = unsqueezed(c, x, 0);
  return wanted == 3 ? unsqueezed(c, x, -1) : x;
}

/// atleast_1d and so on: of a tensor, or of each of a list.
template <int64_t rank> static void atLeast(Call &c) {
  if (!c.item(0).isList())
    return c.result(withRank(c, c.item(0), rank));
  std::vector<Item> items;
  for (const Item &item : c.list(0))
    items.push_back(withRank(c, item, rank));
  c.result(Item::makeList(std::move(items)));
}

static void stackDepth(Call &c) {
  std::vector<Item> items;
  for (const Item &item : c.list(0))
    items.push_back(withRank(c, item, 3));
  c.result(c.call("aten::cat",
                  {Item::makeList(std::move(items)), c.number(int64_t(2))}));
}

static void stackColumns(Call &c) {
  std::vector<Item> items;
  for (const Item &item : c.list(0))
    items.push_back(rankOf(c, item) <= 1 ? reshaped(c, item, {-1, 1}) : item);
  c.result(c.call("aten::cat",
                  {Item::makeList(std::move(items)), c.number(int64_t(1))}));
}

static void blockDiagonal(Call &c) {
  int64_t columns = 0, before = 0;
  std::vector<Item> matrices, rows;
  auto columnsOf = [&](const Item &matrix) {
    return cast<RankedTensorType>(c.tensor(matrix).getType()).getDimSize(1);
  };
  for (const Item &item : c.list(0)) {
    matrices.push_back(withRank(c, item, 2));
    if (c.failed() || rankOf(c, matrices.back()) != 2)
      return c.error("expected matrices");
    columns += columnsOf(matrices.back());
  }
  for (const Item &matrix : matrices) {
    int64_t own = columnsOf(matrix);
    rows.push_back(c.call("aten::constant_pad_nd",
                          {matrix, c.numbers({before, columns - before - own}),
                           c.number(int64_t(0))}));
    before += own;
  }
  c.result(c.call("aten::cat",
                  {Item::makeList(std::move(rows)), c.number(int64_t(0))}));
}

static void cartesianProduct(Call &c) {
  if (c.list(0).size() == 1)
    return c.result(c.list(0)[0]);
  Item grids =
      c.call("aten::meshgrid.indexing", {c.item(0), Item::makeText("ij")});
  std::vector<Item> columns;
  for (const Item &grid : grids.list)
    columns.push_back(reshaped(c, grid, {-1}));
  c.result(c.call("aten::stack",
                  {Item::makeList(std::move(columns)), c.number(int64_t(1))}));
}

/// combinations(x, r, with_replacement): the elements of every choice of r.
static void combinations(Call &c) {
  int64_t count = c.integer(1);
  bool repeats = c.flag(2);
  if (c.failed() || c.type(0).getRank() != 1 || count < 1)
    return c.error("expected a vector and choices of at least one element");
  int64_t size = c.type(0).getDimSize(0);
  SmallVector<SmallVector<int64_t>> columns(count);
  SmallVector<int64_t> choice;
  auto choose = [&](auto &self, int64_t from) -> void {
    if (int64_t(choice.size()) == count) {
      for (auto [column, number] : llvm::zip(columns, choice))
        column.push_back(number);
      return;
    }
    for (int64_t i = from; i < size && columns[0].size() <= kMaxChoices; ++i) {
      choice.push_back(i);
      self(self, repeats ? i : i + 1);
      choice.pop_back();
    }
  };
  choose(choose, 0);
  if (columns[0].size() > kMaxChoices)
    return c.error("found more than " + Twine(kMaxChoices) + " choices of " +
                   Twine(count) + " of " + Twine(size) + " elements");
  std::vector<Item> chosen;
  for (ArrayRef<int64_t> column : columns)
    chosen.push_back(
        c.call("aten::index_select",
               {c.item(0), c.number(int64_t(0)), listOf(c, column)}));
  c.result(c.call("aten::stack",
                  {Item::makeList(std::move(chosen)), c.number(int64_t(1))}));
}

/// vander(x, n, increasing): powers of each element, n of them.
static void powers(Call &c) {
  int64_t rank = c.type(0).getRank();
  if (c.failed() || rank == 0)
    return c.error("expected a vector");
  int64_t count = c.isNone(1) ? c.type(0).getShape().back() : c.integer(1);
  bool increasing = c.key() == "aten::linalg_vander" || c.flag(2);
  if (c.failed() || count < 0)
    return c.error("found " + Twine(count) + " powers");
  // As products, which have a derivative at 0.
  Item column = unsqueezed(c, c.item(0), -1), power;
  std::vector<Item> all;
  for (int64_t i = 0; i < count; ++i) {
    power = i == 0 ? c.call("aten::ones_like", {column})
                   : c.call("aten::mul.Tensor", {power, column});
    all.push_back(power);
  }
  if (!increasing)
    std::reverse(all.begin(), all.end());
  if (all.empty())
    return c.result(
        c.call("aten::narrow", {column, c.number(int64_t(-1)),
                                c.number(int64_t(0)), c.number(int64_t(0))}));
  c.result(c.call("aten::cat",
                  {Item::makeList(std::move(all)), c.number(int64_t(-1))}));
}

//===----------------------------------------------------------------------===//
// Parts
//===----------------------------------------------------------------------===//

/// hsplit, vsplit, dsplit: by number of parts or by their bounds.
template <int64_t dim> static void splitAlong(Call &c) {
  int64_t rank = c.type(0).getRank(), own = dim == 1 && rank == 1 ? 0 : dim;
  if (rank <= own)
    return c.error("expected " + Twine(own + 1) + " dimensions or more");
  c.result(c.call(c.item(1).isList() ? "aten::tensor_split.indices"
                                     : "aten::tensor_split.sections",
                  {c.item(0), c.item(1), c.number(own)}));
}

void normalize::addLayoutRows(Table &table) {
  table.add("aten::rot90", rotate);
  table.add("aten::fliplr", flipDim<1>);
  table.add("aten::flipud", flipDim<0>);
  table.add({"aten::mT", "aten::mH", "aten::adjoint"}, swapLast);
  table.add({"aten::atleast_1d", "aten::atleast_1d.Sequence"}, atLeast<1>);
  table.add({"aten::atleast_2d", "aten::atleast_2d.Sequence"}, atLeast<2>);
  table.add({"aten::atleast_3d", "aten::atleast_3d.Sequence"}, atLeast<3>);
  table.add("aten::dstack", stackDepth);
  table.add("aten::column_stack", stackColumns);
  table.add("aten::block_diag", blockDiagonal);
  table.add("aten::cartesian_prod", cartesianProduct);
  table.add("aten::combinations", combinations);
  table.add({"aten::vander", "aten::linalg_vander"}, powers);
  table.add({"aten::hsplit.int", "aten::hsplit.array"}, splitAlong<1>);
  table.add({"aten::vsplit.int", "aten::vsplit.array"}, splitAlong<0>);
  table.add({"aten::dsplit.int", "aten::dsplit.array"}, splitAlong<2>);
}
