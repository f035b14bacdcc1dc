//===- Evaluate.cpp - Convolution and its derivatives, interpreted --------===//
//
// The equation of Convolution.td, term by term: every product of an element of
// x or y and one of w, or of x and y, is added to the element of the third
// tensor.
//
//===----------------------------------------------------------------------===//

#include "Models.h"
#include "Roles.h"
#include "colossal/Reference/EvaluableOp.h"
#include "colossal/Reference/LoopNest.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::reference;
using convolution::Role;
using convolution::Roles;
using Which = convolution::Tensor;

/// Offsets of one element in x, w and y.
using Point = std::array<int64_t, 3>;

/// The positions that meet: stride * y + dilation * k - padding inside x.
static std::vector<Point> meetings(Operation *op, const Roles &roles) {
  auto attribute = [&](StringRef name) -> ArrayRef<int64_t> {
    return op->getAttrOfType<DenseI64ArrayAttr>(name);
  };
  ArrayRef<int64_t> stride = attribute("stride"),
                    padding = attribute("padding"),
                    dilation = attribute("dilation");
  SmallVector<int64_t> x = roles.positions(Which::Input),
                       w = roles.positions(Which::Weights),
                       y = roles.positions(Which::Output);
  std::vector<Point> points = {Point{0, 0, 0}};
  for (unsigned d = 0; d < x.size(); ++d) {
    std::vector<Point> finer;
    for (const Point &point : points)
      for (int64_t j = 0; j < y[d]; ++j)
        for (int64_t k = 0; k < w[d]; ++k) {
          int64_t i = stride[d] * j + dilation[d] * k - padding[d];
          if (i >= 0 && i < x[d])
            finer.push_back({point[0] * x[d] + i, point[1] * w[d] + k,
                             point[2] * y[d] + j});
        }
    points = std::move(finer);
  }
  if (roles.channelsLast)
    // All channels lie between two positions.
    for (Point &point : points)
      for (Which tensor : {Which::Input, Which::Output})
        point[unsigned(tensor)] *= roles.map(tensor).getShape().back();
  return points;
}

static FailureOr<Tensors> evaluateConvolution(Operation *op,
                                              ArrayRef<TensorRef> operands,
                                              const Place &place,
                                              const Options &options) {
  FactoredOp factored(op);
  Roles roles(factored);
  LoopNest nest(factored, place);
  Tensor result =
      Tensor::zeros(cast<RankedTensorType>(op->getResult(0).getType()));
  // Offsets in x, w and y of all points of a role; padding has no points.
  SmallVector<Access> accesses;
  for (IndexMapAttr map : roles.maps)
    accesses.emplace_back(map, nest.factors.size());
  auto pointsOf = [&](Role role) {
    SmallVector<unsigned> factors = roles.of(role);
    std::vector<Point> points;
    if (llvm::any_of(factors, [&](unsigned f) { return nest.valid[f] <= 0; }))
      return points;
    std::vector<int64_t> offsets[3];
    for (unsigned t = 0; t < 3; ++t)
      offsets[t] = positions(accesses[t], factors, nest.valid);
    for (size_t i = 0; i < offsets[0].size(); ++i)
      points.push_back({offsets[0][i], offsets[1][i], offsets[2][i]});
    return points;
  };
  const double *inputs[3] = {};
  for (unsigned i = 0; i < 2; ++i)
    inputs[unsigned(roles.tensors[i])] = operands[i]->floats.data();
  unsigned a = unsigned(roles.tensors[0]), b = unsigned(roles.tensors[1]),
           r = unsigned(roles.tensors[2]);
  std::vector<Point> meeting = meetings(op, roles),
                     outputs = pointsOf(Role::OutputChannel),
                     channels = pointsOf(Role::InputChannel),
                     groups = pointsOf(Role::Group);
  for (const Point &n : pointsOf(Role::Sample))
    for (const Point &g : groups)
      for (const Point &o : outputs)
        for (const Point &c : channels) {
          auto base = [&](unsigned t) { return n[t] + g[t] + o[t] + c[t]; };
          const double *left = inputs[a] + base(a),
                       *right = inputs[b] + base(b);
          double *sum = result.floats.data() + base(r);
          for (const Point &p : meeting)
            sum[p[r]] += left[p[a]] * right[p[b]];
        }
  if (options.float32 && getElementTypeOrSelf(op->getResult(0)).isF32())
    for (double &value : result.floats)
      value = double(float(value));
  return Tensors{share(std::move(result))};
}

namespace {
template <class Op>
struct Evaluation : EvaluableOp::ExternalModel<Evaluation<Op>, Op> {
  FailureOr<Tensors> evaluate(Operation *op, ArrayRef<TensorRef> operands,
                              const Place &place,
                              const Options &options) const {
    return evaluateConvolution(op, operands, place, options);
  }
};
} // namespace

void convolution::attachEvaluation(MLIRContext *context) {
  ConvolutionOp::attachInterface<Evaluation<ConvolutionOp>>(*context);
  ConvolutionBackwardDataOp::attachInterface<
      Evaluation<ConvolutionBackwardDataOp>>(*context);
  ConvolutionBackwardWeightsOp::attachInterface<
      Evaluation<ConvolutionBackwardWeightsOp>>(*context);
}
