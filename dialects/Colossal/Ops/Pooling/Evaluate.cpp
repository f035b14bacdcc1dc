//===- Evaluate.cpp - Pools, interpreted ----------------------------------===//

#include "Models.h"
#include "Roles.h"
#include "colossal/Reference/EvaluableOp.h"
#include "colossal/Reference/LoopNest.h"
#include <cmath>
#include <limits>

using namespace mlir;
using namespace colossal;
using namespace colossal::pooling;
using namespace colossal::reference;

namespace {
/// One window: positions among the input elements, in order; what a mean of it
/// divides by.
struct Window {
  std::vector<int64_t> elements;
  double divisor = 1.0;
};
} // namespace

/// The windows of all outputs, in order.
static std::vector<Window> windowsOf(const Pool &pool) {
  std::vector<Window> windows = {{{0}, 1.0}};
  for (const rank::PoolDim &dim : pool.dims) {
    std::vector<Window> finer;
    for (const Window &outer : windows)
      for (int64_t o = 0; o < dim.output; ++o) {
        rank::PoolWindow window = rank::windowOf(dim, o);
        Window &both = finer.emplace_back();
        both.divisor =
            outer.divisor *
            double(pool.countPadding ? window.padded : window.size());
        for (int64_t element : outer.elements)
          for (int64_t i = window.begin; i < window.end; i += window.step)
            both.elements.push_back(element * dim.input + i);
      }
    windows = std::move(finer);
  }
  if (pool.divisor != 0)
    for (Window &window : windows)
      window.divisor = double(pool.divisor);
  return windows;
}

/// The number of the window's maximum among the input elements: the first of
/// equals, the last NaN; -1 if there is no element.
static int64_t maximumOf(const Window &window, const double *x,
                         ArrayRef<int64_t> inputs) {
  int64_t best = -1;
  for (int64_t element : window.elements) {
    double value = x[inputs[element]];
    if (best < 0 || value > x[inputs[best]] || std::isnan(value))
      best = element;
  }
  return best;
}

static Tensors evaluatePool(FactoredOp op, ArrayRef<TensorRef> operands,
                            const Place &place, const Options &options) {
  Pool pool(op);
  LoopNest nest(op, place);
  unsigned count = nest.factors.size();
  SmallVector<unsigned> batch = pool.factorsOf(Role::Batch),
                        inputFactors = pool.factorsOf(Role::Input),
                        outputFactors = pool.factorsOf(Role::Output);
  auto type = cast<RankedTensorType>(op->getResult(0).getType());
  Tensor result = Tensor::zeros(type);
  bool empty = llvm::any_of(nest.valid, [](int64_t n) { return n <= 0; });
  std::vector<Window> windows = windowsOf(pool);
  SmallVector<Access> reads;
  for (unsigned i = 0, e = operands.size(); i < e; ++i)
    reads.emplace_back(op.getOperandMap(i), count);
  Access write(op.getResultMap(0), count);
  // x (or dx), the result, and dy, if it is an operand, by number of element.
  bool backward = pool.backward;
  std::vector<int64_t> from =
      positions(reads[0], backward && !pool.max ? outputFactors : inputFactors,
                nest.valid);
  std::vector<int64_t> to =
      positions(write, backward ? inputFactors : outputFactors, nest.valid);
  std::vector<int64_t> gradients;
  if (backward)
    gradients = positions(reads.back(), outputFactors, nest.valid);
  SmallVector<int64_t> point(count, 0);
  for (bool more = !empty; more; more = advance(point, batch, nest.valid)) {
    const double *x = operands[0]->floats.data() + reads[0].at(point);
    const double *dy = operands.back()->floats.data() + reads.back().at(point);
    double *out = result.floats.data() + write.at(point);
    for (size_t o = 0; o < windows.size(); ++o) {
      const Window &window = windows[o];
      if (!pool.max && !backward) {
        double sum = 0.0;
        for (int64_t element : window.elements)
          sum += x[from[element]];
        out[to[o]] = window.elements.empty() ? 0.0 : sum / window.divisor;
      } else if (!pool.max) {
        for (int64_t element : window.elements)
          out[to[element]] += dy[gradients[o]] / window.divisor;
      } else {
        int64_t best = maximumOf(window, x, from);
        if (backward && best >= 0)
          out[to[best]] += dy[gradients[o]];
        else if (!backward)
          out[to[o]] = best < 0 ? -std::numeric_limits<double>::infinity()
                                : x[from[best]];
      }
    }
  }
  if (options.float32 && type.getElementType().isF32())
    for (double &value : result.floats)
      value = double(float(value));
  return {share(std::move(result))};
}

namespace {
template <class Op>
struct Evaluation : EvaluableOp::ExternalModel<Evaluation<Op>, Op> {
  FailureOr<Tensors> evaluate(Operation *op, ArrayRef<TensorRef> operands,
                              const Place &place,
                              const Options &options) const {
    return evaluatePool(FactoredOp(op), operands, place, options);
  }
  /// Windows follow from the sizes of input and output.
  SmallVector<unsigned> fixedFactors(Operation *op) const {
    Pool pool((FactoredOp(op)));
    SmallVector<unsigned> fixed = pool.factorsOf(Role::Input);
    llvm::append_range(fixed, pool.factorsOf(Role::Output));
    return fixed;
  }
};
} // namespace

void colossal::pooling::attachEvaluation(MLIRContext *context) {
  MaxPoolOp::attachInterface<Evaluation<MaxPoolOp>>(*context);
  MaxPoolBackwardOp::attachInterface<Evaluation<MaxPoolBackwardOp>>(*context);
  AveragePoolOp::attachInterface<Evaluation<AveragePoolOp>>(*context);
  AveragePoolBackwardOp::attachInterface<Evaluation<AveragePoolBackwardOp>>(
      *context);
}
