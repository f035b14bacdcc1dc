//===- LossRows.cpp - Cross entropy, likelihood, squared error ------------===//
//
// Losses over labels reduce per row first, then over all rows. The number of
// labels that count is an op of its own outside the composite: it depends on
// the labels alone, so it is known before the first microbatch.
//
//===----------------------------------------------------------------------===//

#include "Dtypes.h"
#include "Elementwise.h"
#include "Losses.h"
#include "Reductions.h"
#include "Rows.h"
#include "SelectedRows.h"
#include "Unary.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::normalize;

static SmallVector<int64_t> allDims(Value value) {
  return llvm::to_vector(
      llvm::seq<int64_t>(0, cast<RankedTensorType>(value.getType()).getRank()));
}

/// The sum of all elements.
static Value total(GenericBuilder g, Value value) {
  return reduce(g, {value}, allDims(value), false, FactorKind::Sum,
                getElementTypeOrSelf(value.getType()),
                [](ScalarBuilder &, ValueRange in) { return in[0]; });
}

static Value quotient(Call &c, Value a, Value b) {
  ElementwiseOptions options;
  options.compute = getElementTypeOrSelf(a.getType());
  options.member = true;
  return elementwiseValue(
      c, {a, b}, options,
      [](ScalarBuilder &s, ValueRange in) { return s.div(in[0], in[1]); });
}

//===----------------------------------------------------------------------===//
// Losses of labels
//===----------------------------------------------------------------------===//

namespace {
/// One label a row; `classes` is the dimension of scores that is not a row's.
struct Labels {
  Call &c;
  Value labels;
  int64_t ignored;
  int64_t classes;

  Type type() const { return getElementTypeOrSelf(labels.getType()); }
  Value counts(ScalarBuilder &s, Value label) const {
    return s.compare(Relation::NotEqual, label, s.integer(type(), ignored));
  }

  /// Per row the entry of `scores` at the label; 0 for labels out of range.
  Value pick(GenericBuilder g, Value scores) const {
    Dims dims = dimsOf(scores), rowDims;
    if (dims[classes].size() <= 1) {
      int64_t size =
          cast<RankedTensorType>(scores.getType()).getDimSize(classes);
      dims[classes] = {SubDim{"v", size}};
    }
    DimFactors factors, rows;
    for (auto [index, dim] : llvm::enumerate(dims)) {
      bool isClass = int64_t(index) == classes;
      factors.push_back(
          addFactors(g, dim, isClass ? FactorKind::Sum : FactorKind::Parallel));
      if (!isClass)
        rows.push_back(factors.back());
    }
    g.operand(labels, plainMap(g, rows));
    g.operand(scores, plainMap(g, factors));
    Type element = getElementTypeOrSelf(scores.getType());
    g.result(element, plainMap(g, rows));
    return g.build([&](ScalarBuilder &s, ValueRange in) {
      return whereId(g, s, in[1], factors[classes], in[0]);
    });
  }

  /// Per row the entry of a vector over the classes at the label.
  Value pickWeight(Value weights) const {
    GenericBuilder g = c.generic("weight");
    DimFactors rows = addFactors(g, dimsOf(labels));
    Dims weightDims = dimsOf(weights);
    SmallVector<int64_t> v = addFactors(g, weightDims[0], FactorKind::Sum);
    g.operand(labels, plainMap(g, rows));
    g.operand(weights, plainMap(g, {v}));
    Type element = getElementTypeOrSelf(weights.getType());
    g.result(element, plainMap(g, rows));
    return g.build([&](ScalarBuilder &s, ValueRange in) {
      return whereId(g, s, in[1], v, in[0]);
    });
  }

  /// `body` of per-row values where the label counts, else 0.
  Value perRow(GenericBuilder g, ArrayRef<Value> rows,
               GenericBuilder::Body body) const {
    SmallVector<Value> inputs = {labels};
    inputs.append(rows.begin(), rows.end());
    Type element = getElementTypeOrSelf(rows[0].getType());
    return overRows(
        g, inputs, {}, element, [&](ScalarBuilder &s, ValueRange in) {
          return s.select(counts(s, in[0]), body(s, in.drop_front()),
                          s.zero(element));
        });
  }

  /// The number of labels that count, or the sum of their weights.
  Value count(Type type, Value weightOfRow) const {
    GenericBuilder g = c.generic("count");
    SmallVector<Value> inputs = {labels};
    if (weightOfRow)
      inputs.push_back(weightOfRow);
    return reduce(g, inputs, allDims(labels), false, FactorKind::Sum, type,
                  [&](ScalarBuilder &s, ValueRange in) {
                    return s.select(counts(s, in[0]),
                                    weightOfRow ? in[1] : s.one(type),
                                    s.zero(type));
                  });
  }
};
} // namespace

namespace {
/// Of each row of scores. log sum exp x = maximum + logSum, which must not be
/// added up: a score minus the maximum is exact where it matters, and a small
/// loss is small beside both.
struct RowStatistics {
  Value maximum; ///< max x
  Value logSum;  ///< log sum exp(x - maximum)
};
} // namespace

static RowStatistics statisticsOfRows(Call &c, Value scores, int64_t classes) {
  Type type = getElementTypeOrSelf(scores.getType());
  GenericBuilder max = c.member("max");
  max.keep().noGradient();
  Value maximum = reduce(max, {scores}, {classes}, false, FactorKind::Max, type,
                         [](ScalarBuilder &, ValueRange in) { return in[0]; });
  GenericBuilder sum = c.member("sum");
  sum.keep();
  Value sums = reduce(sum, {scores, maximum}, {classes}, false, FactorKind::Sum,
                      type, [](ScalarBuilder &s, ValueRange in) {
                        return s.create<math::ExpOp>(s.sub(in[0], in[1]));
                      });
  Value logSum = overRows(c.member("logsum").keep(), {sums}, {}, type,
                          [](ScalarBuilder &s, ValueRange in) {
                            return s.create<math::LogOp>(in[0]);
                          });
  return {maximum, logSum};
}

/// -log softmax of a score: what the statistics of its row leave of it.
static Value lossOfScore(ScalarBuilder &s, Value maximum, Value logSum,
                         Value score) {
  return s.add(logSum, s.sub(maximum, score));
}

/// Combines per-row losses: none, mean over the labels that count, or sum.
/// Rows that are not there have no label that counts.
static Value combineRows(Call &c, Labels labels, Value rows, Value weightOfRow,
                         int64_t reduction) {
  if (reduction == None)
    return rows;
  SmallVector<int64_t> dims = allDims(rows);
  rows = presentRows(c, rows, dims, 0, /*member=*/true);
  labels.labels = presentRows(c, labels.labels, dims, double(labels.ignored));
  if (weightOfRow)
    weightOfRow = presentRows(c, weightOfRow, dims, 0);
  Value sum = total(c.member(reduction == Sum ? "" : "total"), rows);
  if (reduction == Sum)
    return sum;
  Type type = getElementTypeOrSelf(rows.getType());
  return quotient(c, sum, labels.count(type, weightOfRow));
}

/// Reports what a loss of labels cannot take.
static bool checkLabels(Call &c, int64_t reduction) {
  RankedTensorType scores = c.type(0), labels = c.type(1);
  SmallVector<int64_t> rows(scores.getShape());
  if (rows.empty()) {
    c.error("expected scores with a dimension of classes");
    return false;
  }
  rows.erase(rows.begin() + (rows.size() > 1 ? 1 : 0));
  if (!isa<IntegerType>(labels.getElementType()) ||
      labels.getElementType().isInteger(1) ||
      ArrayRef<int64_t>(rows) != labels.getShape())
    c.error("found labels of shape " + shapeText(labels.getShape()) +
            ", expected one integer label for each row of scores of shape " +
            shapeText(scores.getShape()));
  if (!isa<FloatType>(scores.getElementType()))
    c.error("expected scores that are floats");
  if (reduction < None || reduction > Sum)
    c.error("reduction " + Twine(reduction) +
            " (expected 0, none, 1, mean, or 2, sum)");
  return !c.failed();
}

/// Targets that are probabilities, each times its class's weight.
static Item weightedTargets(Call &c, int64_t classes, double smoothing) {
  Item p = c.item(1);
  double count = double(c.type(0).getDimSize(classes));
  if (smoothing != 0) {
    p = c.call("aten::mul.Tensor", {p, c.number(1 - smoothing)});
    p = c.call("aten::add.Tensor",
               {p, c.number(smoothing / count), c.number(int64_t(1))});
  }
  SmallVector<int64_t> sizes(c.type(0).getRank(), 1);
  sizes[classes] = -1;
  Item weights = c.call("aten::reshape", {c.item(2), c.numbers(sizes)});
  return c.call("aten::mul.Tensor", {p, weights});
}

/// Targets that are probabilities: -sum_v p log softmax(x), a row each.
static void crossEntropyOfProbabilities(Call &c, int64_t classes,
                                        double smoothing) {
  Item weighted = c.item(1);
  if (!c.isNone(2))
    weighted = weightedTargets(c, classes, std::exchange(smoothing, 0));
  if (c.failed())
    return;
  Value scores = c.tensor(0), targets = c.tensor(weighted);
  auto type = cast<RankedTensorType>(scores.getType());
  Type element = type.getElementType();
  double count = double(type.getDimSize(classes));
  auto [maximum, logSum] = statisticsOfRows(c, scores, classes);
  int64_t reduction = c.integer(3);
  GenericBuilder rowLoss = c.member(reduction == None ? "" : "row");
  Value rows =
      reduce(rowLoss, {scores, targets, maximum, logSum}, {classes}, false,
             FactorKind::Sum, element, [&](ScalarBuilder &s, ValueRange in) {
               Value p = s.cast(in[1], element);
               if (smoothing != 0)
                 p = s.add(s.mul(p, s.constant(element, 1 - smoothing)),
                           s.constant(element, smoothing / count));
               return s.mul(p, lossOfScore(s, in[2], in[3], in[0]));
             });
  if (reduction == None)
    return c.result(rows);
  int64_t numRows = type.getNumElements() / std::max<int64_t>(count, 1);
  SmallVector<int64_t> dims = allDims(rows);
  Value present = presentCount(c, rows, dims, element);
  rows = presentRows(c, rows, dims, 0, /*member=*/true);
  Value sum = total(c.member(reduction == Sum ? "" : "total"), rows);
  if (reduction == Sum)
    return c.result(sum);
  if (present)
    return c.result(quotient(c, sum, present));
  ElementwiseOptions options;
  options.compute = element;
  options.member = true;
  c.result(
      elementwiseValue(c, {sum}, options, [&](ScalarBuilder &s, ValueRange in) {
        return s.div(in[0], s.constant(element, double(numRows)));
      }));
}

/// cross_entropy_loss(scores, target, weight, reduction, ignore_index,
/// label_smoothing). A row's loss is (1 - e) w[t] nll + e / C sum_v w[v] nll_v.
static void crossEntropy(Call &c) {
  int64_t reduction = c.integer(3), ignored = c.integer(4);
  double smoothing = c.real(5);
  int64_t classes = c.type(0).getRank() > 1 ? 1 : 0;
  if (c.type(1).getShape() == c.type(0).getShape() &&
      isa<FloatType>(c.type(1).getElementType()) && c.type(0).getRank() > 0)
    return crossEntropyOfProbabilities(c, classes, smoothing);
  if (!checkLabels(c, reduction))
    return;
  Value scores = c.tensor(0);
  Labels labels{c, c.tensor(1), ignored, classes};
  Type type = getElementTypeOrSelf(scores.getType());
  double count = double(c.type(0).getDimSize(classes));
  auto [maximum, logSum] = statisticsOfRows(c, scores, classes);
  SmallVector<Value> inputs = {maximum, logSum,
                               labels.pick(c.member("label"), scores)};
  Value weightOfRow, smooth;
  if (!c.isNone(2)) {
    weightOfRow = labels.pickWeight(c.tensor(2));
    inputs.push_back(weightOfRow);
  }
  if (smoothing != 0) {
    // Over all classes: sum_v w[v] nll_v.
    GenericBuilder g = c.member("smooth");
    Dims dims = dimsOf(scores);
    DimFactors factors, rows;
    for (auto [index, dim] : llvm::enumerate(dims)) {
      bool isClass = int64_t(index) == classes;
      factors.push_back(
          addFactors(g, dim, isClass ? FactorKind::Sum : FactorKind::Parallel));
      if (!isClass)
        rows.push_back(factors.back());
    }
    g.operand(scores, plainMap(g, factors));
    g.operand(maximum, plainMap(g, rows));
    g.operand(logSum, plainMap(g, rows));
    if (!c.isNone(2))
      g.operand(c.tensor(2), plainMap(g, {factors[classes]}));
    g.result(type, plainMap(g, rows));
    smooth = g.build([&](ScalarBuilder &s, ValueRange in) {
      Value nll = lossOfScore(s, in[1], in[2], in[0]);
      return in.size() > 3 ? s.mul(nll, in[3]) : nll;
    });
    inputs.push_back(smooth);
  }
  Value rows = labels.perRow(
      c.member(reduction == None ? "" : "row"), inputs,
      [&](ScalarBuilder &s, ValueRange in) {
        Value loss = lossOfScore(s, in[0], in[1], in[2]);
        if (weightOfRow)
          loss = s.mul(loss, in[3]);
        if (!smooth)
          return loss;
        return s.add(s.mul(loss, s.constant(type, 1 - smoothing)),
                     s.mul(in.back(), s.constant(type, smoothing / count)));
      });
  c.result(combineRows(c, labels, rows, weightOfRow, reduction));
}

/// nll_loss(log probabilities, target, weight, reduction, ignore_index).
static void negativeLogLikelihood(Call &c) {
  int64_t reduction = c.integer(3), ignored = c.integer(4);
  if (!checkLabels(c, reduction))
    return;
  Value scores = c.tensor(0);
  Labels labels{c, c.tensor(1), ignored, c.type(0).getRank() > 1 ? 1 : 0};
  SmallVector<Value> inputs = {labels.pick(c.member("label"), scores)};
  Value weightOfRow;
  if (!c.isNone(2)) {
    weightOfRow = labels.pickWeight(c.tensor(2));
    inputs.push_back(weightOfRow);
  }
  Value rows = labels.perRow(c.member(reduction == None ? "" : "row"), inputs,
                             [&](ScalarBuilder &s, ValueRange in) {
                               Value loss = s.negate(in[0]);
                               return weightOfRow ? s.mul(loss, in[1]) : loss;
                             });
  c.result(combineRows(c, labels, rows, weightOfRow, reduction));
}

//===----------------------------------------------------------------------===//
// Losses of values
//===----------------------------------------------------------------------===//

void normalize::combineElements(Call &c, ArrayRef<Item> inputs,
                                int64_t reduction, GenericBuilder::Body body) {
  ElementwiseOptions options;
  options.compute = floatType(resultType(inputs, c.builder().getContext()));
  options.member = true;
  options.suffix = reduction == None ? "" : "element";
  Value elements = c.tensor(elementwise(c, inputs, options, body));
  if (reduction == None)
    return c.result(elements);
  SmallVector<int64_t> dims = allDims(elements);
  Value present = presentCount(c, elements, dims, options.compute);
  elements = presentRows(c, elements, dims, 0, /*member=*/true);
  Value sum = total(c.member(reduction == Sum ? "" : "total"), elements);
  if (reduction == Sum)
    return c.result(sum);
  if (present)
    return c.result(quotient(c, sum, present));
  double count =
      double(cast<RankedTensorType>(elements.getType()).getNumElements());
  options.suffix = "";
  c.result(
      elementwiseValue(c, {sum}, options, [&](ScalarBuilder &s, ValueRange in) {
        return s.div(in[0], s.constant(options.compute, count));
      }));
}

static void squaredError(Call &c) {
  combineElements(c, {c.item(0), c.item(1)}, c.integer(2),
                  [](ScalarBuilder &s, ValueRange in) {
                    Value difference = s.sub(in[0], in[1]);
                    return s.mul(difference, difference);
                  });
}

static void absoluteError(Call &c) {
  combineElements(c, {c.item(0), c.item(1)}, c.integer(2),
                  [](ScalarBuilder &s, ValueRange in) {
                    return s.create<math::AbsFOp>(s.sub(in[0], in[1]));
                  });
}

/// Quadratic within beta of the target, linear outside; derivative z / beta
/// inside and for NaN, the sign outside.
static void smoothAbsoluteError(Call &c) {
  double beta = c.real(3);
  combineElements(
      c, {c.item(0), c.item(1)}, c.integer(2),
      [&](ScalarBuilder &s, ValueRange in) {
        Type type = in[0].getType();
        Value z = s.sub(in[0], in[1]), size = s.create<math::AbsFOp>(z);
        if (beta == 0)
          return size;
        auto number = [&](double value) { return s.constant(type, value); };
        Value quadratic =
            s.div(s.mul(number(0.5), s.mul(size, size)), number(beta));
        Value loss = s.select(s.compare(Relation::Less, size, number(beta)),
                              quadratic, s.sub(size, number(0.5 * beta)));
        Value upper =
            s.select(s.compare(Relation::GreaterEqual, z, number(beta)),
                     number(1), s.div(z, number(beta)));
        Value slope = s.select(s.compare(Relation::LessEqual, z, number(-beta)),
                               number(-1), upper);
        return s.withDerivative(loss, z, slope);
      });
}

/// (1 - t) x - (1 + (p - 1) t) log sigmoid(x), stable for both signs of x;
/// arguments: x, t, weight, pos_weight p, reduction. Its derivative by x is
/// (p t + 1 - t) sigmoid(x) - p t, in one piece.
static void binaryCrossEntropyWithLogits(Call &c) {
  std::vector<Item> inputs = {c.item(0), c.item(1)};
  bool weighted = !c.isNone(2), positive = !c.isNone(3);
  if (weighted)
    inputs.push_back(c.item(2));
  if (positive)
    inputs.push_back(c.item(3));
  combineElements(
      c, inputs, c.integer(4), [&](ScalarBuilder &s, ValueRange in) {
        Value x = in[0], t = in[1], one = s.one(x.getType());
        Value logarithm = logSigmoidOf(s, x), minus = s.sub(one, t);
        Value sigmoid =
            s.div(one, s.add(one, s.create<math::ExpOp>(s.negate(x))));
        SmallVector<Value> variables = {x, t}, derivatives;
        Value loss = s.mul(minus, x);
        if (positive) {
          Value p = in.back(), pt = s.mul(p, t);
          Value factor = s.add(one, s.mul(s.sub(p, one), t));
          loss = s.sub(loss, s.mul(factor, logarithm));
          variables.push_back(p);
          derivatives = {
              s.sub(s.mul(s.add(pt, minus), sigmoid), pt),
              s.sub(logSigmoidOf(s, s.negate(x)), s.mul(p, logarithm)),
              s.negate(s.mul(t, logarithm))};
        } else {
          loss = s.sub(loss, logarithm);
          derivatives = {s.sub(sigmoid, t), s.negate(x)};
        }
        loss = s.withDerivative(loss, variables, derivatives);
        return weighted ? s.mul(loss, in[2]) : loss;
      });
}

void normalize::addLossRows(Table &table) {
  table.add("aten::cross_entropy_loss", crossEntropy);
  table.add({"aten::nll_loss", "aten::nll_loss_nd", "aten::nll_loss2d"},
            negativeLogLikelihood);
  table.add("aten::mse_loss", squaredError);
  table.add("aten::l1_loss", absoluteError);
  table.add("aten::smooth_l1_loss", smoothAbsoluteError);
  table.add("aten::binary_cross_entropy_with_logits",
            binaryCrossEntropyWithLogits);
}
