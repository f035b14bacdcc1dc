//===- NormRows.cpp - Norms of matrices, sums of what is a number ---------===//
//
// Reductions that are a few others, as PyTorch writes them.
//
//===----------------------------------------------------------------------===//

#include "Rows.h"

#include <cmath>
#include <limits>

using namespace mlir;
using namespace colossal;
using namespace colossal::normalize;

static constexpr double kInfinity = std::numeric_limits<double>::infinity();

static Item sumOver(Call &c, Item x, ArrayRef<int64_t> dims, bool keep) {
  return c.call("aten::sum.dim_IntList",
                {std::move(x), c.numbers(dims), c.truth(keep), Item()});
}

//===----------------------------------------------------------------------===//
// Numbers beside NaN
//===----------------------------------------------------------------------===//

/// nansum(x, dims, keepdim, dtype), and nanmean.
template <bool isMean> static void overNumbers(Call &c) {
  Item isNan = c.call("aten::isnan", {c.item(0)});
  Item numbers = c.call("aten::masked_fill.Scalar",
                        {c.item(0), isNan, c.number(int64_t(0))});
  Item sum = c.call("aten::sum.dim_IntList",
                    {numbers, c.item(1), c.item(2), c.item(3)});
  if (!isMean)
    return c.result(sum);
  Item count =
      c.call("aten::sum.dim_IntList", {c.call("aten::logical_not", {isNan}),
                                       c.item(1), c.item(2), Item()});
  c.result(c.call("aten::div.Tensor", {sum, count}));
}

/// aminmax(x, dim, keepdim).
static void leastAndGreatest(Call &c) {
  Item dims = c.isNone(1) ? Item() : c.numbers({c.integer(1)});
  for (StringRef key : {"aten::amin", "aten::amax"})
    c.result(c.call(key, {c.item(0), dims, c.item(2)}));
}

/// The sums of two neighbours along a dimension.
static Item pairsAlong(Call &c, int64_t dim) {
  int64_t size = c.type(0).getDimSize(dim);
  auto part = [&](int64_t start) {
    return c.call("aten::narrow", {c.item(0), c.number(dim), c.number(start),
                                   c.number(size - 1)});
  };
  return c.call("aten::add.Tensor", {part(1), part(0), c.number(int64_t(1))});
}

/// trapezoid(y, dx, dim).
static void trapezoid(Call &c) {
  int64_t rank = c.type(0).getRank(), dim = c.dimension(2, rank);
  double step = c.real(1);
  if (c.failed() || rank == 0 || c.type(0).getDimSize(dim) == 0)
    return c.error("expected a dimension with elements");
  c.result(
      c.call("aten::mul.Tensor", {sumOver(c, pairsAlong(c, dim), {dim}, false),
                                  c.number(step / 2)}));
}

/// The same up to each element but the first.
static void cumulativeTrapezoid(Call &c) {
  int64_t rank = c.type(0).getRank(), dim = c.dimension(2, rank);
  double step = c.real(1);
  if (c.failed() || rank == 0 || c.type(0).getDimSize(dim) == 0)
    return c.error("expected a dimension with elements");
  Item pairs = pairsAlong(c, dim);
  Item sums = c.call("aten::cumsum", {pairs, c.number(dim), Item()});
  c.result(c.call("aten::mul.Tensor", {sums, c.number(step / 2)}));
}

/// trapezoid(y, x, dim), x a vector or of the shape of y; and up to each
/// element but the first.
template <bool isCumulative> static void trapezoidOver(Call &c) {
  int64_t rank = c.type(0).getRank(), dim = c.dimension(2, rank);
  if (c.failed() || rank == 0 || c.type(0).getDimSize(dim) == 0 ||
      c.type(1).getRank() == 0)
    return c.error("expected a dimension with elements");
  bool isVector = c.type(1).getRank() == 1 && rank > 1;
  Item widths = c.call("aten::diff",
                       {c.item(1), c.number(int64_t(1)),
                        c.number(isVector ? int64_t(0) : dim), Item(), Item()});
  if (isVector) {
    SmallVector<int64_t> shape(rank, 1);
    shape[dim] = -1;
    widths = c.call("aten::reshape", {widths, c.numbers(shape)});
  }
  Item areas = c.call("aten::mul.Tensor", {pairsAlong(c, dim), widths});
  Item sums = isCumulative
                  ? c.call("aten::cumsum", {areas, c.number(dim), Item()})
                  : sumOver(c, areas, {dim}, false);
  c.result(c.call("aten::mul.Tensor", {sums, c.number(0.5)}));
}

/// cov(x, correction) of variables in rows.
static void covariance(Call &c) {
  int64_t rank = c.type(0).getRank();
  if (rank < 1 || rank > 2 || !c.isNone(2) || !c.isNone(3))
    return c.error("expected variables in rows, without weights");
  Item x = c.item(0);
  if (rank == 1)
    x = c.call("aten::unsqueeze", {x, c.number(int64_t(0))});
  Item mean =
      c.call("aten::mean.dim", {x, c.numbers({1}), c.truth(true), Item()});
  Item centred = c.call("aten::sub.Tensor", {x, mean, c.number(int64_t(1))});
  Item product =
      c.call("aten::matmul", {centred, c.call("aten::t", {centred})});
  double count = double(c.type(0).getShape().back()) - c.real(1);
  Item result =
      c.call("aten::div.Tensor", {product, c.number(std::max(count, 0.0))});
  c.result(rank == 1 ? c.call("aten::squeeze", {result}) : result);
}

/// corrcoef(x): the covariance divided by both deviations.
static void correlation(Call &c) {
  Item covariances = c.call("aten::cov", {c.item(0), c.number(int64_t(1))});
  if (c.failed() || c.type(0).getRank() != 2)
    return c.error("expected variables in rows");
  Item deviations = c.call(
      "aten::sqrt",
      {c.call("aten::diagonal", {covariances, c.number(int64_t(0)),
                                 c.number(int64_t(0)), c.number(int64_t(1))})});
  for (int64_t dim : {1, 0})
    covariances = c.call(
        "aten::div.Tensor",
        {covariances, c.call("aten::unsqueeze", {deviations, c.number(dim)})});
  c.result(c.call("aten::clamp", {covariances, c.number(-1.0), c.number(1.0)}));
}

/// pdist(x, p): the distances of all pairs of rows, i before j.
static void pairDistances(Call &c) {
  if (c.type(0).getRank() != 2)
    return c.error("expected points in rows");
  int64_t points = c.type(0).getDimSize(0);
  Item pairs = c.call("aten::triu_indices", {c.number(points), c.number(points),
                                             c.number(int64_t(1))});
  auto side = [&](int64_t end) {
    Item numbers = c.call("aten::select.int",
                          {pairs, c.number(int64_t(0)), c.number(end)});
    return c.call("aten::index_select",
                  {c.item(0), c.number(int64_t(0)), numbers});
  };
  Item apart =
      c.call("aten::sub.Tensor", {side(0), side(1), c.number(int64_t(1))});
  c.result(c.call(
      "aten::linalg_vector_norm",
      {apart, c.number(c.real(1)), c.numbers({1}), c.truth(false), Item()}));
}

//===----------------------------------------------------------------------===//
// Norms
//===----------------------------------------------------------------------===//

static Item vectorNorm(Call &c, Item order, ArrayRef<int64_t> dims, bool keep) {
  return c.call("aten::linalg_vector_norm",
                {c.item(0), order, c.numbers(dims), c.truth(keep), Item()});
}

/// The greatest (least, of a negative order) sum of sizes along the first of
/// two dimensions, or the second.
static void normOfSums(Call &c, double order, ArrayRef<int64_t> dims,
                       bool keep) {
  bool ofColumns = std::abs(order) == 1;
  if (!ofColumns && std::abs(order) != kInfinity)
    return c.error("a norm that needs singular values, expected 'fro', 1, -1, "
                   "inf or -inf");
  int64_t rank = c.type(0).getRank();
  int64_t summed = c.dimension(dims[ofColumns ? 0 : 1], rank, 2),
          rest = c.dimension(dims[ofColumns ? 1 : 0], rank, 2);
  if (c.failed() || rank < 2 || summed == rest)
    return c.error("expected two different dimensions");
  Item sums = sumOver(c, c.call("aten::abs", {c.item(0)}), {summed}, true);
  Item norm = c.call(order > 0 ? "aten::amax" : "aten::amin",
                     {sums, c.numbers({rest}), c.truth(true)});
  c.result(
      keep ? norm
           : c.call("aten::squeeze.dims", {norm, c.numbers({summed, rest})}));
}

/// linalg_norm(x, ord, dim, keepdim): of vectors or matrices.
static void linalgNorm(Call &c) {
  int64_t rank = c.type(0).getRank();
  SmallVector<int64_t> dims;
  if (!c.isNone(2))
    dims = c.integers(2);
  else
    dims.append(llvm::seq<int64_t>(0, rank).begin(),
                llvm::seq<int64_t>(0, rank).end());
  bool keep = c.flag(3);
  if (c.failed())
    return;
  if (c.isNone(1))
    return c.result(vectorNorm(c, c.number(2.0), dims, keep));
  if (dims.size() == 1)
    return c.result(vectorNorm(c, c.item(1), dims, keep));
  if (dims.size() != 2)
    return c.error("expected a vector or a matrix");
  normOfSums(c, c.real(1), dims, keep);
}

/// Also linalg_norm with the name of an order, of the last two dimensions if
/// none are given.
static void matrixNorm(Call &c) {
  SmallVector<int64_t> dims =
      c.isNone(2) ? SmallVector<int64_t>{-2, -1} : c.integers(2);
  if (c.failed() || dims.size() != 2)
    return c.error("expected two dimensions");
  if (c.item(1).isScalar())
    return normOfSums(c, c.real(1), dims, c.flag(3));
  if (c.text(1) != "fro")
    return c.error("a norm that needs singular values, expected 'fro', 1, -1, "
                   "inf or -inf");
  c.result(vectorNorm(c, c.number(2.0), dims, c.flag(3)));
}

/// renorm(x, p, dim, limit): parts along `dim` whose norm is above the limit
/// are scaled to it. 1e-7 is PyTorch's.
static void renormalize(Call &c) {
  int64_t rank = c.type(0).getRank(), dim = c.dimension(2, rank);
  if (c.failed() || rank < 2)
    return c.error("expected two or more dimensions");
  SmallVector<int64_t> others;
  for (int64_t d = 0; d < rank; ++d)
    if (d != dim)
      others.push_back(d);
  Item norm = vectorNorm(c, c.item(1), others, true);
  Item padded =
      c.call("aten::add.Scalar", {norm, c.number(1e-7), c.number(int64_t(1))});
  Item scale = c.call("aten::mul.Tensor",
                      {c.call("aten::reciprocal", {padded}), c.item(3)});
  Item isAbove = c.call("aten::gt.Scalar", {norm, c.item(3)});
  Item factor =
      c.call("aten::where.ScalarOther", {isAbove, scale, c.number(1.0)});
  c.result(c.call("aten::mul.Tensor", {c.item(0), factor}));
}

void normalize::addNormRows(Table &table) {
  table.add("aten::nansum", overNumbers<false>);
  table.add("aten::nanmean", overNumbers<true>);
  table.add("aten::aminmax", leastAndGreatest);
  table.add({"aten::trapezoid.dx", "aten::trapz.dx"}, trapezoid);
  table.add("aten::cumulative_trapezoid.dx", cumulativeTrapezoid);
  table.add("aten::trapezoid.x", trapezoidOver<false>);
  table.add("aten::cumulative_trapezoid.x", trapezoidOver<true>);
  table.add("aten::cov", covariance);
  table.add("aten::corrcoef", correlation);
  table.add("aten::pdist", pairDistances);
  table.add("aten::linalg_norm", linalgNorm);
  table.add({"aten::linalg_matrix_norm", "aten::linalg_matrix_norm.str_ord",
             "aten::linalg_norm.ord_str"},
            matrixNorm);
  table.add("aten::renorm", renormalize);
}
