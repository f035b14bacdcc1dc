//===- RearrangeRows.cpp - Views that are several views -------------------===//
//
// Written as reshapes and permutations, so that they alias what these alias.
//
//===----------------------------------------------------------------------===//

#include "Rows.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::normalize;

static Item reshaped(Call &c, Item x, ArrayRef<int64_t> sizes) {
  return c.call("aten::reshape", {std::move(x), c.numbers(sizes)});
}

static Item permuted(Call &c, Item x, ArrayRef<int64_t> order) {
  return c.call("aten::permute", {std::move(x), c.numbers(order)});
}

/// Dimensions `source` to the places `destination`, the others in order.
static void moveDims(Call &c) {
  int64_t rank = c.type(0).getRank();
  SmallVector<int64_t> source = c.integers(1), destination = c.integers(2);
  if (source.size() != destination.size())
    return c.error("found " + Twine(source.size()) + " sources and " +
                   Twine(destination.size()) + " destinations");
  SmallVector<int64_t> order(rank, -1);
  llvm::SmallDenseSet<int64_t> moved;
  for (auto [from, to] : llvm::zip(source, destination)) {
    from = c.dimension(from, rank, 1);
    to = c.dimension(to, rank, 2);
    if (c.failed())
      return;
    if (rank == 0)
      continue;
    if (!moved.insert(from).second || order[to] >= 0)
      return c.error("a dimension is moved twice");
    order[to] = from;
  }
  int64_t next = 0;
  for (int64_t &place : order) {
    if (place >= 0)
      continue;
    while (moved.contains(next))
      ++next;
    place = next++;
  }
  c.result(permuted(c, c.item(0), order));
}

static void ravel(Call &c) { c.result(reshaped(c, c.item(0), {-1})); }

/// As `repeat`, but missing repetitions are 1.
static void tile(Call &c) {
  SmallVector<int64_t> counts = c.integers(1);
  int64_t missing = c.type(0).getRank() - int64_t(counts.size());
  counts.insert(counts.begin(), std::max<int64_t>(missing, 0), 1);
  c.result(c.call("aten::repeat", {c.item(0), c.numbers(counts)}));
}

/// [.., C r r, H, W] as [.., C, H r, W r], or back (`inverse`).
template <bool inverse> static void pixelShuffle(Call &c) {
  RankedTensorType type = c.type(0);
  int64_t r = c.integer(1), rank = type.getRank();
  if (rank < 3 || r < 1)
    return c.error("expected images of at least three dimensions and a factor "
                   "of at least 1");
  ArrayRef<int64_t> shape = type.getShape();
  SmallVector<int64_t> before(shape.drop_back(3)), split = before,
                                                   joined = before;
  int64_t channels = shape[rank - 3], height = shape[rank - 2],
          width = shape[rank - 1], n = rank - 3;
  SmallVector<int64_t> order = llvm::to_vector(llvm::seq<int64_t>(0, n));
  if (inverse ? height % r || width % r : channels % (r * r))
    return c.error("factor " + Twine(r) + " does not divide " +
                   (inverse ? "height and width" : "the channels"));
  if (inverse) {
    split.append({channels, height / r, r, width / r, r});
    order.append({n, n + 2, n + 4, n + 1, n + 3});
    joined.append({channels * r * r, height / r, width / r});
  } else {
    split.append({channels / (r * r), r, r, height, width});
    order.append({n, n + 3, n + 1, n + 4, n + 2});
    joined.append({channels / (r * r), height * r, width * r});
  }
  c.result(
      reshaped(c, permuted(c, reshaped(c, c.item(0), split), order), joined));
}

/// Channels (g, c) as (c, g).
static void channelShuffle(Call &c) {
  RankedTensorType type = c.type(0);
  int64_t groups = c.integer(1);
  if (type.getRank() < 3 || groups < 1 || type.getDimSize(1) % groups)
    return c.error("expected a number of groups that divides the channels");
  SmallVector<int64_t> split(type.getShape()), order;
  split[1] /= groups;
  split.insert(split.begin() + 1, groups);
  order = llvm::to_vector(llvm::seq<int64_t>(0, int64_t(split.size())));
  std::swap(order[1], order[2]);
  c.result(reshaped(c, permuted(c, reshaped(c, c.item(0), split), order),
                    type.getShape()));
}

/// The tensors with at least `rank` dimensions, one after the other in
/// dimension `dim`: what is missing is before (a list becomes a row).
static void joined(Call &c, int64_t rank, int64_t dim) {
  std::vector<Item> parts;
  for (const Item &part : c.list(0)) {
    RankedTensorType type = cast<RankedTensorType>(c.tensor(part).getType());
    SmallVector<int64_t> sizes(type.getShape());
    if (int64_t(sizes.size()) < rank)
      sizes.insert(sizes.begin(), rank - sizes.size(), 1);
    parts.push_back(reshaped(c, part, sizes));
  }
  if (!c.failed())
    c.result(
        c.call("aten::cat", {Item::makeList(std::move(parts)), c.number(dim)}));
}

static void stackRows(Call &c) { joined(c, 2, 0); }

/// Lists along their only dimension, others along the second.
static void stackColumns(Call &c) {
  ArrayRef<Item> parts = c.list(0);
  if (c.failed() || parts.empty())
    return c.error("found no tensors");
  auto type = cast<RankedTensorType>(c.tensor(parts[0]).getType());
  joined(c, 1, type.getRank() > 1);
}

/// x[.., 1:] - x[.., :-1], so many times.
static void differences(Call &c) {
  int64_t rank = c.type(0).getRank(), count = c.integer(1);
  int64_t dim = c.dimension(2, rank);
  if (c.failed() || rank == 0 || c.type(0).getElementType().isInteger(1))
    return c.error("expected numbers with dimensions");
  std::vector<Item> parts = {c.item(0)};
  if (!c.isNone(3))
    parts.insert(parts.begin(), c.item(3));
  if (!c.isNone(4))
    parts.push_back(c.item(4));
  Item x = parts.size() == 1
               ? parts.front()
               : c.call("aten::cat",
                        {Item::makeList(std::move(parts)), c.number(dim)});
  for (int64_t i = 0; i < count && !c.failed(); ++i) {
    int64_t size = x.tensor->type.getDimSize(dim);
    if (size == 0)
      break;
    auto part = [&](int64_t start) {
      return c.call("aten::narrow",
                    {x, c.number(dim), c.number(start), c.number(size - 1)});
    };
    Item upper = part(1), lower = part(0);
    x = c.call("aten::sub.Tensor", {upper, lower, c.number(int64_t(1))});
  }
  c.result(c.tensor(x));
}

/// Differences of neighbours along one dimension over their distance: of the
/// two around each element, and on one side at the ends, with an error of the
/// order `edge`.
static Item slopes(Call &c, const Item &x, int64_t dim, double step,
                   int64_t edge) {
  int64_t size = x.tensor->type.getDimSize(dim);
  auto part = [&](int64_t start, int64_t length, double factor) {
    Item elements = c.call(
        "aten::narrow", {x, c.number(dim), c.number(start), c.number(length)});
    return c.call("aten::mul.Tensor", {elements, c.number(factor / step)});
  };
  auto sum = [&](ArrayRef<Item> terms) {
    Item all = terms.front();
    for (const Item &term : terms.drop_front())
      all = c.call("aten::add.Tensor", {all, term, c.number(int64_t(1))});
    return all;
  };
  int64_t last = size - 1;
  Item first, end;
  if (edge == 1) {
    first = sum({part(1, 1, 1), part(0, 1, -1)});
    end = sum({part(last, 1, 1), part(last - 1, 1, -1)});
  } else {
    first = sum({part(0, 1, -1.5), part(1, 1, 2), part(2, 1, -0.5)});
    end = sum(
        {part(last, 1, 1.5), part(last - 1, 1, -2), part(last - 2, 1, 0.5)});
  }
  std::vector<Item> all = {first, end};
  if (size > 2)
    all.insert(all.begin() + 1,
               sum({part(2, size - 2, 0.5), part(0, size - 2, -0.5)}));
  return c.call("aten::cat", {Item::makeList(std::move(all)), c.number(dim)});
}

/// gradient(x, spacing, dims, edge_order): by each dimension; `withSpacing` as
/// the overload has it.
template <bool withSpacing> static void gradient(Call &c) {
  int64_t rank = c.type(0).getRank();
  unsigned next = withSpacing ? 2 : 1;
  SmallVector<int64_t> dims;
  if (c.isNone(next))
    llvm::append_range(dims, llvm::seq<int64_t>(0, rank));
  else
    for (int64_t dim : c.integers(next))
      dims.push_back(c.dimension(dim, rank, next));
  int64_t edge = c.integer(next + 1);
  double step = withSpacing && !c.isNone(1) ? c.real(1) : 1;
  if (c.failed() || edge < 1 || edge > 2 || !c.item(0).isTensor() ||
      !isa<FloatType>(c.type(0).getElementType()))
    return c.error("expected floats with dimensions and an edge order of 1 or "
                   "2");
  std::vector<Item> results;
  for (int64_t dim : dims) {
    if (c.type(0).getDimSize(dim) < edge + 1)
      return c.error("found " + Twine(c.type(0).getDimSize(dim)) +
                     " elements along a dimension, expected at least " +
                     Twine(edge + 1));
    results.push_back(slopes(c, c.item(0), dim, step, edge));
  }
  c.result(Item::makeList(std::move(results)));
}

/// The first half of a dimension times the sigmoid of the second.
static void gatedUnit(Call &c) {
  int64_t rank = c.type(0).getRank();
  int64_t dim = c.dimension(1, rank);
  if (c.failed() || rank == 0 || c.type(0).getDimSize(dim) % 2)
    return c.error("expected a dimension that is divisible by 2");
  Item halves =
      c.call("aten::chunk", {c.item(0), c.number(int64_t(2)), c.number(dim)});
  if (c.failed())
    return;
  c.result(c.call("aten::mul.Tensor",
                  {halves.list[0], c.call("aten::sigmoid", {halves.list[1]})}));
}

void normalize::addRearrangeRows(Table &table) {
  table.add({"aten::movedim.intlist", "aten::movedim.int"}, moveDims);
  table.add("aten::ravel", ravel);
  table.add("aten::tile", tile);
  table.add("aten::pixel_shuffle", pixelShuffle<false>);
  table.add("aten::pixel_unshuffle", pixelShuffle<true>);
  table.add("aten::channel_shuffle", channelShuffle);
  table.add("aten::glu", gatedUnit);
  table.add("aten::vstack", stackRows);
  table.add("aten::hstack", stackColumns);
  table.add("aten::diff", differences);
  table.add("aten::gradient.array", gradient<false>);
  table.add({"aten::gradient.scalarint", "aten::gradient.scalararray"},
            gradient<true>);
}
