//===- MatrixRows.cpp - Inverses, solutions, determinants -----------------===//

#include "Elementwise.h"
#include "Elimination.h"
#include "Matrices.h"
#include "Rows.h"

#include <limits>

using namespace mlir;
using namespace colossal;
using namespace colossal::normalize;

namespace {
/// What elimination says of A.
struct Solved {
  Eliminated eliminated;
  Item inverse;
  Item right; ///< X b, if there was b
};
} // namespace

static Solved solve(Call &c, const Item &a, const Item &right = {}) {
  int64_t n = typeOf(c, a).getShape().back();
  std::vector<Item> parts = {a, identityLike(c, a)};
  if (!right.isNone())
    parts.push_back(right);
  Value work = c.tensor(joined(c, parts));
  Solved solved;
  solved.eliminated = eliminate(c, work);
  Item done = itemOf(c, solved.eliminated.work);
  int64_t more = typeOf(c, done).getShape().back() - n;
  Item all = itemOf(c, substitute(c, solved.eliminated.work,
                                  c.tensor(columns(c, done, n, more)),
                                  /*isUpper=*/true));
  solved.inverse = columns(c, all, 0, n);
  if (!right.isNone())
    solved.right = columns(c, all, n, more - n);
  return solved;
}

//===----------------------------------------------------------------------===//
// Inverses and solutions
//===----------------------------------------------------------------------===//

static Item inverseOf(Call &c, const Item &a) {
  if (typeOf(c, a).getNumElements() == 0)
    return a;
  Item inverse = solve(c, a).inverse;
  Item rest = difference(c, product(c, a, inverse), identityLike(c, a));
  return difference(c, inverse, product(c, inverse, rest));
}

static void inverse(Call &c) {
  if (isSquare(c, c.item(0)))
    c.result(c.tensor(inverseOf(c, c.item(0))));
}

/// x with A x = b, or x A = b; b may be a vector, or one for each matrix.
static void linearSolve(Call &c) {
  Item a = c.item(0), b = c.item(1);
  bool isLeft = c.size() < 3 || c.flag(2);
  if (!isSquare(c, a))
    return;
  ArrayRef<int64_t> shape = typeOf(c, a).getShape(),
                    right = typeOf(c, b).getShape();
  bool isVector = right.size() == 1 || right == shape.drop_back();
  if (isVector)
    b = c.call("aten::unsqueeze", {b, c.number(int64_t(-1))});
  else if (!isLeft)
    std::tie(a, b) = std::pair(transposed(c, a), transposed(c, b));
  if (c.failed() || typeOf(c, b).getRank() < 2 ||
      typeOf(c, b).getShape().take_back(2)[0] != shape.back())
    return c.error("found shapes " + shapeText(shape) + " and " +
                   shapeText(right) + ", expected as many rows on the right");
  SmallVector<int64_t> batch =
      broadcast(c, {shape.drop_back(2), typeOf(c, b).getShape().drop_back(2)});
  if (c.failed())
    return;
  a = withBatchOf(c, a, batch);
  b = withBatchOf(c, b, batch);
  Item x = b;
  if (typeOf(c, b).getNumElements() > 0) {
    Solved solved = solve(c, a, b);
    Item rest = difference(c, b, product(c, a, solved.right));
    x = sum(c, solved.right, product(c, solved.inverse, rest));
  }
  if (isVector)
    x = c.call("aten::squeeze.dim", {x, c.number(int64_t(-1))});
  else if (!isLeft)
    x = transposed(c, x);
  if (!c.failed())
    c.result(c.tensor(x));
}

/// linalg_solve_triangular(a, b, upper, left, unitriangular).
static void solveTriangular(Call &c) {
  if (!isSquare(c, c.item(0)))
    return;
  if (!hasMatrices(c, c.item(1)))
    return;
  bool isUpper = c.flag(2), isLeft = c.flag(3), isUnit = c.flag(4);
  Item a = c.item(0), b = c.item(1);
  Item x =
      isLeft ? solveTriangle(c, a, b, isUpper, isUnit)
             : transposed(c, solveTriangle(c, transposed(c, a),
                                           transposed(c, b), !isUpper, isUnit));
  if (!c.failed())
    c.result(c.tensor(x));
}

/// triangular_solve(b, a, upper, transpose, unitriangular): x, and a copy of a.
static void solveTriangularOld(Call &c) {
  if (!isSquare(c, c.item(1)))
    return;
  bool isUpper = c.flag(2), isTurned = c.flag(3);
  Item a = isTurned ? transposed(c, c.item(1)) : c.item(1);
  Item x = solveTriangle(c, a, c.item(0), isUpper != isTurned, c.flag(4));
  if (c.failed())
    return;
  c.result(c.tensor(x));
  c.result(c.tensor(1));
}

//===----------------------------------------------------------------------===//
// Determinants
//===----------------------------------------------------------------------===//

/// tr X (A - A0).
static Item changeOfLogarithm(Call &c, const Item &a, const Item &inverse) {
  Item terms = c.call("aten::mul.Tensor",
                      {transposed(c, finiteOrZero(c, inverse)), change(c, a)});
  return c.call("aten::sum.dim_IntList",
                {terms, c.numbers({-2, -1}), c.truth(false), Item()});
}

/// The pivots, [.., n].
static Item pivotsOf(Call &c, const Solved &solved, int64_t n) {
  Item square = columns(c, itemOf(c, solved.eliminated.work), 0, n);
  return c.call("aten::diagonal",
                {square, c.number(int64_t(0)), c.number(int64_t(-2)),
                 c.number(int64_t(-1))});
}

static void determinant(Call &c) {
  if (!isSquare(c, c.item(0)))
    return;
  RankedTensorType type = c.type(0);
  ArrayRef<int64_t> batch = type.getShape().drop_back(2);
  int64_t n = type.getShape().back();
  Type real = type.getElementType();
  if (n == 0)
    return c.result(
        c.call("aten::prod.dim_int",
               {c.call("aten::sum.dim_IntList",
                       {c.item(0), c.numbers({-1}), c.truth(false), Item()}),
                c.number(int64_t(-1)), c.truth(false), Item()}));
  Solved solved = solve(c, c.item(0));
  Item value = c.call(
      "aten::prod.dim_int",
      {pivotsOf(c, solved, n), c.number(int64_t(-1)), c.truth(false), Item()});
  value = c.call(
      "aten::mul.Tensor",
      {value, itemOf(c, signOfPivots(c, solved.eliminated, batch, real))});
  value = c.call("aten::detach", {value});
  Item slope = changeOfLogarithm(c, c.item(0), solved.inverse);
  Item result = sum(c, value, c.call("aten::mul.Tensor", {value, slope}));
  if (!c.failed())
    c.result(c.tensor(result));
}

/// The sign of the determinant and the logarithm of its size.
static std::pair<Item, Item> signAndLogarithm(Call &c) {
  RankedTensorType type = c.type(0);
  int64_t n = type.getShape().back();
  Solved solved = solve(c, c.item(0));
  Item pivots = c.call("aten::detach", {pivotsOf(c, solved, n)});
  Item sign = c.call("aten::mul.Tensor",
                     {c.call("aten::prod.dim_int",
                             {c.call("aten::sign", {pivots}),
                              c.number(int64_t(-1)), c.truth(false), Item()}),
                      itemOf(c, signOfPivots(c, solved.eliminated,
                                             type.getShape().drop_back(2),
                                             type.getElementType()))});
  Item logarithms = c.call("aten::log", {c.call("aten::abs", {pivots})});
  Item size = c.call("aten::sum.dim_IntList",
                     {logarithms, c.numbers({-1}), c.truth(false), Item()});
  return {sign, sum(c, size, changeOfLogarithm(c, c.item(0), solved.inverse))};
}

static void logarithmOfDeterminant(Call &c) {
  if (!isSquare(c, c.item(0)))
    return;
  if (c.type(0).getShape().back() == 0)
    return c.error("found matrices without elements");
  auto [sign, size] = signAndLogarithm(c);
  if (c.failed())
    return;
  c.result(c.tensor(sign));
  c.result(c.tensor(size));
}

/// NaN where the determinant is negative.
static void logDeterminant(Call &c) {
  if (!isSquare(c, c.item(0)))
    return;
  if (c.type(0).getShape().back() == 0)
    return c.error("found matrices without elements");
  auto [sign, size] = signAndLogarithm(c);
  Type type = c.type(0).getElementType();
  ElementwiseOptions options;
  options.compute = type;
  c.result(elementwise(
      c, {sign, size}, options, [&](ScalarBuilder &s, ValueRange in) {
        Value nan = s.constant(type, std::numeric_limits<double>::quiet_NaN());
        return s.select(s.compare(Relation::Less, in[0], s.zero(type)), nan,
                        in[1]);
      }));
}

void normalize::addMatrixRows(Table &table) {
  table.add({"aten::inverse", "aten::linalg_inv"}, inverse);
  table.add("aten::linalg_solve", linearSolve);
  table.add("aten::linalg_solve_triangular", solveTriangular);
  table.add("aten::triangular_solve", solveTriangularOld);
  table.add({"aten::det", "aten::linalg_det"}, determinant);
  table.add({"aten::slogdet", "aten::linalg_slogdet"}, logarithmOfDeterminant);
  table.add("aten::logdet", logDeterminant);
}
