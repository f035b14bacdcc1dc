//===- ConvolutionRows.cpp - Convolutions, also transposed ----------------===//

#include "Rows.h"
#include "Shapes.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::normalize;

namespace {
/// One number per spatial dimension each.
struct Geometry {
  SmallVector<int64_t> stride, padding, dilation, outputPadding;
  int64_t groups = 1;
  bool transposed = false;
};

/// Positions of the schemas' arguments; -1: there is none.
struct Arguments {
  int stride, padding, dilation, groups, transposed = -1, outputPadding = -1;
};
} // namespace

/// A list of numbers, or one number for all dimensions.
static SmallVector<int64_t> perDimension(Call &c, int index, int64_t spatial,
                                         int64_t otherwise) {
  SmallVector<int64_t> values;
  if (index >= 0 && !c.isNone(index))
    values = c.integers(index);
  else
    values = {otherwise};
  if (values.size() == 1)
    values.resize(spatial, values[0]);
  if (int64_t(values.size()) != spatial && !c.failed())
    c.error("found " + Twine(values.size()) + " numbers in argument " +
            Twine(index) + ", expected one for each of " + Twine(spatial) +
            " spatial dimensions");
  return values;
}

/// `padding` before the first position, as "valid" or "same" say.
static SmallVector<int64_t> paddingByName(Call &c, int index,
                                          ArrayRef<int64_t> taps,
                                          const Geometry &geometry) {
  SmallVector<int64_t> padding(taps.size(), 0);
  StringRef text = c.text(index);
  if (text == "valid")
    return padding;
  if (text != "same")
    c.error("padding '" + text + "' (expected 'same' or 'valid')");
  for (auto [d, size] : llvm::enumerate(taps)) {
    if (geometry.stride[d] != 1)
      c.error("padding 'same' with stride " + Twine(geometry.stride[d]) +
              " (expected 1)");
    padding[d] = geometry.dilation[d] * (size - 1) / 2;
  }
  return padding;
}

/// The spatial sizes of the result.
static SmallVector<int64_t> resultSizes(Call &c, const Geometry &geometry,
                                        ArrayRef<int64_t> input,
                                        ArrayRef<int64_t> taps, bool same) {
  if (same)
    return SmallVector<int64_t>(input);
  SmallVector<int64_t> sizes;
  for (auto [d, size] : llvm::enumerate(input)) {
    int64_t reach = geometry.dilation[d] * (taps[d] - 1) + 1;
    int64_t padding = 2 * geometry.padding[d], stride = geometry.stride[d];
    int64_t own = geometry.transposed ? (size - 1) * stride - padding + reach +
                                            geometry.outputPadding[d]
                                      : (size + padding - reach) / stride + 1;
    if (own < 1 || (!geometry.transposed && size + padding < reach))
      c.error("dimension " + Twine(d) + " of " + Twine(size) +
              " positions is too small for " + Twine(taps[d]) +
              " taps, padding " + Twine(geometry.padding[d]) +
              " and dilation " + Twine(geometry.dilation[d]));
    sizes.push_back(own);
  }
  return sizes;
}

/// The op. `input` is x of a convolution, y of a transposed one.
static Value convolve(Call &c, Value input, Value weight,
                      const Geometry &geometry, ArrayRef<int64_t> sizes) {
  auto inputType = cast<RankedTensorType>(input.getType()),
       weightType = cast<RankedTensorType>(weight.getType());
  bool transposed = geometry.transposed;
  std::string name = c.name();
  GenericBuilder g(c.builder(), c.loc(), name);
  using Factors = SmallVector<int64_t>;
  auto one = [&](const Twine &name, int64_t size, bool inResult) -> Factors {
    if (size == 1)
      return {};
    return {g.factor(name.str(), size,
                     inResult ? FactorKind::Parallel : FactorKind::Sum)};
  };
  Factors sample = addFactors(g, dimsOf(input)[0]);
  Factors group = one("g", geometry.groups, true);
  Factors output =
      one("o", weightType.getDimSize(0) / geometry.groups, !transposed);
  Factors channel = one("c", weightType.getDimSize(1), transposed);
  auto joined = [](Factors major, const Factors &minor) {
    major.append(minor);
    return major;
  };
  DimFactors x = {sample, joined(group, channel)},
             w = {joined(group, output), channel},
             y = {sample, joined(group, output)};
  for (unsigned d = 0, e = sizes.size(); d < e; ++d) {
    int64_t given = inputType.getDimSize(d + 2);
    x.push_back(one("x" + Twine(d), transposed ? sizes[d] : given, transposed));
    w.push_back(one("k" + Twine(d), weightType.getDimSize(d + 2), false));
    y.push_back(
        one("y" + Twine(d), transposed ? given : sizes[d], !transposed));
  }
  IndexMapAttr maps[] = {plainMap(g, transposed ? y : x), plainMap(g, w)};
  IndexMapAttr resultMap = plainMap(g, transposed ? x : y);
  Type type =
      RankedTensorType::get(resultMap.getShape(), inputType.getElementType());
  auto attribute = [&](StringRef name, ArrayRef<int64_t> values) {
    return c.builder().getNamedAttr(name,
                                    c.builder().getDenseI64ArrayAttr(values));
  };
  NamedAttribute attributes[] = {attribute("stride", geometry.stride),
                                 attribute("padding", geometry.padding),
                                 attribute("dilation", geometry.dilation)};
  StringRef op = transposed ? ConvolutionBackwardDataOp::getOperationName()
                            : ConvolutionOp::getOperationName();
  return createFactored(
             c.builder(), c.loc(), op, name, g.getFactors(), {input, weight},
             maps, type, resultMap, attributes, {},
             [](ScalarBuilder &, ValueRange) { return SmallVector<Value>(); })
      ->getResult(0);
}

/// `value` with a first dimension of 1, or without it.
static Value withFirstDimension(Call &c, Value value, bool add) {
  GenericBuilder g = c.generic(add ? "batched" : "unbatched");
  DimFactors dims = addFactors(g, dimsOf(value)), other = dims;
  if (add)
    other.insert(other.begin(), SmallVector<int64_t>());
  else
    other.erase(other.begin());
  g.operand(value, plainMap(g, dims));
  g.result(getElementTypeOrSelf(value.getType()), plainMap(g, other));
  return g.build([](ScalarBuilder &, ValueRange in) { return in[0]; });
}

/// value[n, c, ...] + bias[c].
static Value addBias(Call &c, Value value, Value bias) {
  auto type = cast<RankedTensorType>(value.getType()),
       biasType = cast<RankedTensorType>(bias.getType());
  if (biasType.getRank() != 1 || biasType.getDimSize(0) != type.getDimSize(1) ||
      biasType.getElementType() != type.getElementType()) {
    c.error("found a bias of " + shapeText(biasType.getShape()) +
            ", expected one number of the same dtype for each of " +
            Twine(type.getDimSize(1)) + " channels");
    return value;
  }
  GenericBuilder g = c.generic("bias");
  DimFactors dims = addFactors(g, dimsOf(value));
  g.operand(value, plainMap(g, dims));
  g.operand(bias, plainMap(g, dims[1]));
  g.result(type.getElementType(), plainMap(g, dims));
  return g.build(
      [](ScalarBuilder &s, ValueRange in) { return s.add(in[0], in[1]); });
}

/// input, weight, bias, and the rest where `at` says. `spatial`: dimensions
/// that the op's name asks for, 0: any.
static void convolution(Call &c, const Arguments &at, int64_t spatial,
                        bool transposed) {
  Value input = c.tensor(0), weight = c.tensor(1);
  if (c.failed())
    return;
  auto weightType = cast<RankedTensorType>(weight.getType());
  int64_t rank = weightType.getRank() - 2;
  if (rank < 1 || rank > 3 || (spatial && rank != spatial))
    return c.error("found weights of " + shapeText(weightType.getShape()) +
                   ", expected " +
                   (spatial ? Twine(spatial) : Twine("one to three")) +
                   " spatial dimensions after two of channels");
  auto inputType = cast<RankedTensorType>(input.getType());
  bool batched = inputType.getRank() == rank + 2;
  if (!batched && inputType.getRank() != rank + 1)
    return c.error("found an input of " + shapeText(inputType.getShape()) +
                   " and weights of " + shapeText(weightType.getShape()) +
                   ", expected as many spatial dimensions in both");
  if (!isa<FloatType>(inputType.getElementType()) ||
      inputType.getElementType() != weightType.getElementType())
    return c.error("expected input and weights of one floating-point dtype");

  Geometry geometry;
  geometry.transposed = at.transposed >= 0 ? c.flag(at.transposed) : transposed;
  geometry.groups = c.isNone(at.groups) ? 1 : c.integer(at.groups);
  geometry.stride = perDimension(c, at.stride, rank, 1);
  geometry.dilation = perDimension(c, at.dilation, rank, 1);
  geometry.outputPadding = perDimension(c, at.outputPadding, rank, 0);
  if (c.failed())
    return;
  ArrayRef<int64_t> taps = weightType.getShape().drop_front(2);
  bool named = c.item(at.padding).kind == Item::Kind::Text;
  geometry.padding = named ? paddingByName(c, at.padding, taps, geometry)
                           : perDimension(c, at.padding, rank, 0);
  if (c.failed())
    return;
  auto below = [](int64_t least) {
    return [least](int64_t value) { return value < least; };
  };
  if (llvm::any_of(geometry.stride, below(1)) ||
      llvm::any_of(geometry.dilation, below(1)) ||
      llvm::any_of(geometry.padding, below(0)) ||
      llvm::any_of(geometry.outputPadding, below(0)))
    return c.error("expected strides and dilations of at least 1, and paddings "
                   "of at least 0");
  int64_t channels = inputType.getDimSize(batched ? 1 : 0);
  int64_t expected = weightType.getDimSize(0);
  if (geometry.groups < 1 || weightType.getDimSize(0) % geometry.groups != 0)
    return c.error("found " + Twine(geometry.groups) +
                   " groups and weights of " +
                   shapeText(weightType.getShape()) +
                   ", expected groups that divide their first dimension");
  if (!geometry.transposed)
    expected = weightType.getDimSize(1) * geometry.groups;
  if (channels != expected)
    return c.error("found an input of " + shapeText(inputType.getShape()) +
                   ", expected " + Twine(expected) +
                   " channels as the weights have");
  if (!batched)
    input = withFirstDimension(c, input, /*add=*/true);
  SmallVector<int64_t> sizes = resultSizes(
      c, geometry,
      cast<RankedTensorType>(input.getType()).getShape().drop_front(2), taps,
      named && c.text(at.padding) == "same");
  if (c.failed())
    return;
  Value result = convolve(c, input, weight, geometry, sizes);
  if (!c.isNone(2))
    result = addBias(c, result, c.tensor(2));
  if (!batched)
    result = withFirstDimension(c, result, /*add=*/false);
  if (!c.failed())
    c.result(result);
}

/// (input, weight, bias, stride, padding, dilation, groups)
template <int64_t spatial> static void forward(Call &c) {
  convolution(c, {3, 4, 5, 6}, spatial, /*transposed=*/false);
}

/// (input, weight, bias, stride, padding, output_padding, groups, dilation)
template <int64_t spatial> static void transposed(Call &c) {
  convolution(c, {3, 4, 7, 6, -1, 5}, spatial, /*transposed=*/true);
}

/// (input, weight, bias, stride, padding, dilation, transposed,
/// output_padding, groups, ...)
static void general(Call &c) {
  convolution(c, {3, 4, 5, 8, 6, 7}, 0, /*transposed=*/false);
}

/// conv_tbc(x[t, b, c], weight[k, c, o], bias, pad): of one dimension, with the
/// dimensions in another order.
static void ofTimes(Call &c) {
  auto ordered = [&](const Item &x, ArrayRef<int64_t> order) {
    return c.call("aten::permute", {x, c.numbers(order)});
  };
  auto numbers = [&](int64_t value) { return c.numbers({value}); };
  Item y = c.call("aten::conv1d",
                  {ordered(c.item(0), {1, 2, 0}), ordered(c.item(1), {2, 1, 0}),
                   c.item(2), numbers(1), numbers(c.integer(3)), numbers(1),
                   c.number(int64_t(1))});
  if (!c.failed())
    c.result(c.tensor(ordered(y, {2, 0, 1})));
}

void normalize::addConvolutionRows(Table &table) {
  table.add({"aten::conv1d", "aten::conv1d.padding"}, forward<1>);
  table.add({"aten::conv2d", "aten::conv2d.padding"}, forward<2>);
  table.add({"aten::conv3d", "aten::conv3d.padding"}, forward<3>);
  table.add("aten::_convolution_mode", forward<0>);
  table.add("aten::conv_tbc", ofTimes);
  table.add("aten::conv_transpose1d", transposed<1>);
  table.add("aten::conv_transpose2d.input", transposed<2>);
  table.add("aten::conv_transpose3d.input", transposed<3>);
  table.add({"aten::convolution", "aten::_convolution",
             "aten::_convolution.deprecated"},
            general);
}
