//===- Evaluate.cpp - Convolution and its derivatives, interpreted --------===//
//
// The equation of Convolution.td, plane by plane: the positions of one sample
// and channel of x and y lie side by side, wherever they are in memory, and a
// tap of w meets a row of them at a time.
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

namespace {
/// Positions of one tap: i + stride * n in x and j + n in y, for n < count.
struct Run {
  int64_t i, tap, j, count, stride;
};
} // namespace

/// The positions that meet, stride * y + dilation * k - padding inside x, where
/// all but the last dimension are one point.
static std::vector<Run> meetings(Operation *op, const Roles &roles) {
  auto attribute = [&](StringRef name) -> ArrayRef<int64_t> {
    return op->getAttrOfType<DenseI64ArrayAttr>(name);
  };
  ArrayRef<int64_t> stride = attribute("stride"),
                    padding = attribute("padding"),
                    dilation = attribute("dilation");
  SmallVector<int64_t> x = roles.positions(Which::Input),
                       w = roles.positions(Which::Weights),
                       y = roles.positions(Which::Output);
  std::vector<Run> runs = {Run{0, 0, 0, 1, 1}};
  for (unsigned d = 0; d < x.size(); ++d) {
    std::vector<Run> finer;
    for (const Run &run : runs)
      for (int64_t k = 0; k < w[d]; ++k) {
        // The first and the last y inside: 0 <= stride * j + shift < x.
        int64_t shift = dilation[d] * k - padding[d];
        int64_t first = shift >= 0 ? 0 : (-shift + stride[d] - 1) / stride[d];
        int64_t end = x[d] <= shift
                          ? 0
                          : std::min(y[d], (x[d] - 1 - shift) / stride[d] + 1);
        Run next = {run.i * x[d] + stride[d] * first + shift,
                    run.tap * w[d] + k, run.j * y[d] + first, end - first,
                    stride[d]};
        if (d + 1 == x.size() && first < end)
          finer.push_back(next);
        for (int64_t j = first; d + 1 < x.size() && j < end; ++j)
          finer.push_back({next.i + stride[d] * (j - first), next.tap,
                           next.j + j - first, 1, 1});
      }
    runs = std::move(finer);
  }
  return runs;
}

/// x w of one run, added to y; with the same planes, what the derivatives add.
template <unsigned result>
static void meet(ArrayRef<Run> runs, double *x, double *w, double *y) {
  for (const Run &run : runs) {
    double *in = x + run.i, *out = y + run.j, tap = w[run.tap];
    if (result == unsigned(Which::Weights)) {
      double sums[4] = {}; // apart, so that additions need not wait
      int64_t n = 0;
      for (; n + 4 <= run.count; n += 4)
        for (int64_t s = 0; s < 4; ++s)
          sums[s] += in[(n + s) * run.stride] * out[n + s];
      for (; n < run.count; ++n)
        sums[0] += in[n * run.stride] * out[n];
      w[run.tap] += (sums[0] + sums[1]) + (sums[2] + sums[3]);
    } else if (result == unsigned(Which::Output)) {
      if (run.stride == 1)
        for (int64_t n = 0; n < run.count; ++n)
          out[n] += in[n] * tap;
      else
        for (int64_t n = 0; n < run.count; ++n)
          out[n] += in[n * run.stride] * tap;
    } else {
      if (run.stride == 1)
        for (int64_t n = 0; n < run.count; ++n)
          in[n] += out[n] * tap;
      else
        for (int64_t n = 0; n < run.count; ++n)
          in[n * run.stride] += out[n] * tap;
    }
  }
}

namespace {
/// Planes of a tensor, one behind the other.
struct Planes {
  Planes(const Roles &roles, Which tensor) {
    for (int64_t n : roles.positions(tensor))
      size *= n;
    if (roles.channelsLast && tensor != Which::Weights)
      step = roles.map(tensor).getShape().back();
  }
  /// Makes room for planes that begin at these offsets of the tensor.
  void place(std::vector<int64_t> starts) {
    begins = std::move(starts);
    values.assign(begins.size() * size, 0.0);
  }
  void load(const double *from) {
    for (size_t p = 0; p < begins.size(); ++p)
      for (int64_t i = 0; i < size; ++i)
        values[p * size + i] = from[begins[p] + i * step];
  }
  void addTo(double *to) const {
    for (size_t p = 0; p < begins.size(); ++p)
      for (int64_t i = 0; i < size; ++i)
        to[begins[p] + i * step] += values[p * size + i];
  }
  double *plane(size_t p) { return values.data() + p * size; }

  int64_t size = 1, step = 1;
  std::vector<int64_t> begins;
  std::vector<double> values;
};
} // namespace

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
  std::vector<Run> runs = meetings(op, roles);
  std::vector<Point> outputs = pointsOf(Role::OutputChannel),
                     channels = pointsOf(Role::InputChannel),
                     groups = pointsOf(Role::Group);
  unsigned r = unsigned(roles.tensors[2]);
  Planes planes[3] = {Planes(roles, Which::Input),
                      Planes(roles, Which::Weights),
                      Planes(roles, Which::Output)};
  for (const Point &n : pointsOf(Role::Sample))
    for (const Point &g : groups) {
      std::vector<int64_t> begins[3];
      auto begin = [&](unsigned t, int64_t offset) {
        begins[t].push_back(n[t] + g[t] + offset);
      };
      for (const Point &c : channels)
        begin(unsigned(Which::Input), c[unsigned(Which::Input)]);
      for (const Point &o : outputs) {
        begin(unsigned(Which::Output), o[unsigned(Which::Output)]);
        for (const Point &c : channels)
          begin(unsigned(Which::Weights),
                o[unsigned(Which::Weights)] + c[unsigned(Which::Weights)]);
      }
      for (unsigned t = 0; t < 3; ++t)
        planes[t].place(std::move(begins[t]));
      for (unsigned i = 0; i < 2; ++i)
        planes[unsigned(roles.tensors[i])].load(operands[i]->floats.data());
      for (size_t o = 0; o < outputs.size(); ++o)
        for (size_t c = 0; c < channels.size(); ++c) {
          double *x = planes[0].plane(c), *y = planes[2].plane(o),
                 *w = planes[1].plane(o * channels.size() + c);
          if (r == 0)
            meet<0>(runs, x, w, y);
          else if (r == 1)
            meet<1>(runs, x, w, y);
          else
            meet<2>(runs, x, w, y);
        }
      planes[r].addTo(result.floats.data());
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
