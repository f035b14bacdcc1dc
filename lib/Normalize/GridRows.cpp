//===- GridRows.cpp - Images at the points of a grid ----------------------===//
//
// The points around a place are read by number, and weighted by how far they
// are: each corner is a look-up of pixels, of which those outside of the image
// read zero. Derivatives by the grid are those of the weights.
//
//===----------------------------------------------------------------------===//

#include "Elementwise.h"
#include "Rows.h"
#include "Shapes.h"
#include "Unary.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::normalize;

namespace {
enum class Outside { Zeros, Border, Reflection };

struct Grid {
  Call &c;
  Value image;                ///< [n, c, sizes..]
  SmallVector<int64_t> sizes; ///< of the image, slowest first
  Outside outside;
  bool alignCorners;
  Type type;
};
} // namespace

/// A number and its derivative by what it came from.
static Value constantLike(ScalarBuilder &s, Value x, double number) {
  return s.constant(x.getType(), number);
}

/// x within 0 and `last`, without a derivative there and beyond; NaN is 0.
static Value withinBorder(ScalarBuilder &s, Value x, double last) {
  Value low = constantLike(s, x, 0), high = constantLike(s, x, last);
  x = s.select(s.compare(Relation::Greater, x, low), x, low);
  return s.select(s.compare(Relation::Less, x, high), x, high);
}

/// x thrown back at `low` and at `low` + `span`, as often as it takes.
static Value reflected(ScalarBuilder &s, Value x, double low, double span) {
  Value zero = constantLike(s, x, 0);
  if (span <= 0)
    return zero;
  Value width = constantLike(s, x, span), start = constantLike(s, x, low);
  Value shifted = s.sub(x, start);
  Value distance = s.select(s.compare(Relation::Less, shifted, zero),
                            s.negate(shifted), shifted);
  Value rest = s.withDerivative(s.create<arith::RemFOp>(distance, width),
                                distance, constantLike(s, x, 1));
  Value times = s.create<math::FloorOp>(s.div(distance, width));
  Value half = s.create<math::FloorOp>(s.mul(times, constantLike(s, x, 0.5)));
  Value isEven = s.compare(Relation::Equal, s.add(half, half), times);
  return s.add(s.select(isEven, rest, s.sub(width, rest)), start);
}

/// Coordinate `axis` of all points, in pixels: [n, points..].
static Value pixelsOf(const Grid &grid, Item points, int64_t axis) {
  Call &c = grid.c;
  int64_t size = grid.sizes[axis], last = int64_t(grid.sizes.size()) - 1;
  // The last coordinate is that of the slowest dimension.
  Item own = c.call("aten::select.int",
                    {points, c.number(int64_t(-1)), c.number(last - axis)});
  ElementwiseOptions options;
  options.compute = grid.type;
  std::string suffix = "pixel" + std::to_string(axis);
  options.suffix = suffix;
  return c.tensor(
      elementwise(c, {own}, options, [&](ScalarBuilder &s, ValueRange in) {
        auto number = [&](double value) {
          return constantLike(s, in[0], value);
        };
        Value x = s.add(in[0], number(1));
        if (grid.alignCorners)
          x = s.mul(s.mul(x, number(0.5)), number(double(size - 1)));
        else
          x = s.mul(s.sub(s.mul(x, number(double(size))), number(1)),
                    number(0.5));
        if (grid.outside == Outside::Reflection)
          x = grid.alignCorners ? reflected(s, x, 0, double(size - 1))
                                : reflected(s, x, -0.5, double(size));
        return grid.outside == Outside::Zeros
                   ? x
                   : withinBorder(s, x, double(size - 1));
      }));
}

/// The numbers of the pixels at whole coordinates `at`, plus 1 where `upper`
/// says so; -1 outside of the image. i64.
static Value numbersAt(const Grid &grid, ArrayRef<Value> at, unsigned upper,
                       StringRef suffix) {
  ElementwiseOptions options;
  options.types.assign(at.size(), grid.type);
  options.result = grid.c.builder().getI64Type();
  options.suffix = suffix;
  return elementwiseValue(
      grid.c, at, options, [&](ScalarBuilder &s, ValueRange in) {
        Value number, isInside;
        for (auto [axis, x] : llvm::enumerate(in)) {
          if (upper >> axis & 1)
            x = s.add(x, s.one(grid.type));
          Value limit = constantLike(s, x, double(grid.sizes[axis]));
          Value inside = s.logicalAnd(
              s.compare(Relation::GreaterEqual, x, s.zero(grid.type)),
              s.compare(Relation::Less, x, limit));
          // What is outside may have no integer.
          Value whole =
              s.cast(s.select(inside, x, s.zero(grid.type)), options.result);
          number = number ? s.add(s.mul(number, s.integer(options.result,
                                                          grid.sizes[axis])),
                                  whole)
                          : whole;
          isInside = isInside ? s.logicalAnd(isInside, inside) : inside;
        }
        return s.select(isInside, number, s.integer(options.result, -1));
      });
}

/// The pixels of these numbers: [n, c, points..].
static Value pixels(const Grid &grid, Value numbers, StringRef suffix) {
  GenericBuilder g = grid.c.generic(suffix);
  Dims image = dimsOf(grid.image), points = dimsOf(numbers);
  DimFactors from, to, ofNumbers;
  SmallVector<int64_t> place;
  for (auto [index, dim] : llvm::enumerate(image)) {
    bool isPlace = index >= 2;
    from.push_back(
        addFactors(g, dim, isPlace ? FactorKind::Sum : FactorKind::Parallel));
    if (isPlace)
      place.append(from.back());
  }
  to = {from[0], from[1]};
  ofNumbers = {from[0]};
  for (const Dim &dim : ArrayRef<Dim>(points).drop_front()) {
    to.push_back(addFactors(g, dim));
    ofNumbers.push_back(to.back());
  }
  g.operand(numbers, plainMap(g, ofNumbers));
  g.operand(grid.image, plainMap(g, from));
  g.result(grid.type, plainMap(g, to));
  return g.build([&](ScalarBuilder &s, ValueRange in) {
    return whereId(g, s, in[1], place, in[0]);
  });
}

/// The nearest pixel; halves go to the even one.
static Value nearest(const Grid &grid, ArrayRef<Value> places) {
  SmallVector<Value> whole;
  for (auto [axis, place] : llvm::enumerate(places)) {
    ElementwiseOptions options;
    options.compute = grid.type;
    std::string suffix = "near" + std::to_string(axis);
    options.suffix = suffix;
    whole.push_back(elementwiseValue(
        grid.c, {place}, options, [](ScalarBuilder &s, ValueRange in) {
          return s.create<math::RoundEvenOp>(in[0]);
        }));
  }
  return pixels(grid, numbersAt(grid, whole, 0, "number"), "");
}

/// The corners around each place, in all axes, weighted.
static Value linear(const Grid &grid, ArrayRef<Value> places) {
  unsigned axes = places.size();
  SmallVector<Value> lower, inputs;
  for (auto [axis, place] : llvm::enumerate(places)) {
    ElementwiseOptions options;
    options.compute = grid.type;
    std::string suffix = "lower" + std::to_string(axis);
    options.suffix = suffix;
    lower.push_back(elementwiseValue(grid.c, {place}, options,
                                     [](ScalarBuilder &s, ValueRange in) {
                                       return s.create<math::FloorOp>(in[0]);
                                     }));
  }
  for (unsigned corner = 0; corner < 1u << axes; ++corner) {
    std::string suffix = "corner" + std::to_string(corner);
    Value numbers = numbersAt(grid, lower, corner, suffix + ".number");
    inputs.push_back(pixels(grid, numbers, suffix));
  }
  GenericBuilder g = grid.c.generic();
  DimFactors factors = addFactors(g, dimsOf(inputs[0])), ofPlaces = factors;
  ofPlaces.erase(ofPlaces.begin() + 1);
  for (Value corner : inputs)
    g.operand(corner, plainMap(g, factors));
  for (Value place : places)
    g.operand(place, plainMap(g, ofPlaces));
  g.result(grid.type, plainMap(g, factors));
  return g.build([&](ScalarBuilder &s, ValueRange in) {
    SmallVector<std::pair<Value, Value>> weights; // of the lower, of the upper
    for (Value place : in.drop_front(1u << axes)) {
      Value rest = s.sub(place, s.create<math::FloorOp>(place));
      weights.push_back({s.sub(s.one(grid.type), rest), rest});
    }
    Value sum;
    for (unsigned corner = 0; corner < 1u << axes; ++corner) {
      Value weight;
      for (auto [axis, own] : llvm::enumerate(weights)) {
        Value factor = corner >> axis & 1 ? own.second : own.first;
        weight = weight ? s.mul(weight, factor) : factor;
      }
      Value term = s.mul(in[corner], weight);
      sum = sum ? s.add(sum, term) : term;
    }
    return sum;
  });
}

/// grid_sampler(image [n, c, ..], grid [n, .., axes], mode, padding,
/// align_corners).
static void gridSampler(Call &c) {
  RankedTensorType image = c.type(0), points = c.type(1);
  int64_t axes = image.getRank() - 2, mode = c.integer(2),
          padding = c.integer(3);
  bool alignCorners = c.flag(4);
  if (c.failed())
    return;
  if ((axes != 2 && axes != 3) || points.getRank() != axes + 2 ||
      points.getShape().back() != axes ||
      points.getDimSize(0) != image.getDimSize(0) ||
      !isa<FloatType>(image.getElementType()) ||
      points.getElementType() != image.getElementType())
    return c.error("found images of shape " + shapeText(image.getShape()) +
                   " and a grid of shape " + shapeText(points.getShape()) +
                   ", expected images of two or three dimensions and as many "
                   "coordinates for each point");
  if (mode > 1)
    return c.error("interpolates by cubics, expected linear or nearest");
  if (image.getNumElements() == 0)
    return c.error("an image without pixels");
  Grid grid{c,
            c.tensor(0),
            SmallVector<int64_t>(image.getShape().drop_front(2)),
            Outside(padding),
            alignCorners,
            image.getElementType()};
  SmallVector<Value> places;
  for (int64_t axis = 0; axis < axes && !c.failed(); ++axis)
    places.push_back(pixelsOf(grid, Item(c.alias(1)), axis));
  if (!c.failed())
    c.result(mode == 0 ? linear(grid, places) : nearest(grid, places));
}

/// affine_grid_generator(theta [n, axes, axes + 1], size, align_corners):
/// theta (x, y, .., 1) of each point.
static void affineGrid(Call &c) {
  RankedTensorType theta = c.type(0);
  SmallVector<int64_t> size = c.integers(1);
  bool corners = c.flag(2);
  int64_t axes = int64_t(size.size()) - 2;
  if (c.failed() || (axes != 2 && axes != 3) || theta.getRank() != 3 ||
      theta.getDimSize(1) != axes || theta.getDimSize(2) != axes + 1)
    return c.error("found matrices of shape " + shapeText(theta.getShape()) +
                   " for images of shape " + shapeText(size) +
                   ", expected two or three dimensions");
  Type type = theta.getElementType();
  SmallVector<int64_t> shape(ArrayRef(size).drop_front(2));
  shape.push_back(axes + 1);
  GenericBuilder g = c.generic("points");
  DimFactors dims = addFactors(g, plainDims(shape));
  g.result(type, plainMap(g, dims));
  Value points = g.build([&](ScalarBuilder &s, ValueRange) -> Value {
    auto at = [&](int64_t axis) {
      double count = double(shape[axis]);
      double step = corners ? 2.0 / std::max(count - 1, 1.0) : 2.0 / count;
      double first = count == 1 ? 0.0 : corners ? -1.0 : 1.0 / count - 1.0;
      Value index = s.cast(mixedRadix(g, s, dims[axis]), type);
      return s.add(s.mul(index, s.constant(type, step)),
                   s.constant(type, first));
    };
    Value number = mixedRadix(g, s, dims.back()), chosen = s.one(type);
    for (int64_t i = 0; i < axes; ++i)
      chosen = s.select(
          s.compare(Relation::Equal, number, s.integer(number.getType(), i)),
          at(axes - 1 - i), chosen);
    return chosen;
  });
  int64_t count = 1;
  for (int64_t extent : ArrayRef(shape).drop_back())
    count *= extent;
  Item flat = c.call("aten::reshape",
                     {Item(c.state.fresh(points, c.op.getName(), c.loc())),
                      c.numbers({count, axes + 1})});
  Item turned = c.call("aten::transpose.int",
                       {c.item(0), c.number(int64_t(1)), c.number(int64_t(2))});
  Item moved = c.call("aten::matmul", {flat, turned});
  SmallVector<int64_t> sizes = {size[0]};
  sizes.append(shape.begin(), shape.end() - 1);
  sizes.push_back(axes);
  c.result(c.call("aten::reshape", {moved, c.numbers(sizes)}));
}

void normalize::addGridRows(Table &table) {
  table.add(
      {"aten::grid_sampler", "aten::grid_sampler_2d", "aten::grid_sampler_3d"},
      gridSampler);
  table.add("aten::affine_grid_generator", affineGrid);
}
