//===- ChannelNormRows.cpp - Batch norm, instance norm, group norm --------===//
//
// Statistics of channels: of a batch, of one sample, of a group of channels of
// one sample. They differ in the dimensions over which they are taken.
//
//===----------------------------------------------------------------------===//

#include "Rows.h"
#include "ViewBuilder.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::normalize;

namespace {

/// A tensor with some of the dimensions of the normalized one, in their order.
struct Part {
  Value value;
  SmallVector<int64_t> dims;
};

struct Statistics {
  Value mean, variance, rstd;
  int64_t count = 1; ///< of values that each is taken over
};

} // namespace

static SmallVector<int64_t> allDims(Value x) {
  return llvm::to_vector(
      llvm::seq<int64_t>(0, cast<RankedTensorType>(x.getType()).getRank()));
}

/// One generic over the dimensions of `parts[0]`, which has them all; sums over
/// those that are not in `kept`. Elements are cast to `compute` first.
static Value combine(GenericBuilder g, ArrayRef<Part> parts,
                     ArrayRef<int64_t> kept, Type compute, Type result,
                     GenericBuilder::Body body) {
  DimFactors factors;
  for (auto [index, dim] : llvm::enumerate(dimsOf(parts[0].value)))
    factors.push_back(addFactors(g, dim,
                                 llvm::is_contained(kept, int64_t(index))
                                     ? FactorKind::Parallel
                                     : FactorKind::Sum));
  auto mapOf = [&](ArrayRef<int64_t> dims) {
    DimFactors own;
    for (int64_t dim : dims)
      own.push_back(factors[dim]);
    return plainMap(g, own);
  };
  for (const Part &part : parts)
    g.operand(part.value, mapOf(part.dims));
  g.result(result, mapOf(kept));
  return g.build([&](ScalarBuilder &s, ValueRange in) {
    SmallVector<Value> elements;
    for (Value element : in)
      elements.push_back(s.cast(element, compute));
    return s.cast(body(s, elements), result);
  });
}

/// 1 / sqrt(variance + eps), kept for the backward pass.
static Value rstdOf(Call &c, Value variance, Type type, double eps) {
  GenericBuilder g = c.member("rstd");
  g.keep();
  SmallVector<int64_t> dims = allDims(variance);
  return combine(g, {{variance, dims}}, dims, type, type,
                 [&](ScalarBuilder &s, ValueRange in) {
                   return s.create<math::RsqrtOp>(
                       s.add(in[0], s.constant(type, eps)));
                 });
}

/// Over all dimensions of x but `kept`, in two passes.
static Statistics statisticsOf(Call &c, Value x, ArrayRef<int64_t> kept,
                               Type type, double eps) {
  Statistics stats;
  for (auto [index, size] :
       llvm::enumerate(cast<RankedTensorType>(x.getType()).getShape()))
    if (!llvm::is_contained(kept, int64_t(index)))
      stats.count *= size;
  double share = 1.0 / double(std::max<int64_t>(1, stats.count));
  GenericBuilder mean = c.member("mean");
  mean.keep();
  Part whole{x, allDims(x)};
  stats.mean = combine(mean, {whole}, kept, type, type,
                       [&](ScalarBuilder &s, ValueRange in) {
                         return s.mul(in[0], s.constant(type, share));
                       });
  // The variance does not change with the point that it is taken around: it
  // has no derivative by the mean.
  stats.variance = combine(
      c.member("variance"), {whole, {stats.mean, SmallVector<int64_t>(kept)}},
      kept, type, type, [&](ScalarBuilder &s, ValueRange in) {
        Value centered = s.sub(in[0], in[1]);
        Value scaled = s.mul(centered, s.constant(type, share));
        return s.withDerivative(s.mul(centered, scaled), in[0],
                                s.mul(scaled, s.constant(type, 2.0)));
      });
  stats.rstd = rstdOf(c, stats.variance, type, eps);
  return stats;
}

/// (x - mean) rstd weight + bias; weight and bias, which may be none, have the
/// dimensions `affine`.
static Value scaleAndShift(Call &c, Value x, Part mean, Part rstd, Item weight,
                           Item bias, ArrayRef<int64_t> affine, Type type) {
  SmallVector<Part> parts = {{x, allDims(x)}, mean, rstd};
  for (const Item &item : {weight, bias})
    if (!item.isNone())
      parts.push_back({c.tensor(item), SmallVector<int64_t>(affine)});
  return combine(c.member(), parts, allDims(x), type,
                 getElementTypeOrSelf(x.getType()),
                 [&](ScalarBuilder &s, ValueRange in) {
                   Value y = s.mul(s.sub(in[0], in[1]), in[2]);
                   if (!weight.isNone())
                     y = s.mul(y, in[3]);
                   return bias.isNone() ? y : s.add(y, in.back());
                 });
}

/// The type in which statistics are taken: that of the running ones or of the
/// weight if there are any (mixed precision keeps them in f32).
static Type statisticsType(Call &c, ArrayRef<const Item *> items) {
  for (const Item *item : items)
    if (item->isTensor())
      return item->tensor->type.getElementType();
  return c.type(0).getElementType();
}

/// Writes (1 - momentum) running + momentum * scale * statistic; the statistic
/// of several samples is their mean first.
static void updateRunning(Call &c, unsigned index, Value statistic,
                          double scale, double momentum, StringRef name) {
  if (c.isNone(index))
    return;
  TensorRef running = c.alias(index);
  Type type = getElementTypeOrSelf(statistic.getType());
  auto shape = cast<RankedTensorType>(statistic.getType());
  if (shape.getRank() == 2) {
    GenericBuilder average = c.generic((name + ".average").str());
    average.noGradient();
    double share = 1.0 / double(std::max<int64_t>(1, shape.getDimSize(0)));
    statistic = combine(average, {{statistic, {0, 1}}}, {1}, type, type,
                        [&](ScalarBuilder &s, ValueRange in) {
                          return s.mul(in[0], s.constant(type, share));
                        });
  }
  GenericBuilder g = c.generic(name);
  g.noGradient();
  Value updated = combine(
      g, {{statistic, {0}}, {c.tensor(index), {0}}}, {0}, type,
      running->type.getElementType(), [&](ScalarBuilder &s, ValueRange in) {
        return s.add(s.mul(in[1], s.constant(type, 1.0 - momentum)),
                     s.mul(in[0], s.constant(type, momentum * scale)));
      });
  if (failed(c.state.write(running, updated, c.op.getName(), c.loc())))
    c.error("writes into a tensor whose elements overlap (it was expanded)");
}

/// What batch norm and instance norm share. Statistics are of the batch or of
/// each sample (`ofSamples`), or the running ones; input, weight, bias, running
/// mean and variance are the first arguments (the last two only if `tracked`).
static Statistics normalizeChannels(Call &c, bool ofSamples, bool tracked,
                                    bool fromInput, double momentum,
                                    double eps) {
  static const Item none;
  RankedTensorType shape = c.type(0);
  Statistics stats;
  if (shape.getRank() < 2 || !isa<FloatType>(shape.getElementType())) {
    c.error("found a tensor of " + Twine(shape.getRank()) +
            " dimensions, expected floats with a dimension of samples and one "
            "of channels");
    return stats;
  }
  const Item &runningMean = tracked ? c.item(3) : none,
             &runningVariance = tracked ? c.item(4) : none;
  for (unsigned i = 1, e = tracked ? 5 : 3; i < e; ++i)
    if (!c.isNone(i) &&
        c.type(i).getShape() != ArrayRef<int64_t>(shape.getDimSize(1)))
      c.error("argument " + Twine(i) + " has shape " +
              shapeText(c.type(i).getShape()) + ", expected [" +
              Twine(shape.getDimSize(1)) + "], one for each channel");
  Type type = statisticsType(c, {&runningMean, &c.item(1)});
  Value x = c.tensor(0);
  SmallVector<int64_t> kept = {1};
  if (c.failed())
    return stats;
  if (fromInput) {
    if (ofSamples)
      kept = {0, 1};
    stats = statisticsOf(c, x, kept, type, eps);
    if (stats.count == 0 || shape.getDimSize(0) == 0)
      c.error("found no values of a channel to take statistics of");
    // The running variance is unbiased.
    double unbiased =
        double(stats.count) / double(std::max<int64_t>(1, stats.count - 1));
    if (tracked && !c.failed()) {
      updateRunning(c, 3, stats.mean, 1.0, momentum, "running_mean");
      updateRunning(c, 4, stats.variance, unbiased, momentum, "running_var");
    }
  } else if (runningMean.isNone() || runningVariance.isNone()) {
    c.error("found no running mean and variance, expected them where "
            "statistics are not those of the batch");
  } else {
    stats.mean = c.tensor(runningMean);
    stats.rstd = rstdOf(c, c.tensor(runningVariance), type, eps);
  }
  if (!c.failed())
    c.result(scaleAndShift(c, x, {stats.mean, kept}, {stats.rstd, kept},
                           c.item(1), c.item(2), {1}, type));
  return stats;
}

/// batch_norm(x, weight, bias, running_mean, running_var, training, momentum,
///            eps, cudnn_enabled)
static void batchNorm(Call &c) {
  normalizeChannels(c, false, true, c.flag(5), c.real(6), c.real(7));
}

/// Mean and rstd as further results; none where they are the running ones.
static void appendStatistics(Call &c, const Statistics &stats, bool have) {
  for (Value value : {stats.mean, stats.rstd}) {
    if (c.failed())
      return;
    if (have)
      c.result(value);
    else
      c.result(Item::makeMissing("statistics of a batch norm that takes none"));
  }
}

/// The same with mean and rstd as further results.
static void nativeBatchNorm(Call &c) {
  bool training = c.flag(5);
  appendStatistics(
      c, normalizeChannels(c, false, true, training, c.real(6), c.real(7)),
      training);
}

/// (x, weight, bias, training, momentum, eps): no running statistics.
static void nativeBatchNormUntracked(Call &c) {
  bool training = c.flag(3);
  appendStatistics(c,
                   normalizeChannels(c, false, false, training, 0.0, c.real(5)),
                   training);
}

/// instance_norm(x, weight, bias, running_mean, running_var, use_input_stats,
///               momentum, eps, cudnn_enabled)
static void instanceNorm(Call &c) {
  normalizeChannels(c, true, true, c.flag(5), c.real(6), c.real(7));
}

/// Samples [n, c, ...] as [n, groups, c / groups, ...]: statistics are of each
/// group.
static void normalizeGroups(Call &c, int64_t groups, double eps,
                            bool withStatistics) {
  RankedTensorType shape = c.type(0);
  if (shape.getRank() < 2 || !isa<FloatType>(shape.getElementType()) ||
      groups < 1 || shape.getDimSize(1) % groups != 0)
    return c.error("found a tensor of shape " + shapeText(shape.getShape()) +
                   " in " + Twine(groups) +
                   " groups, expected floats and channels that the groups "
                   "divide");
  int64_t channels = shape.getDimSize(1), inner = channels / groups;
  auto part = [&](const Item &item, SmallVector<int64_t> sizes,
                  StringRef suffix) {
    TensorRef view =
        reshapeTo(c, c.state.fresh(c.tensor(item), c.op.getName(), c.loc()),
                  sizes)
            .tensor;
    view->name = (c.op.getName() + "." + suffix).str();
    return Item(view);
  };
  SmallVector<int64_t> sizes = {shape.getDimSize(0), groups, inner};
  llvm::append_range(sizes, shape.getShape().drop_front(2));
  Item weight = c.item(1), bias = c.item(2);
  if (!weight.isNone())
    weight = part(weight, {groups, inner}, "weight");
  if (!bias.isNone())
    bias = part(bias, {groups, inner}, "bias");
  Item x = part(c.item(0), sizes, "groups");
  if (c.failed())
    return;
  Type type = statisticsType(c, {&c.item(1)});
  Statistics stats = statisticsOf(c, c.tensor(x), {0, 1}, type, eps);
  Value y = scaleAndShift(c, c.tensor(x), {stats.mean, {0, 1}},
                          {stats.rstd, {0, 1}}, weight, bias, {1, 2}, type);
  c.result(reshapeTo(c, c.state.fresh(y, c.op.getName(), c.loc()),
                     SmallVector<int64_t>(shape.getShape())));
  if (withStatistics)
    appendStatistics(c, stats, true);
}

/// group_norm(x, groups, weight, bias, eps, cudnn_enabled)
static void groupNorm(Call &c) {
  int64_t groups = c.integer(1);
  double eps = c.real(4);
  c.setArguments({c.item(0), c.item(2), c.item(3)});
  normalizeGroups(c, groups, eps, false);
}

/// native_group_norm(x, weight, bias, n, c, spatial, groups, eps)
static void nativeGroupNorm(Call &c) {
  normalizeGroups(c, c.integer(6), c.real(7), true);
}

void normalize::addChannelNormRows(Table &table) {
  table.add("aten::batch_norm", batchNorm);
  table.add({"aten::native_batch_norm", "aten::_native_batch_norm_legit"},
            nativeBatchNorm);
  table.add("aten::_native_batch_norm_legit.no_stats",
            nativeBatchNormUntracked);
  table.add("aten::instance_norm", instanceNorm);
  table.add("aten::group_norm", groupNorm);
  table.add("aten::native_group_norm", nativeGroupNorm);
}
