//===- MomentRows.cpp - Variances, deviations, norms of vectors -----------===//

#include "Elementwise.h"
#include "Reductions.h"
#include "Rows.h"
#include "SelectedRows.h"
#include "llvm/Support/FormatVariadic.h"

#include <cmath>

using namespace mlir;
using namespace colossal;
using namespace colossal::normalize;

/// The square root of a sum of squares. Its derivative at 0, where the root has
/// none, is 0, as PyTorch's of norms and deviations.
static Value rootOfSquares(ScalarBuilder &s, Value squares) {
  Value isZero = s.compare(Relation::Equal, squares, s.zero(squares.getType()));
  Value safe = s.select(isZero, s.one(squares.getType()), squares);
  return s.select(isZero, squares, s.create<math::SqrtOp>(safe));
}

//===----------------------------------------------------------------------===//
// Norms of vectors
//===----------------------------------------------------------------------===//

/// The largest size of all, or the smallest (`order` is infinite), or how many
/// are not 0 (`order` is 0).
static void extremeNorm(Call &c, double order, ArrayRef<int64_t> dims,
                        bool keep, Type type) {
  if (order != 0 && countReduced(c.type(0), dims) == 0)
    return c.error("found no elements, of which none is the largest");
  FactorKind kind = order == 0  ? FactorKind::Sum
                    : order > 0 ? FactorKind::Max
                                : FactorKind::Min;
  GenericBuilder g = c.generic();
  c.result(reduce(g, {c.tensor(0)}, dims, keep, kind, type,
                  [&](ScalarBuilder &s, ValueRange in) {
                    Value x = s.cast(in[0], type), zero = s.zero(type);
                    if (order != 0)
                      return s.create<math::AbsFOp>(x);
                    return s.select(s.compare(Relation::NotEqual, x, zero),
                                    s.one(type), zero);
                  }));
}

/// (sum |x|^p)^(1/p); the derivatives are 0 at 0.
static void powerNorm(Call &c, double order, ArrayRef<int64_t> dims, bool keep,
                      Type type) {
  auto power = [&](ScalarBuilder &s, Value x, double exponent) {
    return s.create<math::PowFOp>(x, s.constant(type, exponent));
  };
  auto unlessZero = [&](ScalarBuilder &s, Value x, Value slope) {
    return s.select(s.compare(Relation::Equal, x, s.zero(type)), s.zero(type),
                    slope);
  };
  GenericBuilder terms = c.member("powers");
  Value sum =
      reduce(terms, {c.tensor(0)}, dims, keep, FactorKind::Sum, type,
             [&](ScalarBuilder &s, ValueRange in) {
               Value x = s.cast(in[0], type), size = s.create<math::AbsFOp>(x);
               Value slope =
                   s.mul(s.constant(type, order), power(s, size, order - 1));
               Value isNegative = s.compare(Relation::Less, x, s.zero(type));
               slope = s.select(isNegative, s.negate(slope), slope);
               return s.withDerivative(power(s, size, order), x,
                                       unlessZero(s, x, slope));
             });
  GenericBuilder root = c.member();
  c.result(
      overRows(root, {sum}, {}, type, [&](ScalarBuilder &s, ValueRange in) {
        Value slope =
            s.mul(s.constant(type, 1 / order), power(s, in[0], 1 / order - 1));
        return s.withDerivative(power(s, in[0], 1 / order), in[0],
                                unlessZero(s, in[0], slope));
      }));
}

static void vectorNorm(Call &c, double order, ArrayRef<int64_t> dims, bool keep,
                       Type type) {
  if (!isa<FloatType>(type))
    return c.error("found integers, expected floats (or dtype=...)");
  Value x = c.tensor(0);
  if (c.failed())
    return;
  if (order == 0 || std::isinf(order))
    return extremeNorm(c, order, dims, keep, type);
  if (order != 1.0 && order != 2.0)
    return powerNorm(c, order, dims, keep, type);
  x = presentRows(c, x, dims, 0);
  GenericBuilder terms = order == 1.0 ? c.member() : c.member("squares");
  Value sum = reduce(terms, {x}, dims, keep, FactorKind::Sum, type,
                     [&](ScalarBuilder &s, ValueRange in) {
                       Value value = s.cast(in[0], type);
                       return order == 1.0 ? s.create<math::AbsFOp>(value)
                                           : s.mul(value, value);
                     });
  if (order == 1.0)
    return c.result(sum);
  GenericBuilder root = c.member();
  c.result(overRows(root, {sum}, {}, type, [](ScalarBuilder &s, ValueRange in) {
    return rootOfSquares(s, in[0]);
  }));
}

static double orderOf(Call &c, unsigned index) {
  return c.isNone(index) ? 2.0 : c.real(index);
}

/// linalg_vector_norm(x, ord=2, dim=None, keepdim=False, *, dtype=None)
static void linalgVectorNorm(Call &c) {
  vectorNorm(c, orderOf(c, 1), c.dimensions(2, c.type(0).getRank()), c.flag(3),
             c.dtype(4, c.type(0).getElementType()));
}

/// norm(x, p=2)
static void normOfAll(Call &c) {
  vectorNorm(c, orderOf(c, 1),
             llvm::to_vector(llvm::seq<int64_t>(0, c.type(0).getRank())), false,
             c.type(0).getElementType());
}

/// norm(x, p, dim, keepdim=False)
static void normOfDims(Call &c) {
  vectorNorm(c, orderOf(c, 1), c.dimensions(2, c.type(0).getRank()), c.flag(3),
             c.type(0).getElementType());
}

//===----------------------------------------------------------------------===//
// Variances
//===----------------------------------------------------------------------===//

enum class Moment { Variance, Deviation, VarianceAndMean, DeviationAndMean };

/// The sum of (x - mean)^2 / (n - correction); NaN of a single element with a
/// correction of 1, as 0 / 0.
static void variance(Call &c, Moment moment, ArrayRef<int64_t> dims, bool keep,
                     double correction) {
  Type type = c.type(0).getElementType();
  if (!isa<FloatType>(type))
    return c.error("found integers, expected floats");
  Value x = c.tensor(0);
  int64_t count = countReduced(c.type(0), dims);
  if (c.failed())
    return;
  auto mean = [&](GenericBuilder g) {
    return reduce(g, {x}, dims, keep, FactorKind::Sum, type,
                  [&](ScalarBuilder &s, ValueRange in) {
                    return s.mul(in[0], s.constant(type, 1.0 / double(count)));
                  });
  };
  // The variance does not change with the point that it is taken around.
  GenericBuilder center = c.member("mean");
  center.keep().noGradient();
  Value around = mean(center);
  double divisor = std::max(0.0, double(count) - correction);
  bool root = moment == Moment::Deviation || moment == Moment::DeviationAndMean;
  GenericBuilder squares = root ? c.member("variance") : c.member();
  Value value =
      reduce(squares, {x, around}, dims, keep, FactorKind::Sum, type,
             [&](ScalarBuilder &s, ValueRange in) {
               Value centered = s.sub(in[0], in[1]);
               return s.mul(s.mul(centered, centered),
                            divisor > 0 ? s.constant(type, 1.0 / divisor)
                                        : s.infinity(type, false));
             });
  if (root) {
    GenericBuilder g = c.member();
    value = overRows(g, {value}, {}, type, [](ScalarBuilder &s, ValueRange in) {
      return rootOfSquares(s, in[0]);
    });
  }
  c.result(value);
  if (moment == Moment::VarianceAndMean || moment == Moment::DeviationAndMean)
    c.result(mean(c.generic("average")));
}

/// var(x, unbiased=True)
template <Moment moment> static void varianceOfAll(Call &c) {
  variance(c, moment,
           llvm::to_vector(llvm::seq<int64_t>(0, c.type(0).getRank())), false,
           c.flag(1) ? 1.0 : 0.0);
}

/// var.dim(x, dim, unbiased=True, keepdim=False)
template <Moment moment> static void varianceOfDims(Call &c) {
  variance(c, moment, c.dimensions(1, c.type(0).getRank()), c.flag(3),
           c.flag(2) ? 1.0 : 0.0);
}

/// var.correction(x, dim=None, *, correction=None, keepdim=False)
template <Moment moment> static void varianceCorrected(Call &c) {
  variance(c, moment, c.dimensions(1, c.type(0).getRank()), c.flag(3),
           c.isNone(2) ? 1.0 : c.real(2));
}

template <Moment moment>
static void addVariance(Table &table, const Twine &key) {
  std::string name = key.str();
  table.add(name, varianceOfAll<moment>);
  table.add(name + ".dim", varianceOfDims<moment>);
  table.add(name + ".correction", varianceCorrected<moment>);
}

void normalize::addMomentRows(Table &table) {
  table.add("aten::linalg_vector_norm", linalgVectorNorm);
  table.add("aten::norm.Scalar", normOfAll);
  table.add("aten::norm.ScalarOpt_dim", normOfDims);
  addVariance<Moment::Variance>(table, "aten::var");
  addVariance<Moment::Deviation>(table, "aten::std");
  addVariance<Moment::VarianceAndMean>(table, "aten::var_mean");
  addVariance<Moment::DeviationAndMean>(table, "aten::std_mean");
}
