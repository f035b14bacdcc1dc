//===- AttentionRows.cpp - Scaled dot-product attention -------------------===//

#include "Dropout.h"
#include "Elementwise.h"
#include "IndexFunction.h"
#include "Product.h"
#include "Reductions.h"
#include "Rows.h"
#include "Shapes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::normalize;

/// `value` with its leading dimensions expanded to `batch`.
static Value expandBatch(Call &c, Value value, ArrayRef<int64_t> batch,
                         StringRef suffix) {
  auto type = cast<RankedTensorType>(value.getType());
  SmallVector<int64_t> shape(batch);
  llvm::append_range(shape, type.getShape().take_back(2));
  return broadcastTo(c, value, shape, suffix);
}

/// True if a derivative of some parameter passes through the value.
static bool needsGradient(Value value, llvm::SmallDenseSet<Value> &seen) {
  if (!isa<FloatType>(getElementTypeOrSelf(value.getType())) ||
      !seen.insert(value).second)
    return false;
  if (auto argument = dyn_cast<BlockArgument>(value)) {
    auto function = dyn_cast<func::FuncOp>(argument.getOwner()->getParentOp());
    auto role = function ? function.getArgAttrOfType<RoleAttr>(
                               argument.getArgNumber(), names::role)
                         : RoleAttr();
    return role && role.getValue() == ArgumentRole::Parameter;
  }
  Operation *op = value.getDefiningOp();
  auto factored = dyn_cast<FactoredOp>(op);
  return !(factored && factored.getNoGradient()) &&
         llvm::any_of(op->getOperands(), [&](Value operand) {
           return needsGradient(operand, seen);
         });
}

/// Attention as products and a softmax: for a mask that is trained (for the
/// whole op it is a constant), and for weights that are dropped at random.
static void attentionAsProducts(Call &c, Value q, Value k, Value v, Value mask,
                                double scale, bool causal, double dropped) {
  Product scores{q, k};
  scores.bTransposed = true;
  Value raw = contract(c, scores, "scores");
  if (c.failed())
    return;
  auto type = cast<RankedTensorType>(raw.getType());
  Type element = type.getElementType();
  GenericBuilder g = c.generic("masked");
  DimFactors dims = addFactors(g, dimsOf(raw));
  IndexMapAttr map = plainMap(g, dims);
  g.operand(raw, map);
  if (mask)
    g.operand(mask,
              broadcastMap(g, cast<RankedTensorType>(mask.getType()).getShape(),
                           dims));
  g.result(element, map);
  Value masked = g.build([&](ScalarBuilder &s, ValueRange in) {
    Value score = s.mul(in[0], s.constant(element, scale));
    Value hidden = s.infinity(element, /*negative=*/true);
    if (mask)
      score = in[1].getType().isInteger(1)
                  ? s.select(in[1], score, hidden)
                  : s.add(score, s.cast(in[1], element));
    if (!causal)
      return score;
    Value visible =
        s.compare(Relation::LessEqual, mixedRadix(g, s, dims.back()),
                  mixedRadix(g, s, *std::prev(dims.end(), 2)));
    return s.select(visible, score, hidden);
  });
  Value weights =
      softmax(c, masked, type.getRank() - 1, /*logarithm=*/false, "weights");
  if (c.failed())
    return;
  if (dropped != 0)
    weights = dropout(c, weights, dropped, std::nullopt, "dropout");
  c.result(contract(c, Product{weights, v}));
}

//===----------------------------------------------------------------------===//
// Masks that hide keys
//===----------------------------------------------------------------------===//

static std::optional<double> constantOf(Value value) {
  auto constant = value.getDefiningOp<arith::ConstantOp>();
  if (!constant)
    return std::nullopt;
  if (auto real = dyn_cast<FloatAttr>(constant.getValue()))
    return real.getValueAsDouble();
  auto integer = dyn_cast<IntegerAttr>(constant.getValue());
  if (!integer)
    return std::nullopt;
  return integer.getType().isInteger(1)
             ? double(integer.getValue().getBoolValue())
             : double(integer.getInt());
}

/// `value` = index(`factor`) + constant.
static std::optional<int64_t> shiftOf(Value value, StringRef factor) {
  if (auto index = value.getDefiningOp<IndexOp>())
    return index.getFactor() == factor ? std::optional<int64_t>(0)
                                       : std::nullopt;
  auto add = value.getDefiningOp<arith::AddIOp>();
  if (!add)
    return std::nullopt;
  for (bool swap : {false, true}) {
    auto base = shiftOf(swap ? add.getRhs() : add.getLhs(), factor);
    auto shift = constantOf(swap ? add.getLhs() : add.getRhs());
    if (base && shift)
      return *base + int64_t(*shift);
  }
  return std::nullopt;
}

/// True if `condition` is key <= query + c with c >= 0, in any form: no query
/// is without a key.
static bool isCausal(arith::CmpIOp condition, StringRef query, StringRef key) {
  using P = arith::CmpIPredicate;
  P predicate = condition.getPredicate();
  Value left = condition.getLhs(), right = condition.getRhs();
  if (predicate == P::sgt || predicate == P::sge) {
    std::swap(left, right);
    predicate = predicate == P::sgt ? P::slt : P::sle;
  }
  auto ofKey = shiftOf(left, key), ofQuery = shiftOf(right, query);
  if (!ofKey || !ofQuery || (predicate != P::slt && predicate != P::sle))
    return false;
  return predicate == P::slt ? *ofKey < *ofQuery : *ofKey <= *ofQuery;
}

/// The opposite comparison.
static Value inverted(ScalarBuilder &s, arith::CmpIOp compare) {
  return s.create<arith::CmpIOp>(arith::invertPredicate(compare.getPredicate()),
                                 compare.getLhs(), compare.getRhs());
}

/// The score with a mask of floats. A causal mask that adds nothing, or a
/// number before which every score vanishes, chooses between the two: the
/// kernel need not look at keys that are hidden.
static Value addMask(ScalarBuilder &s, Value score, Value element,
                     StringRef query, StringRef key) {
  Type type = score.getType();
  if (auto choice = element.getDefiningOp<arith::SelectOp>()) {
    auto condition = choice.getCondition().getDefiningOp<arith::CmpIOp>();
    auto yes = constantOf(choice.getTrueValue()),
         no = constantOf(choice.getFalseValue());
    if (condition && yes && no && (*yes == 0 || *no == 0) &&
        std::min(*yes, *no) <= -1e30) {
      Value visible =
          *yes == 0 ? choice.getCondition() : inverted(s, condition);
      Value hidden = *yes == 0 ? choice.getFalseValue() : choice.getTrueValue();
      if (isCausal(visible.getDefiningOp<arith::CmpIOp>(), query, key))
        return s.select(visible, score, s.cast(hidden, type));
    }
  }
  return s.add(score, s.cast(element, type));
}

/// The score where a mask of booleans holds, else -infinity.
static Value selectMask(ScalarBuilder &s, Value score, Value element) {
  Value hidden = s.infinity(score.getType(), /*negative=*/true);
  if (auto choice = element.getDefiningOp<arith::SelectOp>())
    if (constantOf(choice.getTrueValue()) == 1.0 &&
        constantOf(choice.getFalseValue()) == 0.0)
      element = choice.getCondition();
  return s.select(element, score, hidden);
}

//===----------------------------------------------------------------------===//
// The op
//===----------------------------------------------------------------------===//

/// Attention as one op. All of q, k, v have the same batch dimensions.
static void wholeAttention(Call &c, Value q, Value k, Value v, Value mask,
                           double scale, bool causal) {
  Type type = getElementTypeOrSelf(q.getType());
  // Dimensions in the roles of attention, each with readable names.
  std::string name = c.name();
  GenericBuilder g(c.builder(), c.loc(), name);
  int64_t rank = cast<RankedTensorType>(q.getType()).getRank() - 2;
  Dims qDims = dimsOf(q), kDims = dimsOf(k), vDims = dimsOf(v);
  auto named = [](Dim dim, StringRef name) {
    for (SubDim &sub : dim)
      sub.name = name.str();
    return dim;
  };
  DimFactors batchFactors;
  for (int64_t d = 0; d < rank; ++d) {
    Dim dim = qDims[d];
    if (dim.size() == 1)
      dim[0].name = d == 0 ? "b" : d + 1 == rank ? "h" : dim[0].name;
    batchFactors.push_back(addFactors(g, dim));
  }
  SmallVector<int64_t> query = addFactors(g, named(qDims[rank], "q")),
                       key = addFactors(g, named(kDims[rank], "k"));
  SmallVector<int64_t> feature = addFactors(g, named(qDims[rank + 1], "d")),
                       value = addFactors(g, named(vDims[rank + 1], "e"));
  // A length or a feature count of 1 still is a factor of its role.
  auto atLeastOne = [&](SmallVector<int64_t> &factors, StringRef name) {
    if (factors.empty())
      factors.push_back(g.factor(name, 1));
  };
  atLeastOne(query, "q");
  atLeastOne(key, "k");
  atLeastOne(feature, "d");
  atLeastOne(value, "e");
  auto mapOf = [&](std::initializer_list<SmallVector<int64_t>> dims) {
    DimFactors all = batchFactors;
    all.append(dims.begin(), dims.end());
    return plainMap(g, all);
  };

  SmallVector<Value> operands = {q, k, v};
  SmallVector<IndexMapAttr> maps = {mapOf({query, feature}),
                                    mapOf({key, feature}), mapOf({key, value})};
  SmallVector<Type> arguments = {type};
  DimFactors scoreDims = batchFactors;
  scoreDims.push_back(query);
  scoreDims.push_back(key);
  bool inlined = mask && isIndexFunction(mask);
  if (mask && !inlined) {
    auto maskType = cast<RankedTensorType>(mask.getType());
    operands.push_back(mask);
    maps.push_back(broadcastMap(g, maskType.getShape(), scoreDims));
    arguments.push_back(maskType.getElementType());
  }
  auto body = [&](ScalarBuilder &s, ValueRange in) -> SmallVector<Value> {
    Value score = in[0];
    if (mask) {
      Value element = inlined ? Value() : in[1];
      if (inlined) {
        SmallVector<Value> indices;
        ArrayRef<int64_t> shape =
            cast<RankedTensorType>(mask.getType()).getShape();
        for (auto [index, size] : llvm::enumerate(shape))
          indices.push_back(mixedRadix(
              g, s,
              size == 1 ? SmallVector<int64_t>{}
                        : scoreDims[scoreDims.size() - shape.size() + index]));
        element = elementAt(s, mask, indices);
      }
      score = element.getType().isInteger(1)
                  ? selectMask(s, score, element)
                  : addMask(s, score, element, g.nameOf(query[0]),
                            g.nameOf(key[0]));
    }
    if (causal)
      score = s.select(s.compare(Relation::LessEqual, mixedRadix(g, s, key),
                                 mixedRadix(g, s, query)),
                       score, s.infinity(type, /*negative=*/true));
    return {score};
  };
  SmallVector<IndexMapAttr> resultMaps = {mapOf({query, value}),
                                          mapOf({query})};
  SmallVector<Type> resultTypes;
  for (IndexMapAttr map : resultMaps)
    resultTypes.push_back(RankedTensorType::get(map.getShape(), type));
  NamedAttribute scaleAttribute =
      c.builder().getNamedAttr("scale", c.builder().getF64FloatAttr(scale));
  Operation *op =
      createFactored(c.builder(), c.loc(), AttentionOp::getOperationName(),
                     name, g.getFactors(), operands, maps, resultTypes,
                     resultMaps, scaleAttribute, arguments, body);
  c.result(op->getResult(0));
}

/// Keys and values have fewer heads: each is that of several heads of queries,
/// next to each other.
static void repeatHeads(Call &c) {
  std::vector<Item> arguments = c.getArguments().vec();
  arguments[7] = c.truth(false);
  int64_t rank = c.type(0).getRank(), heads = 0;
  if (rank >= 3)
    heads = c.type(0).getDimSize(rank - 3);
  for (unsigned i : {1, 2}) {
    RankedTensorType type = c.type(i);
    int64_t own = type.getRank() < 3 ? 0 : type.getDimSize(type.getRank() - 3);
    if (own < 1 || heads % own)
      return c.error("found " + Twine(own) +
                     " heads of keys or values, "
                     "expected a number that divides the " +
                     Twine(heads) + " of queries");
    if (own != heads)
      arguments[i] = c.call(
          "aten::repeat_interleave.self_int",
          {c.item(i), c.number(heads / own), c.number(int64_t(-3)), Item()});
  }
  c.setArguments(arguments);
}

/// scaled_dot_product_attention(q, k, v, mask, dropout_p, is_causal, scale,
/// enable_gqa).
static void attention(Call &c) {
  if (c.size() > 7 && c.flag(7))
    repeatHeads(c);
  Value q = c.tensor(0), k = c.tensor(1), v = c.tensor(2);
  auto qType = cast<RankedTensorType>(q.getType()),
       kType = cast<RankedTensorType>(k.getType()),
       vType = cast<RankedTensorType>(v.getType());
  bool causal = c.flag(5);
  double dropped = c.real(4);
  if (!(dropped >= 0 && dropped <= 1))
    c.error("dropout with p = " + std::to_string(dropped) +
            ", expected 0 to 1");
  if (qType.getRank() < 2 || kType.getRank() < 2 || vType.getRank() < 2 ||
      !isa<FloatType>(qType.getElementType()))
    c.error("expected floats [..., length, features]");
  if (c.failed())
    return;
  auto last = [](RankedTensorType type, int64_t fromEnd) {
    return type.getDimSize(type.getRank() - fromEnd);
  };
  if (last(qType, 1) != last(kType, 1) || last(kType, 2) != last(vType, 2))
    return c.error("queries and keys differ in features, or keys and values "
                   "in length");
  SmallVector<int64_t> batch = broadcast(c, {qType.getShape().drop_back(2),
                                             kType.getShape().drop_back(2),
                                             vType.getShape().drop_back(2)});
  if (c.failed())
    return;
  q = expandBatch(c, q, batch, "query");
  k = expandBatch(c, k, batch, "key");
  v = expandBatch(c, v, batch, "value");
  double scale =
      c.isNone(6) ? 1.0 / std::sqrt(double(last(qType, 1))) : c.real(6);

  Value mask;
  if (!c.isNone(3)) {
    mask = c.tensor(3);
    SmallVector<int64_t> scores = batch;
    scores.push_back(last(qType, 2));
    scores.push_back(last(kType, 2));
    ArrayRef<int64_t> shape = cast<RankedTensorType>(mask.getType()).getShape();
    if (broadcast(c, {scores, shape}) != scores && !c.failed())
      c.error("the mask has more elements than the scores");
    if (c.failed())
      return;
  }
  llvm::SmallDenseSet<Value> seen;
  if (dropped != 0 || (mask && needsGradient(mask, seen)))
    return attentionAsProducts(c, q, k, v, mask, scale, causal, dropped);
  wholeAttention(c, q, k, v, mask, scale, causal);
}

void normalize::addAttentionRows(Table &table) {
  table.add("aten::scaled_dot_product_attention", attention);
}
