//===- Evaluate.cpp - Attention and its derivative, interpreted -----------===//
//
// Scores are evaluated row by row: for one point of the batch and query
// factors, all points of the key factors. Roles of factors: Attention.td.
//
//===----------------------------------------------------------------------===//

#include "Models.h"
#include "colossal/Reference/EvaluableOp.h"
#include "colossal/Reference/LoopNest.h"
#include "colossal/Reference/ScalarProgram.h"
#include <cmath>
#include <limits>

using namespace mlir;
using namespace colossal;
using namespace colossal::reference;

namespace {
/// Factors, maps and the mask shared by both directions.
class Scores {
public:
  Scores(FactoredOp op, ArrayRef<TensorRef> operands, unsigned firstExtra,
         double scale, const Place &place, const Options &options);

  bool isEmpty() const {
    return llvm::any_of(nest.valid, [](int64_t n) { return n <= 0; });
  }
  LogicalResult compile();
  /// Masked scores of all keys for the query that `indices` names.
  const std::vector<double> &row();
  const double *operand(unsigned i) const { return operands[i]->floats.data(); }

  FactoredOp op;
  LoopNest nest;
  SmallVector<int64_t> indices;
  SmallVector<Access> reads, writes;
  SmallVector<unsigned> batchAndQuery, key, scoreFeature, valueFeature;
  std::vector<int64_t> keyK, keyV, featureQ, featureK, featureV;

private:
  ArrayRef<TensorRef> operands;
  unsigned firstExtra;
  double scale;
  const Options &options;
  std::optional<ScalarProgram> body;
  SmallVector<int64_t> indexFactors; ///< of the body's index registers
  std::vector<double> scores;
};
} // namespace

Scores::Scores(FactoredOp op, ArrayRef<TensorRef> operands, unsigned firstExtra,
               double scale, const Place &place, const Options &options)
    : op(op), nest(op, place), indices(nest.factors.size(), 0),
      operands(operands), firstExtra(firstExtra), scale(scale),
      options(options) {
  unsigned count = nest.factors.size();
  for (unsigned i = 0; i < operands.size(); ++i)
    reads.emplace_back(op.getOperandMap(i), count);
  for (unsigned j = 0; j < op->getNumResults(); ++j)
    writes.emplace_back(op.getResultMap(j), count);
  for (unsigned f = 0; f < count; ++f) {
    bool inQ = reads[0].uses[f], inK = reads[1].uses[f];
    bool inV = reads[2].uses[f];
    if (inQ && inK && !inV)
      scoreFeature.push_back(f);
    else if (inQ)
      batchAndQuery.push_back(f);
    else if (inK)
      key.push_back(f);
    else
      valueFeature.push_back(f);
  }
  keyK = positions(reads[1], key, nest.valid);
  keyV = positions(reads[2], key, nest.valid);
  featureQ = positions(reads[0], scoreFeature, nest.valid);
  featureK = positions(reads[1], scoreFeature, nest.valid);
  featureV = positions(reads[2], valueFeature, nest.valid);
  scores.resize(keyK.size());
}

LogicalResult Scores::compile() {
  Block &block = op->getRegion(0).front();
  FailureOr<ScalarProgram> compiled = ScalarProgram::compile(
      block, block.getTerminator()->getOperands(), options.float32);
  if (failed(compiled))
    return failure();
  body = std::move(*compiled);
  body->prepare();
  for (const ScalarProgram::Index &index : body->indices())
    indexFactors.push_back(nest.find(index.factor));
  return success();
}

const std::vector<double> &Scores::row() {
  // Positions of the first key and feature: those indices are zero here.
  const double *q = operand(0) + reads[0].at(indices);
  const double *k = operand(1) + reads[1].at(indices);
  for (size_t j = 0; j < scores.size(); ++j) {
    double sum = 0.0;
    for (size_t d = 0; d < featureQ.size(); ++d)
      sum += q[featureQ[d]] * k[keyK[j] + featureK[d]];
    scores[j] = scale * sum;
  }
  SmallVector<int64_t> point(indices);
  for (size_t begin = 0; begin < scores.size(); begin += kStrip) {
    int64_t count = std::min<int64_t>(kStrip, scores.size() - begin);
    for (int64_t e = 0; e < count; ++e) {
      if (Word *score = body->argument(0))
        score[e].real = scores[begin + e];
      for (unsigned i = firstExtra; i < reads.size(); ++i) {
        Word *out = body->argument(1 + i - firstExtra);
        if (!out)
          continue;
        bool inside = reads[i].inside(point);
        int64_t position = inside ? reads[i].at(point) : 0;
        if (operands[i]->kind == ElementKind::Float)
          out[e].real = inside ? operands[i]->floats[position] : 0.0;
        else if (operands[i]->kind == ElementKind::Integer)
          out[e].integer = inside ? operands[i]->integers[position] : 0;
        else
          out[e].integer = inside ? operands[i]->booleans[position] : 0;
      }
      for (auto [index, f] : llvm::zip(body->indices(), indexFactors)) {
        body->registerOf(index.number)[e].integer = point[f] + nest.offset[f];
      }
      advance(point, key, nest.valid);
    }
    body->run(count);
    for (int64_t e = 0; e < count; ++e)
      scores[begin + e] = body->value(0)[e].real;
  }
  return scores;
}

static void roundResults(Operation *op, MutableArrayRef<Tensor> results,
                         const Options &options) {
  for (auto [result, type] : llvm::zip(results, op->getResultTypes()))
    if (options.float32 && getElementTypeOrSelf(type).isF32())
      for (double &value : result.floats)
        value = double(float(value));
}

static Tensors shareAll(MutableArrayRef<Tensor> results) {
  Tensors shared;
  for (Tensor &result : results)
    shared.push_back(share(std::move(result)));
  return shared;
}

static SmallVector<Tensor> makeResults(Operation *op) {
  SmallVector<Tensor> results;
  for (Type type : op->getResultTypes())
    results.push_back(Tensor::zeros(cast<RankedTensorType>(type)));
  return results;
}

static FailureOr<Tensors> evaluateAttention(AttentionOp op,
                                            ArrayRef<TensorRef> operands,
                                            const Place &place,
                                            const Options &options) {
  FactoredOp factored(op.getOperation());
  Scores scores(factored, operands, 3, op.getScale().convertToDouble(), place,
                options);
  if (failed(scores.compile()))
    return failure();
  SmallVector<Tensor> results = makeResults(op);
  const LoopNest &nest = scores.nest;
  auto outFeature =
      positions(scores.writes[0], scores.valueFeature, nest.valid);
  std::vector<double> sums(outFeature.size());
  bool more = !scores.isEmpty();
  while (more) {
    const std::vector<double> &row = scores.row();
    double largest = -std::numeric_limits<double>::infinity();
    for (double score : row)
      largest = score > largest || std::isnan(score) ? score : largest;
    double total = 0.0;
    std::fill(sums.begin(), sums.end(), 0.0);
    const double *v = scores.operand(2) + scores.reads[2].at(scores.indices);
    if (largest != -std::numeric_limits<double>::infinity())
      for (size_t j = 0; j < row.size(); ++j) {
        double weight = std::exp(row[j] - largest);
        total += weight;
        for (size_t e = 0; e < sums.size(); ++e)
          sums[e] += weight * v[scores.keyV[j] + scores.featureV[e]];
      }
    double *out =
        results[0].floats.data() + scores.writes[0].at(scores.indices);
    for (size_t e = 0; e < sums.size(); ++e)
      out[outFeature[e]] = total == 0.0 ? 0.0 : sums[e] / total;
    results[1].floats[scores.writes[1].at(scores.indices)] =
        total == 0.0 ? largest : largest + std::log(total);
    more = advance(scores.indices, scores.batchAndQuery, nest.valid);
  }
  roundResults(op, results, options);
  return shareAll(results);
}

/// Whether the body only masks the score or adds to it: then its derivative
/// is one wherever the score still contributes.
static bool isMask(Value value, BlockArgument score) {
  if (value == score)
    return true;
  Operation *op = value.getDefiningOp();
  if (!op)
    return false;
  if (auto select = dyn_cast<arith::SelectOp>(op))
    return isMask(select.getTrueValue(), score) ||
           isMask(select.getFalseValue(), score);
  if (isa<arith::AddFOp>(op))
    return isMask(op->getOperand(0), score) != isMask(op->getOperand(1), score);
  if (isa<arith::SubFOp, arith::ExtFOp, arith::TruncFOp>(op))
    return isMask(op->getOperand(0), score);
  return false;
}

static FailureOr<Tensors> evaluateAttention(AttentionBackwardOp op,
                                            ArrayRef<TensorRef> operands,
                                            const Place &place,
                                            const Options &options) {
  FactoredOp factored(op.getOperation());
  double scale = op.getScale().convertToDouble();
  Scores scores(factored, operands, 6, scale, place, options);
  Block &block = op.getBody().front();
  if (!isMask(block.getTerminator()->getOperand(0), block.getArgument(0))) {
    op.emitError("the derivative of this body is not known: expected one that "
                 "selects the score or adds to it");
    return failure();
  }
  if (failed(scores.compile()))
    return failure();
  SmallVector<Tensor> results = makeResults(op);
  const LoopNest &nest = scores.nest;
  // Positions of a feature or key in the results; their strides are their own.
  const auto &writes = scores.writes;
  auto featureOut = positions(scores.reads[3], scores.valueFeature, nest.valid);
  auto featureDOut =
      positions(scores.reads[5], scores.valueFeature, nest.valid);
  auto featureDQ = positions(writes[0], scores.scoreFeature, nest.valid);
  auto featureDK = positions(writes[1], scores.scoreFeature, nest.valid);
  auto featureDV = positions(writes[2], scores.valueFeature, nest.valid);
  auto keyDK = positions(writes[1], scores.key, nest.valid);
  auto keyDV = positions(writes[2], scores.key, nest.valid);
  bool more = !scores.isEmpty();
  while (more) {
    ArrayRef<int64_t> at = scores.indices;
    const std::vector<double> &row = scores.row();
    auto operand = [&](unsigned i) {
      return scores.operand(i) + scores.reads[i].at(at);
    };
    auto result = [&](unsigned j) {
      return results[j].floats.data() + writes[j].at(at);
    };
    const double *q = operand(0), *k = operand(1), *v = operand(2);
    const double *out = operand(3), *dOut = operand(5);
    double lse = *operand(4), delta = 0.0;
    double *dq = result(0), *dk = result(1), *dv = result(2);
    for (size_t e = 0; e < featureOut.size(); ++e)
      delta += out[featureOut[e]] * dOut[featureDOut[e]];
    for (size_t j = 0; j < row.size(); ++j) {
      if (row[j] == -std::numeric_limits<double>::infinity())
        continue;
      double weight = std::exp(row[j] - lse), dWeight = 0.0;
      for (size_t e = 0; e < featureDOut.size(); ++e) {
        double d = dOut[featureDOut[e]];
        dWeight += d * v[scores.keyV[j] + scores.featureV[e]];
        dv[keyDV[j] + featureDV[e]] += weight * d;
      }
      double dScore = scale * weight * (dWeight - delta);
      for (size_t d = 0; d < featureDQ.size(); ++d) {
        dq[featureDQ[d]] += dScore * k[scores.keyK[j] + scores.featureK[d]];
        dk[keyDK[j] + featureDK[d]] += dScore * q[scores.featureQ[d]];
      }
    }
    more = advance(scores.indices, scores.batchAndQuery, nest.valid);
  }
  roundResults(op, results, options);
  return shareAll(results);
}

namespace {
template <class Op>
struct Evaluation : EvaluableOp::ExternalModel<Evaluation<Op>, Op> {
  FailureOr<Tensors> evaluate(Operation *op, ArrayRef<TensorRef> operands,
                              const Place &place,
                              const Options &options) const {
    return evaluateAttention(cast<Op>(op), operands, place, options);
  }
};
} // namespace

void colossal::attention::attachEvaluation(MLIRContext *context) {
  AttentionOp::attachInterface<Evaluation<AttentionOp>>(*context);
  AttentionBackwardOp::attachInterface<Evaluation<AttentionBackwardOp>>(
      *context);
}
