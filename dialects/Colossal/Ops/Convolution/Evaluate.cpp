//===- Evaluate.cpp - Convolution and its derivatives, interpreted --------===//
//
// The equation of Convolution.td, tap by tap of w: at one tap it is a product
// of matrices, of channels by samples and positions.
//
//===----------------------------------------------------------------------===//

#include "Models.h"
#include "Roles.h"
#include "colossal/Reference/EvaluableOp.h"
#include "colossal/Reference/LoopNest.h"
#include "colossal/Reference/MatrixProduct.h"
#include "llvm/Support/Parallel.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::reference;
using convolution::Role;
using convolution::Roles;
using Which = convolution::Tensor;

namespace {
/// A tap of w and the positions that it lets meet: x[i[m]] and y[j[m]].
struct Meetings {
  int64_t tap;
  std::vector<int64_t> i, j;
};
} // namespace

/// stride * y + dilation * k - padding inside x, for each k, in the order of y.
static std::vector<Meetings> meetings(Operation *op, const Roles &roles) {
  auto attribute = [&](StringRef name) -> ArrayRef<int64_t> {
    return op->getAttrOfType<DenseI64ArrayAttr>(name);
  };
  ArrayRef<int64_t> stride = attribute("stride"),
                    padding = attribute("padding"),
                    dilation = attribute("dilation");
  SmallVector<int64_t> x = roles.positions(Which::Input),
                       w = roles.positions(Which::Weights),
                       y = roles.positions(Which::Output);
  std::vector<Meetings> taps = {{0, {0}, {0}}};
  for (unsigned d = 0; d < x.size(); ++d) {
    std::vector<Meetings> finer;
    for (const Meetings &outer : taps)
      for (int64_t k = 0; k < w[d]; ++k) {
        Meetings &all = finer.emplace_back();
        all.tap = outer.tap * w[d] + k;
        for (size_t m = 0; m < outer.i.size(); ++m)
          for (int64_t j = 0; j < y[d]; ++j) {
            int64_t i = stride[d] * j + dilation[d] * k - padding[d];
            if (i < 0 || i >= x[d])
              continue;
            all.i.push_back(outer.i[m] * x[d] + i);
            all.j.push_back(outer.j[m] * y[d] + j);
          }
      }
    taps = std::move(finer);
  }
  return taps;
}

namespace {
/// Elements of x, w and y that belong together, by Which.
using Elements = std::array<const double *, 3>;

/// The equation at one tap, in one group. For each tensor, where the points of
/// a role are: of samples and positions together in x and y.
struct OneTap {
  std::array<std::vector<int64_t>, 3> outputs, channels, places;

  void byElement(Which result, Elements from, double *to) const;
  void byMatrix(Which result, Elements from, double *to) const;
};
} // namespace

/// As the equation says it.
void OneTap::byElement(Which result, Elements from, double *to) const {
  for (size_t o = 0; o < outputs[1].size(); ++o)
    for (size_t c = 0; c < channels[1].size(); ++c)
      for (size_t p = 0; p < places[0].size(); ++p) {
        std::array<int64_t, 3> at;
        for (unsigned t = 0; t < 3; ++t)
          at[t] = outputs[t][o] + channels[t][c] + places[t][p];
        double product = 1.0;
        for (unsigned t = 0; t < 3; ++t)
          if (t != unsigned(result))
            product *= from[t][at[t]];
        to[at[unsigned(result)]] += product;
      }
}

/// The same sums, in the same order.
void OneTap::byMatrix(Which result, Elements from, double *to) const {
  auto [x, w, y] = from;
  switch (result) {
  case Which::Output:
    return addProduct({w, outputs[1], channels[1]}, {x, places[0], channels[0]},
                      to, outputs[2], places[2]);
  case Which::Input:
    return addProduct({w, channels[1], outputs[1]}, {y, places[2], outputs[2]},
                      to, channels[0], places[0]);
  case Which::Weights:
    return addProduct({y, outputs[2], places[2]}, {x, channels[0], places[0]},
                      to, outputs[1], channels[1]);
  }
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
  // Where the points of a role are in each tensor; padding has no points.
  SmallVector<Access> accesses;
  for (IndexMapAttr map : roles.maps)
    accesses.emplace_back(map, nest.factors.size());
  auto pointsOf = [&](Role role) {
    SmallVector<unsigned> factors = roles.of(role);
    std::array<std::vector<int64_t>, 3> points;
    for (unsigned t = 0; t < 3; ++t)
      points[t] = positions(accesses[t], factors, nest.valid);
    return points;
  };
  auto stepOf = [&](Which tensor) {
    return roles.channelsLast && tensor != Which::Weights
               ? roles.map(tensor).getShape().back()
               : 1;
  };
  auto samples = pointsOf(Role::Sample), groups = pointsOf(Role::Group);
  Which which = roles.tensors[2];
  OneTap one;
  one.outputs = pointsOf(Role::OutputChannel);
  one.channels = pointsOf(Role::InputChannel);
  for (const Meetings &meeting : meetings(op, roles)) {
    for (std::vector<int64_t> &places : one.places)
      places.clear();
    for (size_t n = 0; n < samples[0].size(); ++n)
      for (size_t m = 0; m < meeting.i.size(); ++m) {
        one.places[0].push_back(samples[0][n] +
                                meeting.i[m] * stepOf(Which::Input));
        one.places[1].push_back(0);
        one.places[2].push_back(samples[2][n] +
                                meeting.j[m] * stepOf(Which::Output));
      }
    auto inGroup = [&](size_t g) {
      std::array<int64_t, 3> begin = {groups[0][g], groups[1][g] + meeting.tap,
                                      groups[2][g]};
      Elements from = {};
      for (unsigned i = 0; i < 2; ++i) {
        unsigned t = unsigned(roles.tensors[i]);
        from[t] = operands[i]->floats.data() + begin[t];
      }
      double *to = result.floats.data() + begin[unsigned(which)];
      if (options.fastPaths)
        one.byMatrix(which, from, to);
      else
        one.byElement(which, from, to);
    };
    // One group is left to the threads of its product.
    if (groups[0].size() == 1)
      inGroup(0);
    else
      llvm::parallelFor(0, groups[0].size(), inGroup);
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
