//===- NormalizationRows.cpp - Layer norm and its relatives ---------------===//

#include "Elementwise.h"
#include "Reductions.h"
#include "Rows.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::normalize;

/// The last dimensions, which `normalized_shape` lists.
static SmallVector<int64_t> normalizedDims(Call &c) {
  RankedTensorType type = c.type(0);
  SmallVector<int64_t> shape = c.integers(1), dims;
  int64_t first = type.getRank() - int64_t(shape.size());
  if (first < 0 || shape.empty() ||
      type.getShape().take_back(shape.size()) != ArrayRef<int64_t>(shape)) {
    c.error("the normalized shape is not that of the last dimensions");
    return dims;
  }
  llvm::append_range(dims, llvm::seq<int64_t>(first, type.getRank()));
  return dims;
}

/// sum over rows of body / n.
static Value meanOf(GenericBuilder g, ArrayRef<Value> inputs,
                    ArrayRef<int64_t> dims, GenericBuilder::Body body) {
  auto rowType = cast<RankedTensorType>(inputs[0].getType());
  Type type = rowType.getElementType();
  double count = double(countReduced(rowType, dims));
  return reduce(g, inputs, dims, true, FactorKind::Sum, type,
                [&](ScalarBuilder &s, ValueRange in) {
                  return s.mul(body(s, in), s.constant(type, 1.0 / count));
                });
}

/// 1 / sqrt(variance + eps), kept for the backward pass.
static Value rstdOf(Call &c, Value variance, double eps) {
  Type type = getElementTypeOrSelf(variance.getType());
  GenericBuilder g = c.member("rstd");
  g.keep();
  return overRows(
      g, {variance}, {}, type, [&](ScalarBuilder &s, ValueRange in) {
        return s.create<math::RsqrtOp>(s.add(in[0], s.constant(type, eps)));
      });
}

/// (x - mean) rstd weight + bias, with weight and bias over the last
/// dimensions, or null.
static Value scaleAndShift(Call &c, Value x, Value mean, Value rstd,
                           const Item &weight, const Item &bias) {
  std::vector<Item> inputs;
  auto add = [&](Value value) {
    inputs.push_back(c.state.fresh(value, c.op.getName(), c.loc()));
  };
  add(x);
  add(rstd);
  if (mean)
    add(mean);
  if (!weight.isNone())
    inputs.push_back(weight);
  if (!bias.isNone())
    inputs.push_back(bias);
  ElementwiseOptions options;
  options.compute = getElementTypeOrSelf(x.getType());
  options.member = true;
  return c.tensor(
      elementwise(c, inputs, options, [&](ScalarBuilder &s, ValueRange in) {
        unsigned next = 2;
        Value y = mean ? s.sub(in[0], in[next++]) : in[0];
        y = s.mul(y, in[1]);
        if (!weight.isNone())
          y = s.mul(y, in[next++]);
        return bias.isNone() ? y : s.add(y, in[next]);
      }));
}

static void layerNorm(Call &c) {
  SmallVector<int64_t> dims = normalizedDims(c);
  Value x = c.tensor(0);
  double eps = c.real(4);
  if (c.failed())
    return;
  GenericBuilder first = c.member("mean");
  first.keep();
  Value mean = meanOf(first, {x}, dims,
                      [](ScalarBuilder &, ValueRange in) { return in[0]; });
  // The variance does not change with the point that it is taken around: it
  // has no derivative by the mean.
  Value variance = meanOf(c.member("variance"), {x, mean}, dims,
                          [](ScalarBuilder &s, ValueRange in) {
                            Value centered =
                                s.withDerivative(s.sub(in[0], in[1]), in[0],
                                                 s.one(in[0].getType()));
                            return s.mul(centered, centered);
                          });
  Value rstd = rstdOf(c, variance, eps);
  c.result(scaleAndShift(c, x, mean, rstd, c.item(2), c.item(3)));
}

/// x / sqrt(mean x^2 + eps); eps is the type's machine epsilon if none.
static void rmsNorm(Call &c) {
  SmallVector<int64_t> dims = normalizedDims(c);
  Value x = c.tensor(0);
  auto type = dyn_cast<FloatType>(c.type(0).getElementType());
  if (!type)
    return c.error("expected floats");
  double eps = c.isNone(3)
                   ? std::ldexp(1.0, 1 - int(APFloat::semanticsPrecision(
                                             type.getFloatSemantics())))
                   : c.real(3);
  if (c.failed())
    return;
  Value square = meanOf(
      c.member("square"), {x}, dims,
      [](ScalarBuilder &s, ValueRange in) { return s.mul(in[0], in[0]); });
  Value rstd = rstdOf(c, square, eps);
  c.result(scaleAndShift(c, x, Value(), rstd, c.item(2), Item()));
}

/// _weight_norm(v, g, dim): v g / |v|, with a norm for each index of `dim`; of
/// all elements if it is -1. T. Salimans, D. Kingma, Weight normalization,
/// 2016.
static void weightNorm(Call &c) {
  Value v = c.tensor(0), g = c.tensor(1);
  int64_t rank = c.type(0).getRank(), dim = c.integer(2);
  Type type = c.type(0).getElementType();
  if (dim < -1 || dim >= rank)
    c.error("found dimension " + Twine(dim) + " of " + Twine(rank));
  if (c.failed())
    return;
  SmallVector<int64_t> reduced;
  for (int64_t d = 0; d < rank; ++d)
    if (d != dim)
      reduced.push_back(d);
  GenericBuilder squares = c.member("squares");
  Value sum = reduce(
      squares, {v}, reduced, true, FactorKind::Sum, type,
      [](ScalarBuilder &s, ValueRange in) { return s.mul(in[0], in[0]); });
  GenericBuilder norm = c.member("norm");
  norm.keep();
  Value length =
      overRows(norm, {sum}, {}, type, [](ScalarBuilder &s, ValueRange in) {
        return s.create<math::SqrtOp>(in[0]);
      });
  ElementwiseOptions options;
  options.compute = type;
  options.member = true;
  c.result(elementwiseValue(c, {v, g, length}, options,
                            [](ScalarBuilder &s, ValueRange in) {
                              return s.mul(in[0], s.div(in[1], in[2]));
                            }));
}

void normalize::addNormalizationRows(Table &table) {
  table.add("aten::_weight_norm", weightNorm);
  table.add("aten::layer_norm", layerNorm);
  table.add("aten::rms_norm", rmsNorm);
}
