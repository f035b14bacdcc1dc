//===- Elimination.cpp - Small matrices, one column after the other -------===//

#include "Elimination.h"
#include "Lookup.h"
#include "Shapes.h"

#include <variant>

using namespace mlir;
using namespace colossal;
using namespace colossal::normalize;

namespace {
/// An op over all elements [.., i, j] of the matrices of a tensor.
struct Step {
  Step(Call &c, StringRef suffix, Value matrices,
       FactorKind rowKind = FactorKind::Parallel)
      : g(c.generic(suffix)), type(cast<RankedTensorType>(matrices.getType())) {
    g.noGradient();
    batch = addFactors(g, ArrayRef(dimsOf(matrices)).drop_back(2));
    for (ArrayRef<int64_t> dim : batch)
      ofBatch.push_back(plain(g, dim));
    row = addFactors(g, plainDims(type.getShape().take_back(2).drop_back())[0],
                     rowKind);
    column = addFactors(g, plainDims(type.getShape().take_back(1))[0]);
  }

  /// The element [.., first, second]: a dimension's factors, or a number.
  using Place = std::variant<SmallVector<int64_t>, int64_t>;
  void read(Value matrices, const Place &first, const Place &second) {
    ArrayRef<int64_t> shape =
        cast<RankedTensorType>(matrices.getType()).getShape().take_back(2);
    auto subs = ofBatch;
    subs.push_back(subsOf(first, shape[0]));
    subs.push_back(subsOf(second, shape[1]));
    g.operand(matrices, g.map(subs));
  }
  /// Of one row of each matrix, [.., columns].
  void readRow(Value rows, const Place &place) {
    auto subs = ofBatch;
    subs.push_back(subsOf(
        place, cast<RankedTensorType>(rows.getType()).getShape().back()));
    g.operand(rows, g.map(subs));
  }
  /// A number for each matrix.
  void readNumber(Value numbers) { g.operand(numbers, g.map(ofBatch)); }

  IndexMapAttr all() {
    auto subs = ofBatch;
    subs.push_back(plain(g, row));
    subs.push_back(plain(g, column));
    return g.map(subs);
  }

  GenericBuilder g;
  RankedTensorType type;
  DimFactors batch;
  SmallVector<SmallVector<SubDimAttr>> ofBatch;
  SmallVector<int64_t> row, column;

private:
  SmallVector<SubDimAttr> subsOf(const Place &place, int64_t size) {
    if (const auto *number = std::get_if<int64_t>(&place))
      return {g.constant(*number, size)};
    return plain(g, std::get<SmallVector<int64_t>>(place));
  }
};
} // namespace

static Value isRow(ScalarBuilder &s, Value index, Relation relation,
                   int64_t number) {
  return s.compare(relation, index, s.integer(index.getType(), number));
}

/// The row of the greatest element of column k from row k on.
static Value pivotOf(Call &c, Value work, int64_t k) {
  GenericBuilder g = c.generic("pivot");
  g.noGradient();
  auto type = cast<RankedTensorType>(work.getType());
  Type real = type.getElementType(), i64 = c.builder().getI64Type();
  int64_t rank = type.getRank();
  DimFactors batch = addFactors(g, ArrayRef(dimsOf(work)).drop_back(2));
  SmallVector<int64_t> row = addFactors(
      g, plainDims({type.getDimSize(rank - 2)})[0], FactorKind::ArgMax);
  SmallVector<SmallVector<SubDimAttr>> map;
  for (ArrayRef<int64_t> dim : batch)
    map.push_back(plain(g, dim));
  IndexMapAttr result = g.map(map);
  map.push_back(plain(g, row));
  map.push_back({g.constant(k, type.getDimSize(rank - 1))});
  g.operand(work, g.map(map));
  g.result(real, result);
  g.result(i64, result);
  return g
      .buildMany([&](ScalarBuilder &s, ValueRange in) {
        Value index = mixedRadix(g, s, row);
        Value size = s.create<math::AbsFOp>(in[0]);
        return SmallVector<Value>{
            s.select(isRow(s, index, Relation::GreaterEqual, k), size,
                     s.constant(real, -1)),
            index};
      })
      .getOutputs()[1];
}

/// The row of each matrix that a number says: [.., columns].
static Value rowOf(Call &c, Value work, Value number) {
  Step step(c, "row", work, FactorKind::Sum);
  step.read(work, step.row, step.column);
  step.readNumber(number);
  auto subs = step.ofBatch;
  subs.push_back(plain(step.g, step.column));
  step.g.result(step.type.getElementType(), step.g.map(subs));
  return step.g.build([&](ScalarBuilder &s, ValueRange in) {
    return whereId(step.g, s, in[0], step.row, in[1]);
  });
}

/// Exchanges row k and the pivot's, and takes multiples of it from those below.
static Value eliminateColumn(Call &c, Value work, int64_t k, Value pivot) {
  Value pivotRow = rowOf(c, work, pivot);
  Step step(c, "eliminated", work);
  Type real = step.type.getElementType();
  step.read(work, step.row, step.column);
  step.read(work, step.row, k);
  step.read(work, k, step.column);
  step.read(work, k, k);
  step.readRow(pivotRow, step.column);
  step.readRow(pivotRow, k);
  step.readNumber(pivot);
  step.g.result(real, step.all());
  return step.g.build([&](ScalarBuilder &s, ValueRange in) {
    Value i = mixedRadix(step.g, s, step.row),
          j = mixedRadix(step.g, s, step.column);
    Value isPivot = s.compare(Relation::Equal, i, in[6]);
    Value own = s.select(isPivot, in[2], in[0]),
          first = s.select(isPivot, in[3], in[1]);
    // A column of zeros stays: the matrix is singular.
    Value isZero = s.compare(Relation::Equal, in[5], s.zero(real));
    Value factor = s.select(isZero, s.zero(real),
                            s.div(first, s.select(isZero, s.one(real), in[5])));
    Value below = s.select(isRow(s, j, Relation::Less, k), own,
                           s.select(isRow(s, j, Relation::Equal, k), factor,
                                    s.sub(own, s.mul(factor, in[4]))));
    return s.select(isRow(s, i, Relation::Less, k), in[0],
                    s.select(isRow(s, i, Relation::Equal, k), in[4], below));
  });
}

Eliminated normalize::eliminate(Call &c, Value work) {
  auto type = cast<RankedTensorType>(work.getType());
  int64_t n = type.getDimSize(type.getRank() - 2);
  Eliminated result = {work, {}};
  for (int64_t k = 0; k + 1 < n; ++k) {
    result.pivots.push_back(pivotOf(c, result.work, k));
    result.work = eliminateColumn(c, result.work, k, result.pivots.back());
  }
  return result;
}

Value normalize::signOfPivots(Call &c, const Eliminated &eliminated,
                              ArrayRef<int64_t> batch, Type type) {
  GenericBuilder g = c.generic("sign");
  Dims dims = eliminated.pivots.empty() ? plainDims(batch)
                                        : dimsOf(eliminated.pivots.front());
  IndexMapAttr map = plainMap(g, addFactors(g, dims));
  for (Value pivot : eliminated.pivots)
    g.operand(pivot, map);
  g.result(type, map);
  return g.build([&](ScalarBuilder &s, ValueRange in) {
    Value sign = s.one(type);
    for (auto [k, pivot] : llvm::enumerate(in))
      sign =
          s.select(isRow(s, pivot, Relation::Equal, k), sign, s.negate(sign));
    return sign;
  });
}

Value normalize::orderOfPivots(Call &c, const Eliminated &eliminated,
                               ArrayRef<int64_t> batch, int64_t n) {
  Type i64 = c.builder().getI64Type();
  SmallVector<int64_t> shape(batch);
  shape.push_back(n);
  Dims dims = eliminated.pivots.empty() ? plainDims(batch)
                                        : dimsOf(eliminated.pivots.front());
  dims.push_back(plainDims({n})[0]);
  GenericBuilder g = c.generic("order");
  DimFactors factors = addFactors(g, dims);
  IndexMapAttr numbers = plainMap(g, ArrayRef(factors).drop_back());
  for (Value pivot : eliminated.pivots)
    g.operand(pivot, numbers);
  g.result(i64, plainMap(g, factors));
  // Backwards: where what is now in row i was before each exchange.
  return g.build([&](ScalarBuilder &s, ValueRange in) {
    Value place = mixedRadix(g, s, factors.back());
    for (int64_t k = int64_t(in.size()) - 1; k >= 0; --k) {
      Value own = s.integer(i64, k);
      Value isOwn = s.compare(Relation::Equal, place, own),
            isPivot = s.compare(Relation::Equal, place, in[k]);
      place = s.select(isOwn, in[k], s.select(isPivot, own, place));
    }
    return place;
  });
}

Value normalize::substitute(Call &c, Value triangle, Value right,
                            bool isUpper) {
  auto type = cast<RankedTensorType>(right.getType());
  int64_t n = type.getDimSize(type.getRank() - 2);
  for (int64_t step = 0; step < n; ++step) {
    int64_t k = isUpper ? n - 1 - step : step;
    Step next(c, "substituted", right);
    next.read(right, next.row, next.column);
    next.read(right, k, next.column);
    next.read(triangle, next.row, k);
    next.read(triangle, k, k);
    next.g.result(type.getElementType(), next.all());
    right = next.g.build([&](ScalarBuilder &s, ValueRange in) {
      Value i = mixedRadix(next.g, s, next.row), solved = s.div(in[1], in[3]);
      Value isOpen =
          isRow(s, i, isUpper ? Relation::Less : Relation::Greater, k);
      return s.select(
          isRow(s, i, Relation::Equal, k), solved,
          s.select(isOpen, s.sub(in[0], s.mul(in[2], solved)), in[0]));
    });
  }
  return right;
}

Value normalize::choleskyFactor(Call &c, Value x) {
  auto type = cast<RankedTensorType>(x.getType());
  int64_t n = type.getDimSize(type.getRank() - 1);
  Type real = type.getElementType();
  for (int64_t k = 0; k < n; ++k) {
    Step step(c, "factored", x);
    step.read(x, step.row, step.column);
    step.read(x, step.row, k);
    step.read(x, step.column, k);
    step.read(x, k, k);
    step.g.result(real, step.all());
    x = step.g.build([&](ScalarBuilder &s, ValueRange in) {
      Value i = mixedRadix(step.g, s, step.row),
            j = mixedRadix(step.g, s, step.column);
      Value root = s.create<math::SqrtOp>(in[3]);
      Value later = s.sub(in[0], s.mul(in[1], s.div(in[2], in[3])));
      Value below = s.select(isRow(s, j, Relation::Less, k), in[0],
                             s.select(isRow(s, j, Relation::Equal, k),
                                      s.select(isRow(s, i, Relation::Equal, k),
                                               root, s.div(in[1], root)),
                                      later));
      return s.select(s.compare(Relation::Less, i, j), s.zero(real), below);
    });
  }
  return x;
}
