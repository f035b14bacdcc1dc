//===- FourierRows.cpp - Discrete Fourier transforms ----------------------===//
//
// A transform along a dimension is a product with the matrices of cosines and
// sines of 2 pi j k / n, functions of their indices, computed once a step in
// f64. That takes n multiplications for each element, n log n would be few; it
// is meant for dimensions of some hundred elements.
//
//===----------------------------------------------------------------------===//

#include "Complex.h"
#include "Dtypes.h"
#include "Elementwise.h"
#include "Shapes.h"

#include <cmath>

using namespace mlir;
using namespace colossal;
using namespace colossal::normalize;

namespace {
/// One transform of size n along a dimension.
struct Transform {
  int64_t dim, n;
  bool isInverse;
  double scale;
};

/// What a matrix holds.
enum class Wave { Cosine, Sine };
} // namespace

/// The factor of results for PyTorch's names of norms.
static double scaleOf(Call &c, unsigned argument, int64_t n, bool isInverse) {
  StringRef norm = c.isNone(argument) ? "backward" : c.text(argument);
  if (norm == "ortho")
    return 1 / std::sqrt(double(n));
  if (norm != "backward" && norm != "forward")
    c.error("norm '" + norm + "', expected backward, ortho or forward");
  return (norm == "backward") == isInverse ? 1 / double(n) : 1;
}

/// scale * wave(2 pi j k / n), [rows, columns], with 0 in columns from `end`
/// on. `halves`: the columns are half of a spectrum, of which the other half is
/// the conjugate, and count twice if they are part of both.
static Value matrixOf(Call &c, const Transform &t, int64_t rows,
                      int64_t columns, int64_t end, Wave wave, Type type,
                      bool halves) {
  GenericBuilder g = c.generic(wave == Wave::Cosine ? "cosines" : "sines");
  DimFactors dims = addFactors(g, plainDims({rows, columns}));
  g.result(type, plainMap(g, dims));
  return g.build([&](ScalarBuilder &s, ValueRange) {
    Type i64 = s.getBuilder().getI64Type(), f64 = s.getBuilder().getF64Type();
    auto integer = [&](int64_t value) { return s.integer(i64, value); };
    Value j = mixedRadix(g, s, dims[0]), k = mixedRadix(g, s, dims[1]);
    // A multiple of n is a whole turn: what is left of it is exact.
    Value turn = s.create<arith::RemSIOp>(s.mul(j, k), integer(t.n));
    Value angle =
        s.mul(s.cast(turn, f64), s.constant(f64, 2 * M_PI / double(t.n)));
    Value value = wave == Wave::Cosine ? Value(s.create<math::CosOp>(angle))
                                       : Value(s.create<math::SinOp>(angle));
    Value scale = s.constant(f64, t.scale);
    if (halves) {
      Value isOwn = s.logicalOr(
          s.compare(Relation::Equal, k, integer(0)),
          s.compare(Relation::Equal, s.mul(k, integer(2)), integer(t.n)));
      scale = s.select(isOwn, scale, s.constant(f64, 2 * t.scale));
    }
    value = s.mul(value, scale);
    if (end < columns)
      value = s.select(s.compare(Relation::Less, k, integer(end)), value,
                       s.zero(f64));
    return s.cast(value, type);
  });
}

/// x with dimension `dim` multiplied by a matrix: sum_k m[j, k] x[.., k, ..].
static Item multiplied(Call &c, const Item &item, int64_t dim, Value matrix,
                       StringRef suffix) {
  Value x = c.tensor(item);
  Type type = getElementTypeOrSelf(matrix.getType());
  int64_t rows = cast<RankedTensorType>(matrix.getType()).getDimSize(0);
  x = castTo(c, x, type, "float");
  GenericBuilder g = c.generic(suffix);
  DimFactors in;
  for (auto [d, sub] : llvm::enumerate(dimsOf(x)))
    in.push_back(addFactors(
        g, sub, int64_t(d) == dim ? FactorKind::Sum : FactorKind::Parallel));
  DimFactors out = in;
  out[dim].clear();
  if (rows != 1)
    out[dim].push_back(g.factor("j", rows));
  g.operand(x, plainMap(g, in));
  g.operand(matrix, plainMap(g, {out[dim], in[dim]}));
  g.result(type, plainMap(g, out));
  return Item(c.state.fresh(g.build([](ScalarBuilder &s, ValueRange in) {
    return s.mul(in[0], in[1]);
  }),
                            c.op.getName(), c.loc()));
}

static Item combined(Call &c, const Item &x, const Item &y, bool minus,
                     StringRef suffix) {
  ElementwiseOptions options;
  options.compute = x.tensor->type.getElementType();
  options.suffix = suffix;
  return elementwise(c, {x, y}, options, [&](ScalarBuilder &s, ValueRange in) {
    return minus ? s.sub(in[0], in[1]) : s.add(in[0], in[1]);
  });
}

static RankedTensorType typeOf(Call &c, const Parts &x) {
  return cast<RankedTensorType>(c.tensor(x.re).getType());
}

static bool isReal(const Parts &x) { return x.im.isScalar(); }

/// The first `count` elements of the transform of x, which is cut or continued
/// by zeros to n.
static Parts transform(Call &c, const Parts &x, const Transform &t,
                       int64_t count) {
  RankedTensorType type = typeOf(c, x);
  Type element = floatType(type.getElementType());
  int64_t columns = type.getDimSize(t.dim);
  auto matrix = [&](Wave wave) {
    return matrixOf(c, t, count, columns, t.n, wave, element, false);
  };
  Value cosines = matrix(Wave::Cosine), sines = matrix(Wave::Sine);
  // exp(i s a) = cos a + i s sin a, with s = -1 but in the inverse.
  Item re = multiplied(c, x.re, t.dim, cosines, "re");
  Item im = multiplied(c, x.re, t.dim, sines, "im");
  if (isReal(x)) {
    if (!t.isInverse) {
      ElementwiseOptions options;
      options.compute = element;
      im = elementwise(c, {im}, options, [](ScalarBuilder &s, ValueRange in) {
        return s.negate(in[0]);
      });
    }
    return {re, im};
  }
  Item reOfIm = multiplied(c, x.im, t.dim, sines, "re.im");
  Item imOfIm = multiplied(c, x.im, t.dim, cosines, "im.im");
  return {combined(c, re, reOfIm, t.isInverse, "re.sum"),
          combined(c, imOfIm, im, !t.isInverse, "im.sum")};
}

/// The real inverse of half a spectrum.
static Item inverseOfHalf(Call &c, const Parts &x, const Transform &t) {
  RankedTensorType type = typeOf(c, x);
  Type element = floatType(type.getElementType());
  int64_t columns = type.getDimSize(t.dim);
  auto part = [&](const Item &own, Wave wave) {
    return multiplied(c, own, t.dim,
                      matrixOf(c, t, t.n, columns, t.n / 2 + 1, wave, element,
                               /*halves=*/true),
                      wave == Wave::Cosine ? "re" : "im");
  };
  Item re = part(x.re, Wave::Cosine);
  return isReal(x) ? re : combined(c, re, part(x.im, Wave::Sine), true, "");
}

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

namespace {
enum class Kind { Full, HalfOfReal, RealOfHalf };
} // namespace

/// Transforms of `dims` one after the other, with sizes that are given (-1: the
/// dimension's own). Of real tensors the last dimension comes first, of halves
/// it comes last.
static void transformAll(Call &c, ArrayRef<int64_t> dims,
                         ArrayRef<int64_t> sizes, Kind kind, bool isInverse,
                         unsigned norm) {
  Parts x = partsOf(c, c.item(0));
  if (kind == Kind::HalfOfReal && c.item(0).isComplex())
    return c.error("expected a real tensor");
  if (dims.empty())
    return c.error("expected a dimension to transform");
  auto along = [&](size_t number) {
    int64_t dim = dims[number], size = typeOf(c, x).getDimSize(dim);
    bool halves = kind == Kind::RealOfHalf && number + 1 == dims.size();
    int64_t n = sizes.empty() || sizes[number] < 0
                    ? (halves ? 2 * (size - 1) : size)
                    : sizes[number];
    if (n < 1)
      c.error("found " + Twine(n) + " elements to transform");
    Transform t{dim, std::max<int64_t>(n, 1), isInverse, 1};
    t.scale = scaleOf(c, norm, t.n, isInverse);
    return t;
  };
  auto full = [&](size_t number) {
    Transform t = along(number);
    if (!c.failed())
      x = transform(c, x, t, t.n);
  };
  size_t last = dims.size() - 1;
  if (kind == Kind::HalfOfReal) {
    Transform t = along(last);
    if (!c.failed())
      x = transform(c, x, t, t.n / 2 + 1);
  }
  for (size_t number = 0; number < last + (kind == Kind::Full); ++number)
    full(number);
  if (c.failed())
    return;
  if (kind != Kind::RealOfHalf)
    return c.result(Item::makeComplex(x.re, x.im));
  Transform t = along(last);
  if (!c.failed())
    c.result(inverseOfHalf(c, x, t));
}

static int64_t rankOf(Call &c) {
  return typeOf(c, partsOf(c, c.item(0))).getRank();
}

/// fft_*(x, n, dim, norm).
template <Kind kind, bool isInverse> static void one(Call &c) {
  int64_t rank = rankOf(c);
  int64_t dim = c.dimension(2, rank);
  int64_t size = c.isNone(1) ? -1 : c.integer(1);
  if (c.failed() || rank == 0)
    return c.error("expected a dimension to transform");
  transformAll(c, {dim}, {size}, kind, isInverse, 3);
}

/// fft_*2(x, s, dim, norm), fft_*n: all dimensions, or the last ones if sizes
/// are given.
template <Kind kind, bool isInverse> static void several(Call &c) {
  int64_t rank = rankOf(c);
  SmallVector<int64_t> sizes, dims;
  if (!c.isNone(1))
    sizes = c.integers(1);
  if (!c.isNone(2)) {
    for (int64_t dim : c.integers(2))
      dims.push_back(c.dimension(dim, rank, 2));
  } else {
    int64_t count = c.isNone(1) ? rank : int64_t(sizes.size());
    for (int64_t dim = std::max<int64_t>(0, rank - count); dim < rank; ++dim)
      dims.push_back(dim);
  }
  if (!sizes.empty() && sizes.size() != dims.size())
    c.error("found " + Twine(sizes.size()) + " sizes for " +
            Twine(dims.size()) + " dimensions");
  if (!c.failed())
    transformAll(c, dims, sizes, kind, isInverse, 3);
}

void normalize::addFourierRows(Table &table) {
  table.add("aten::fft_fft", one<Kind::Full, false>);
  table.add("aten::fft_ifft", one<Kind::Full, true>);
  table.add("aten::fft_rfft", one<Kind::HalfOfReal, false>);
  table.add("aten::fft_irfft", one<Kind::RealOfHalf, true>);
  table.add({"aten::fft_fft2", "aten::fft_fftn"}, several<Kind::Full, false>);
  table.add({"aten::fft_ifft2", "aten::fft_ifftn"}, several<Kind::Full, true>);
  table.add({"aten::fft_rfft2", "aten::fft_rfftn"},
            several<Kind::HalfOfReal, false>);
  table.add({"aten::fft_irfft2", "aten::fft_irfftn"},
            several<Kind::RealOfHalf, true>);
}
