//===- PoolingRows.cpp - Maxima and averages of windows -------------------===//

#include "Elementwise.h"
#include "PoolIndices.h"
#include "Rows.h"
#include "Shapes.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::normalize;

namespace {

using Sizes = SmallVector<int64_t>;

/// What a pool is, besides its operand. Without a kernel it is adaptive.
struct Pool {
  bool max = false;
  Sizes output, kernel, stride, padding, dilation;
  int64_t divisor = 0;
  bool countPadding = false;
};

} // namespace

/// A list of one number for each spatial dimension, given as such or as one
/// number for all; `otherwise` if it is empty.
static Sizes sizesOf(Call &c, unsigned index, size_t count,
                     ArrayRef<int64_t> otherwise) {
  Sizes sizes = c.isNone(index) ? Sizes() : c.integers(index);
  if (sizes.empty())
    return Sizes(otherwise);
  if (sizes.size() == 1)
    sizes.assign(count, sizes[0]);
  if (sizes.size() != count) {
    c.error("argument " + Twine(index) + " has " + Twine(sizes.size()) +
            " sizes, expected " + Twine(count));
    sizes.assign(count, 1);
  }
  return sizes;
}

/// The spatial dimensions, the last ones; reports what is no image.
static Sizes spatialSizes(Call &c, size_t count) {
  RankedTensorType type = c.type(0);
  size_t rank = size_t(type.getRank());
  if ((rank == count + 1 || rank == count + 2) &&
      isa<FloatType>(type.getElementType())) {
    Sizes sizes(type.getShape().take_back(count));
    if (!llvm::is_contained(sizes, 0))
      return sizes;
  }
  c.error("found a tensor of shape " + shapeText(type.getShape()) +
          ", expected floats with " + Twine(count) +
          " spatial dimensions that are not empty, after channels and perhaps "
          "samples");
  return Sizes(count, 1);
}

/// One op on a type that the runtime and the interpreter know: half precision
/// takes the way of single precision.
static Value build(Call &c, const Pool &pool, ArrayRef<int64_t> input) {
  Value x = c.tensor(0);
  Type own = getElementTypeOrSelf(x.getType()), type = own;
  if (own.getIntOrFloatBitWidth() < 32)
    type = c.builder().getF32Type();
  x = castTo(c, x, type, "cast");
  auto shape = cast<RankedTensorType>(x.getType());
  size_t count = input.size(), batch = size_t(shape.getRank()) - count;
  std::string name = c.name();
  GenericBuilder g(c.builder(), c.loc(), name);
  DimFactors from, to;
  for (auto [index, dim] : llvm::enumerate(dimsOf(x))) {
    bool isBatch = index < batch;
    from.push_back(addFactors(g, dim,
                              isBatch    ? FactorKind::Parallel
                              : pool.max ? FactorKind::Max
                                         : FactorKind::Sum));
    if (isBatch)
      to.push_back(from.back());
  }
  static constexpr StringLiteral names[] = {"z", "y", "x"};
  for (auto [index, size] : llvm::enumerate(pool.output)) {
    SmallVector<int64_t> &dim = to.emplace_back();
    if (size != 1)
      dim.push_back(g.factor(names[3 - count + index], size));
  }
  IndexMapAttr operandMap = plainMap(g, from), resultMap = plainMap(g, to);
  Builder &b = c.builder();
  auto list = [&](StringRef key, ArrayRef<int64_t> values) {
    return b.getNamedAttr(key, b.getDenseI64ArrayAttr(values));
  };
  SmallVector<NamedAttribute> attributes = {
      list("input", input),          list("output", pool.output),
      list("kernel", pool.kernel),   list("stride", pool.stride),
      list("padding", pool.padding), list("dilation", pool.dilation)};
  if (pool.divisor)
    attributes.push_back(
        b.getNamedAttr("divisor", b.getI64IntegerAttr(pool.divisor)));
  if (pool.countPadding)
    attributes.push_back(b.getNamedAttr("count_padding", b.getUnitAttr()));
  Operation *op = createFactored(
      c.builder(), c.loc(),
      pool.max ? MaxPoolOp::getOperationName()
               : AveragePoolOp::getOperationName(),
      name, g.getFactors(), x, operandMap,
      Type(RankedTensorType::get(resultMap.getShape(), type)), resultMap,
      attributes, {},
      [](ScalarBuilder &, ValueRange) { return SmallVector<Value>(); });
  return castTo(c, op->getResult(0), own, "result");
}

/// Fills in the output sizes of windows; reports those that cannot be.
static void setOutput(Call &c, Pool &pool, ArrayRef<int64_t> input, bool ceil) {
  for (auto [d, in] : llvm::enumerate(input)) {
    int64_t kernel = pool.kernel[d], stride = pool.stride[d],
            padding = pool.padding[d], dilation = pool.dilation[d];
    int64_t extent = dilation * (kernel - 1) + 1;
    if (kernel < 1 || stride < 1 || dilation < 1 || padding < 0 ||
        padding > extent / 2) {
      c.error("found a window of " + Twine(kernel) + " with stride " +
              Twine(stride) + ", padding " + Twine(padding) + " and dilation " +
              Twine(dilation) +
              ", expected positive sizes and a padding of at most half of the "
              "window");
      return;
    }
    int64_t room = in + 2 * padding - extent;
    int64_t size = room < 0 && !(ceil && room + stride > 0)
                       ? 0
                       : (room + (ceil ? stride - 1 : 0)) / stride + 1;
    // The last window begins inside, or in the padding before.
    if (ceil && (size - 1) * stride >= in + padding)
      --size;
    if (size < 1) {
      c.error("found a window of " + Twine(extent) + " elements over " +
              Twine(in) + " with padding " + Twine(padding) +
              ", which has no place");
      return;
    }
    pool.output.push_back(size);
  }
}

/// max_pool(x, kernel, stride, padding, dilation, ceil_mode)
template <unsigned count, bool withIndices> static void maxPool(Call &c) {
  Sizes input = spatialSizes(c, count), one(count, 1), zero(count, 0);
  Pool pool;
  pool.max = true;
  pool.kernel = sizesOf(c, 1, count, one);
  pool.stride = sizesOf(c, 2, count, pool.kernel);
  pool.padding = sizesOf(c, 3, count, zero);
  pool.dilation = sizesOf(c, 4, count, one);
  setOutput(c, pool, input, c.flag(5));
  if (c.failed())
    return;
  c.result(build(c, pool, input));
  if (withIndices)
    c.result(c.op->getNumResults() > 1 && !c.op->getResult(1).use_empty()
                 ? indicesOfPool(c, {pool.output, pool.kernel, pool.stride,
                                     pool.padding, pool.dilation})
                 : Item());
}

/// avg_pool(x, kernel, stride, padding, ceil_mode, count_include_pad,
///          divisor_override): the last not in one dimension.
template <unsigned count> static void averagePool(Call &c) {
  Sizes input = spatialSizes(c, count), one(count, 1), zero(count, 0);
  Pool pool;
  pool.kernel = sizesOf(c, 1, count, one);
  pool.stride = sizesOf(c, 2, count, pool.kernel);
  pool.padding = sizesOf(c, 3, count, zero);
  pool.dilation = one;
  pool.countPadding = c.flag(5);
  setOutput(c, pool, input, c.flag(4));
  if (!c.isNone(6))
    pool.divisor = c.integer(6);
  if (!c.isNone(6) && pool.divisor < 1)
    c.error("found a divisor of " + Twine(pool.divisor) +
            ", expected at least 1");
  if (!c.failed())
    c.result(build(c, pool, input));
}

/// adaptive_pool(x, output sizes); none is the size of the input.
template <unsigned count, bool max> static void adaptivePool(Call &c) {
  Sizes input = spatialSizes(c, count);
  Pool pool;
  pool.max = max;
  if (c.item(1).isList() && c.list(1).size() == count)
    for (auto [d, item] : llvm::enumerate(c.list(1)))
      pool.output.push_back(item.isScalar() ? item.scalar.asInteger()
                                            : input[d]);
  else
    pool.output = sizesOf(c, 1, count, input);
  if (llvm::any_of(pool.output, [](int64_t size) { return size < 1; }))
    c.error("found output sizes " + shapeText(pool.output) +
            ", expected at least 1 each");
  if (c.failed())
    return;
  c.result(build(c, pool, input));
  if (max)
    c.result(Item::makeMissing(
        "the indices of a maximum pool, which are not supported"));
}

void normalize::addPoolingRows(Table &table) {
  table.add("aten::max_pool1d", maxPool<1, false>);
  table.add("aten::max_pool2d", maxPool<2, false>);
  table.add("aten::max_pool3d", maxPool<3, false>);
  table.add("aten::max_pool1d_with_indices", maxPool<1, true>);
  table.add("aten::max_pool2d_with_indices", maxPool<2, true>);
  table.add("aten::max_pool3d_with_indices", maxPool<3, true>);
  table.add("aten::avg_pool1d", averagePool<1>);
  table.add("aten::avg_pool2d", averagePool<2>);
  table.add("aten::avg_pool3d", averagePool<3>);
  table.add("aten::adaptive_avg_pool1d", adaptivePool<1, false>);
  table.add("aten::adaptive_avg_pool2d", adaptivePool<2, false>);
  table.add("aten::adaptive_avg_pool3d", adaptivePool<3, false>);
  table.add("aten::adaptive_max_pool1d", adaptivePool<1, true>);
  table.add("aten::adaptive_max_pool2d", adaptivePool<2, true>);
  table.add("aten::adaptive_max_pool3d", adaptivePool<3, true>);
}
