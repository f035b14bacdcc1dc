//===- DecompositionRows.cpp - Factors of matrices, exponentials ----------===//

#include "Elementwise.h"
#include "Elimination.h"
#include "Matrices.h"
#include "Rows.h"

#include <cmath>

using namespace mlir;
using namespace colossal;
using namespace colossal::normalize;

//===----------------------------------------------------------------------===//
// Factors
//===----------------------------------------------------------------------===//

/// The inverse of a triangle.
static Item inverseOfTriangle(Call &c, const Item &x, bool isUpper) {
  return itemOf(
      c, substitute(c, c.tensor(x), c.tensor(identityLike(c, x)), isUpper));
}

static Item choleskyOf(Call &c, const Item &a) {
  Item lower = itemOf(c, choleskyFactor(c, c.tensor(a)));
  Item inverse = inverseOfTriangle(c, lower, /*isUpper=*/false);
  Item changed = change(c, a);
  changed = sum(c, changed, transposed(c, changed)); // both halves
  changed = product(c, product(c, inverse, changed), transposed(c, inverse));
  Type type = typeOf(c, a).getElementType();
  Item half = elementsOf(
      c, "half", a, {changed},
      [&](ScalarBuilder &s, ValueRange in, Value row, Value column) {
        Value part = s.select(s.compare(Relation::Equal, row, column),
                              s.constant(type, 0.25), s.constant(type, 0.5));
        return s.select(s.compare(Relation::GreaterEqual, row, column),
                        s.mul(part, in[0]), s.zero(type));
      });
  return sum(c, lower, product(c, lower, half));
}

static void cholesky(Call &c) {
  if (!isSquare(c, c.item(0)))
    return;
  bool isUpper = c.size() > 1 && c.flag(1);
  if (c.type(0).getNumElements() == 0)
    return c.result(c.tensor(0));
  // Of the upper triangle for the upper factor.
  Item a = isUpper ? transposed(c, c.item(0)) : c.item(0);
  Item factor = choleskyOf(c, a);
  if (isUpper)
    factor = transposed(c, factor);
  if (!c.failed())
    c.result(c.tensor(factor));
}

/// x with L L^T x = b.
static Item solveFactored(Call &c, const Item &b, Item lower, bool isUpper) {
  if (!isSquare(c, lower))
    return b;
  if (isUpper)
    lower = transposed(c, lower);
  Item half = solveTriangle(c, lower, b, /*isUpper=*/false, /*isUnit=*/false);
  return solveTriangle(c, transposed(c, lower), half, /*isUpper=*/true,
                       /*isUnit=*/false);
}

static void choleskySolve(Call &c) {
  Item x = solveFactored(c, c.item(0), c.item(1), c.flag(2));
  if (!c.failed())
    c.result(c.tensor(x));
}

static void choleskyInverse(Call &c) {
  if (!isSquare(c, c.item(0)))
    return;
  if (c.type(0).getNumElements() == 0)
    return c.result(c.tensor(0));
  Item x = solveFactored(c, identityLike(c, c.item(0)), c.item(0), c.flag(1));
  if (!c.failed())
    c.result(c.tensor(x));
}

/// linalg_lu(a, pivot): P, L and U with a = P L U.
static void lu(Call &c) {
  Item a = c.item(0);
  if (!isSquare(c, a))
    return;
  if (c.size() > 1 && !c.flag(1))
    return c.error("found a decomposition without pivots, expected pivots");
  RankedTensorType type = c.type(0);
  ArrayRef<int64_t> batch = type.getShape().drop_back(2);
  int64_t n = type.getShape().back();
  if (n == 0)
    return c.error("found matrices without elements");
  Eliminated eliminated = eliminate(c, c.tensor(a));
  Item work = c.call("aten::detach", {itemOf(c, eliminated.work)});
  Item lower = sum(c, triangle(c, work, false, -1), identityLike(c, a)),
       upper = triangle(c, work, true, 0);
  Value order = orderOfPivots(c, eliminated, batch, n);
  // P has row order[j] in column j.
  GenericBuilder g = c.generic("exchange");
  Dims dims = dimsOf(order);
  dims.insert(dims.end() - 1, plainDims({n})[0]);
  DimFactors factors = addFactors(g, dims), numbers = factors;
  numbers.erase(numbers.end() - 2);
  g.operand(order, plainMap(g, numbers));
  Type real = type.getElementType();
  g.result(real, plainMap(g, factors));
  Item exchange = itemOf(c, g.build([&](ScalarBuilder &s, ValueRange in) {
    Value row = mixedRadix(g, s, factors[factors.size() - 2]);
    return s.select(s.compare(Relation::Equal, row, in[0]), s.one(real),
                    s.zero(real));
  }));
  Item changed = product(c, transposed(c, exchange), change(c, a));
  changed = product(c, inverseOfTriangle(c, lower, false), changed);
  changed =
      product(c, changed, finiteOrZero(c, inverseOfTriangle(c, upper, true)));
  Item newLower =
      sum(c, lower, product(c, lower, triangle(c, changed, false, -1)));
  Item newUpper =
      sum(c, upper, product(c, triangle(c, changed, true, 0), upper));
  if (c.failed())
    return;
  for (const Item &result : {exchange, newLower, newUpper})
    c.result(c.tensor(result));
}

//===----------------------------------------------------------------------===//
// The exponential
//===----------------------------------------------------------------------===//

/// Squarings that the exponential may take: row sums up to 2^10 / 2.
static constexpr int64_t kMaxSquarings = 10, kTerms = 13;

/// exp(A) = exp(A / 2^s)^(2^s), where A / 2^s has rows of at most 1/2, for
/// which thirteen terms of the series are exact to the last digit of an f64.
static void exponential(Call &c) {
  Item a = c.item(0);
  if (!isSquare(c, a))
    return;
  RankedTensorType type = c.type(0);
  if (type.getNumElements() == 0)
    return c.result(c.tensor(0));
  Type real = type.getElementType(), i64 = c.builder().getI64Type();
  Item rows =
      c.call("aten::sum.dim_IntList", {c.call("aten::abs", {a}),
                                       c.numbers({-1}), c.truth(true), Item()});
  Item size =
      c.call("aten::detach",
             {c.call("aten::amax", {rows, c.numbers({-2}), c.truth(true)})});
  ElementwiseOptions options;
  options.types = {real};
  options.result = i64;
  options.suffix = "squarings";
  Item squarings =
      elementwise(c, {size}, options, [&](ScalarBuilder &s, ValueRange in) {
        Value count = s.integer(i64, 0), one = s.integer(i64, 1);
        for (int64_t k = 0; k < kMaxSquarings; ++k)
          count = s.add(
              count, s.select(s.compare(Relation::Greater, in[0],
                                        s.constant(real, std::ldexp(0.5, k))),
                              one, s.integer(i64, 0)));
        return count;
      });
  options.types = {real, i64};
  options.result = real;
  options.suffix = "scaled";
  Item scaled = elementwise(
      c, {a, squarings}, options, [&](ScalarBuilder &s, ValueRange in) {
        Value factor = s.one(real);
        for (int64_t k = 1; k <= kMaxSquarings; ++k)
          factor = s.select(
              s.compare(Relation::GreaterEqual, in[1], s.integer(i64, k)),
              s.constant(real, std::ldexp(1, -k)), factor);
        return s.mul(in[0], factor);
      });
  Item identity = identityLike(c, a), result = identity;
  for (int64_t term = kTerms; term >= 1; --term) // Horner's scheme
    result = sum(c, identity,
                 c.call("aten::mul.Tensor", {product(c, scaled, result),
                                             c.number(1.0 / double(term))}));
  options.types = {real, real, i64};
  options.suffix = "squared";
  for (int64_t k = 1; k <= kMaxSquarings; ++k)
    result = elementwise(c, {product(c, result, result), result, squarings},
                         options, [&](ScalarBuilder &s, ValueRange in) {
                           return s.select(s.compare(Relation::GreaterEqual,
                                                     in[2], s.integer(i64, k)),
                                           in[0], in[1]);
                         });
  if (!c.failed())
    c.result(c.tensor(result));
}

void normalize::addDecompositionRows(Table &table) {
  table.add({"aten::cholesky", "aten::linalg_cholesky"}, cholesky);
  table.add("aten::cholesky_solve", choleskySolve);
  table.add("aten::cholesky_inverse", choleskyInverse);
  table.add("aten::linalg_lu", lu);
  table.add({"aten::matrix_exp", "aten::linalg_matrix_exp"}, exponential);
}
