//===- InterpolationRows.cpp - Tensors in other resolutions ---------------===//
//
// An interpolation is a product of interpolations of single dimensions, each a
// weighted sum of a few elements: reads by number, whose numbers and weights
// are functions of the index. The last dimension goes first, as in PyTorch.
//
//===----------------------------------------------------------------------===//

#include "Elementwise.h"
#include "Lookup.h"
#include "Rows.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::normalize;

namespace {
/// One dimension, from `in` elements to `out`.
struct Axis {
  int64_t dim, in, out;
  /// Distance in the input of two neighbours of the output.
  double scale;
};
} // namespace

/// The axes of the last dimensions. `..vec(input, output_size, .., factors)`
/// has sizes or a list of factors from argument `first` on; the other form,
/// which traces have, has sizes and a factor or none for each dimension.
static SmallVector<Axis> axesOf(Call &c, int64_t spatial, unsigned first,
                                bool alignCorners) {
  RankedTensorType type = c.type(0);
  if (!isa<FloatType>(type.getElementType()) || type.getRank() != spatial + 2) {
    c.error("expected floats of " + Twine(spatial + 2) + " dimensions");
    return {};
  }
  SmallVector<Item> sizes, factors;
  if (!c.isNone(1))
    sizes.assign(c.list(1).begin(), c.list(1).end());
  if (!c.key().ends_with(".vec")) {
    for (int64_t i = 0; i < spatial; ++i)
      factors.push_back(c.item(first + i));
  } else if (!c.isNone(first)) {
    factors.assign(c.list(first).begin(), c.list(first).end());
  }
  sizes.resize(spatial);
  factors.resize(spatial);
  SmallVector<Axis> axes;
  for (int64_t i = 0; i < spatial; ++i) {
    auto number = [&](const Item &item) {
      double x = item.isScalar() ? item.scalar.asReal() : 0;
      if (!item.isNone() && !(x > 0 && x < 0x1p40))
        c.error("expected sizes and factors above 0");
      return x;
    };
    Axis axis;
    axis.dim = 2 + i;
    axis.in = type.getDimSize(axis.dim);
    double size = number(sizes[i]), factor = number(factors[i]);
    if (sizes[i].isNone() && factors[i].isNone())
      c.error("expected a size or a factor for each dimension");
    axis.out = int64_t(sizes[i].isNone() ? std::floor(axis.in * factor) : size);
    if (!c.failed() && (axis.in < 1 || axis.out < 1))
      c.error("from " + Twine(axis.in) + " to " + Twine(axis.out) +
              " elements, expected at least 1");
    if (c.failed())
      return {};
    axis.scale = factors[i].isNone() ? double(axis.in) / axis.out : 1 / factor;
    if (alignCorners)
      axis.scale = axis.out > 1 ? double(axis.in - 1) / (axis.out - 1) : 0;
    axes.push_back(axis);
  }
  return axes;
}

/// Interpolates one dimension after the other.
static void
overAxes(Call &c, ArrayRef<Axis> axes,
         llvm::function_ref<Value(Value, const Axis &, StringRef)> one) {
  if (c.failed())
    return;
  Value x = c.tensor(0);
  for (const Axis &axis : llvm::reverse(axes))
    if (axis.in != axis.out || axis.scale != 1)
      x = one(x, axis, "dim" + std::to_string(axis.dim));
  c.result(x);
}

//===----------------------------------------------------------------------===//
// The nearest element
//===----------------------------------------------------------------------===//

/// Each element `axis.out / axis.in` times: a new, minor sub-dimension.
static Value repeated(Call &c, Value x, const Axis &axis, StringRef suffix) {
  GenericBuilder g = c.generic(suffix);
  DimFactors from = addFactors(g, dimsOf(x)), to = from;
  to[axis.dim].push_back(g.factor("r", axis.out / axis.in));
  g.operand(x, plainMap(g, from));
  g.result(getElementTypeOrSelf(x.getType()), plainMap(g, to));
  return g.build([](ScalarBuilder &, ValueRange in) { return in[0]; });
}

/// PyTorch computes the place in f32, whatever the type: its roundings are
/// taken over as corrections of the integer formula.
static Value nearest(Call &c, Value x, const Axis &axis, bool exact,
                     StringRef suffix) {
  float scale = axis.scale;
  int64_t twice = exact ? 1 : 0; // (2 o + twice) in / (2 out)
  auto ideal = [&](int64_t o) {
    return std::min((2 * o + twice) * axis.in / (2 * axis.out), axis.in - 1);
  };
  SmallVector<std::pair<int64_t, int64_t>> corrections;
  for (int64_t o = 0; o < axis.out; ++o) {
    float place = exact ? (o + 0.5f) * scale : o * scale;
    int64_t found = std::min(int64_t(std::floor(place)), axis.in - 1);
    if (found != ideal(o))
      corrections.push_back({o, found - ideal(o)});
  }
  if (corrections.empty() && axis.out % axis.in == 0)
    return repeated(c, x, axis, suffix);
  if (corrections.size() > 64) { // factors that do not fit the sizes
    c.error("from " + Twine(axis.in) + " to " + Twine(axis.out) +
            " elements by a factor of " + std::to_string(1 / axis.scale) +
            ", expected the factor that these sizes have (leave out "
            "scale_factor, or set recompute_scale_factor)");
    return x;
  }
  Type i64 = c.builder().getI64Type();
  return readAt(
      c, x, axis.dim, axis.out, suffix, [&](ScalarBuilder &s, ValueRange in) {
        Value number = s.mul(in[0], s.integer(i64, 2 * axis.in));
        if (exact)
          number = s.add(number, s.integer(i64, axis.in));
        Value place =
            s.create<arith::DivSIOp>(number, s.integer(i64, 2 * axis.out));
        place = s.minimum(place, s.integer(i64, axis.in - 1));
        for (auto [o, delta] : corrections) {
          Value here = s.compare(Relation::Equal, in[0], s.integer(i64, o));
          place = s.add(
              place, s.select(here, s.integer(i64, delta), s.integer(i64, 0)));
        }
        return place;
      });
}

/// upsample_nearest(input, output_size, scale_factors).
template <int64_t spatial, bool exact> static void upsampleNearest(Call &c) {
  overAxes(c, axesOf(c, spatial, 2, false),
           [&](Value x, const Axis &axis, StringRef suffix) {
             return nearest(c, x, axis, exact, suffix);
           });
}

//===----------------------------------------------------------------------===//
// Weighted sums of neighbours
//===----------------------------------------------------------------------===//

/// The place in the input of an element of the output, f64.
static Value placeOf(ScalarBuilder &s, const Axis &axis, bool alignCorners,
                     Value index) {
  Type f64 = s.getBuilder().getF64Type();
  Value o = s.cast(index, f64), scale = s.constant(f64, axis.scale);
  if (alignCorners)
    return s.mul(o, scale);
  Value half = s.constant(f64, 0.5);
  return s.sub(s.mul(s.add(o, half), scale), half);
}

/// The weight of tap `tap` at distance t (0 <= t < 1) behind tap 0. Linear:
/// taps 0, 1. Cubic: taps -1 to 2, R. Keys, Cubic convolution interpolation,
/// 1981, with a = -3/4.
static Value weightOf(ScalarBuilder &s, bool cubic, int64_t tap, Value t) {
  Type f64 = s.getBuilder().getF64Type();
  auto number = [&](double x) { return s.constant(f64, x); };
  if (!cubic)
    return tap == 0 ? s.sub(number(1), t) : t;
  constexpr double a = -0.75;
  // The distance from the tap.
  Value d = tap <= 0 ? s.add(t, number(-tap)) : s.sub(number(tap), t);
  if (tap == 0 || tap == 1) // ((a + 2) d - (a + 3)) d d + 1
    return s.add(
        s.mul(s.mul(s.sub(s.mul(number(a + 2), d), number(a + 3)), d), d),
        number(1));
  // ((a d - 5 a) d + 8 a) d - 4 a
  Value inner =
      s.add(s.mul(s.sub(s.mul(number(a), d), number(5 * a)), d), number(8 * a));
  return s.sub(s.mul(inner, d), number(4 * a));
}

static Value weighted(Call &c, Value x, const Axis &axis, bool alignCorners,
                      bool cubic, StringRef suffix) {
  Type i64 = c.builder().getI64Type(), f64 = c.builder().getF64Type();
  Type type = getElementTypeOrSelf(x.getType());
  auto place = [&](ScalarBuilder &s, Value index) {
    Value p = placeOf(s, axis, alignCorners, index);
    return cubic ? p : s.maximum(p, s.zero(f64));
  };
  int64_t first = cubic ? -1 : 0, last = cubic ? 2 : 1;
  SmallVector<Value> taps;
  for (int64_t tap = first; tap <= last; ++tap)
    taps.push_back(readAt(
        c, x, axis.dim, axis.out, (suffix + "tap" + Twine(tap - first)).str(),
        [&](ScalarBuilder &s, ValueRange in) {
          Value base = s.cast(s.create<math::FloorOp>(place(s, in[0])), i64);
          Value number = s.add(base, s.integer(i64, tap));
          number = s.maximum(number, s.integer(i64, 0));
          return s.minimum(number, s.integer(i64, axis.in - 1));
        }));
  GenericBuilder g = c.generic(suffix);
  DimFactors factors = addFactors(g, dimsOf(taps[0]));
  for (Value tap : taps)
    g.operand(tap, plainMap(g, factors));
  g.result(type, plainMap(g, factors));
  return g.build([&](ScalarBuilder &s, ValueRange in) {
    Value p = place(s, mixedRadix(g, s, factors[axis.dim]));
    Value t = s.sub(p, s.create<math::FloorOp>(p)), sum;
    for (auto [index, element] : llvm::enumerate(in)) {
      Value weight = s.cast(weightOf(s, cubic, first + index, t), type);
      Value term = s.mul(weight, element);
      sum = sum ? s.add(sum, term) : term;
    }
    return sum;
  });
}

/// upsample(input, output_size, align_corners, scale_factors).
template <int64_t spatial, bool cubic> static void upsample(Call &c) {
  bool alignCorners = c.flag(2);
  overAxes(c, axesOf(c, spatial, 3, alignCorners),
           [&](Value x, const Axis &axis, StringRef suffix) {
             // Linear ones to the same size are the identity at any factor.
             if (!cubic && axis.in == axis.out)
               return x;
             return weighted(c, x, axis, alignCorners, cubic, suffix);
           });
}

//===----------------------------------------------------------------------===//
// With anti-aliasing
//===----------------------------------------------------------------------===//

/// The weight at a distance from the centre. Cubic: Keys' with a = -1/2.
static Value filterOf(ScalarBuilder &s, bool cubic, Value distance) {
  Type f64 = s.getBuilder().getF64Type();
  auto number = [&](double x) { return s.constant(f64, x); };
  Value d = s.create<math::AbsFOp>(distance);
  if (!cubic)
    return s.maximum(s.sub(number(1), d), number(0));
  constexpr double a = -0.5;
  Value near =
      s.add(s.mul(s.mul(s.sub(s.mul(number(a + 2), d), number(a + 3)), d), d),
            number(1));
  Value far =
      s.mul(number(a),
            s.sub(s.mul(s.add(s.mul(s.sub(d, number(5)), d), number(8)), d),
                  number(4)));
  Value outer =
      s.select(s.compare(Relation::Less, d, number(2)), far, number(0));
  return s.select(s.compare(Relation::Less, d, number(1)), near, outer);
}

/// [out, in]: each element of the output is a mean of all those of the input
/// that the filter, as wide as the elements are apart, reaches. A function of
/// its indices.
static Item meansOf(Call &c, const Axis &axis, bool cubic, Type type,
                    StringRef suffix) {
  Type f64 = c.builder().getF64Type();
  GenericBuilder g = c.generic((suffix + ".filter").str());
  DimFactors dims = addFactors(g, plainDims({axis.out, axis.in}));
  g.result(f64, plainMap(g, dims));
  Value filter = g.build([&](ScalarBuilder &s, ValueRange) {
    auto number = [&](double x) { return s.constant(f64, x); };
    Value o = s.cast(mixedRadix(g, s, dims[0]), f64);
    Value i = s.cast(mixedRadix(g, s, dims[1]), f64);
    Value centre = s.mul(s.add(o, number(0.5)), number(axis.scale));
    Value distance = s.sub(s.add(i, number(0.5)), centre);
    return filterOf(s, cubic,
                    s.div(distance, number(std::max(axis.scale, 1.0))));
  });
  Item weights = c.state.fresh(filter, c.op.getName(), c.loc());
  Item total = c.call("aten::sum.dim_IntList",
                      {weights, c.numbers({1}), c.truth(true), Item()});
  Item means = c.call("aten::div.Tensor", {weights, total});
  if (c.failed())
    return {};
  return c.state.fresh(castTo(c, c.tensor(means), type, suffix), c.op.getName(),
                       c.loc());
}

/// upsample(input, output_size, align_corners, scale_factors) of images.
template <bool cubic> static void upsampleSmoothly(Call &c) {
  SmallVector<Axis> axes = axesOf(c, 2, 3, c.flag(2));
  if (c.failed())
    return;
  Type type = c.type(0).getElementType();
  Item x = c.item(0);
  if (axes[1].in != axes[1].out) {
    Item columns = meansOf(c, axes[1], cubic, type, "columns");
    columns = c.call("aten::transpose.int",
                     {columns, c.number(int64_t(0)), c.number(int64_t(1))});
    x = c.call("aten::matmul", {x, columns});
  }
  if (axes[0].in != axes[0].out)
    x = c.call("aten::matmul", {meansOf(c, axes[0], cubic, type, "rows"), x});
  if (!c.failed())
    c.result(c.tensor(x));
}

void normalize::addInterpolationRows(Table &table) {
  table.add(
      {"aten::_upsample_bilinear2d_aa", "aten::_upsample_bilinear2d_aa.vec"},
      upsampleSmoothly<false>);
  table.add(
      {"aten::_upsample_bicubic2d_aa", "aten::_upsample_bicubic2d_aa.vec"},
      upsampleSmoothly<true>);
  table.add({"aten::upsample_nearest1d", "aten::upsample_nearest1d.vec"},
            upsampleNearest<1, false>);
  table.add({"aten::upsample_nearest2d", "aten::upsample_nearest2d.vec"},
            upsampleNearest<2, false>);
  table.add({"aten::upsample_nearest3d", "aten::upsample_nearest3d.vec"},
            upsampleNearest<3, false>);
  table.add({"aten::_upsample_nearest_exact1d",
             "aten::_upsample_nearest_exact1d.vec"},
            upsampleNearest<1, true>);
  table.add({"aten::_upsample_nearest_exact2d",
             "aten::_upsample_nearest_exact2d.vec"},
            upsampleNearest<2, true>);
  table.add({"aten::_upsample_nearest_exact3d",
             "aten::_upsample_nearest_exact3d.vec"},
            upsampleNearest<3, true>);
  table.add({"aten::upsample_linear1d", "aten::upsample_linear1d.vec"},
            upsample<1, false>);
  table.add({"aten::upsample_bilinear2d", "aten::upsample_bilinear2d.vec"},
            upsample<2, false>);
  table.add({"aten::upsample_trilinear3d", "aten::upsample_trilinear3d.vec"},
            upsample<3, false>);
  table.add({"aten::upsample_bicubic2d", "aten::upsample_bicubic2d.vec"},
            upsample<2, true>);
}
