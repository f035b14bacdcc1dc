//===- AttentionLowering.cpp - Attention as a runtime op ------------------===//

#include "AttentionLowering.h"
#include "ScalarOp.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::lower;

namespace {

enum class Role { Batch, Query, Key, QkFeature, VFeature };

/// One factor or several that are indexed as one.
struct Extent {
  int64_t size = 1;
  SmallVector<int64_t> strides; ///< per operand and result
};

/// Maps and roles of an attention op. `maps`: operands, then results.
struct Maps {
  SmallVector<FactorAttr> factors;
  SmallVector<IndexMapAttr> maps;
  SmallVector<SmallVector<int64_t>> strides; ///< [tensor][factor]
  SmallVector<int64_t> offsets;
  SmallVector<Role> roles;

  explicit Maps(FactoredOp op) : factors(op.getFactorList()) {
    for (unsigned i = 0, e = op->getNumOperands(); i < e; ++i)
      maps.push_back(op.getOperandMap(i));
    for (unsigned i = 0, e = op->getNumResults(); i < e; ++i)
      maps.push_back(op.getResultMap(i));
    for (IndexMapAttr map : maps) {
      SmallVector<int64_t> own(factors.size(), 0);
      int64_t stride = 1, offset = 0;
      for (DimAttr dim : llvm::reverse(map.getDims()))
        for (SubDimAttr sub : llvm::reverse(dim.getSubDims())) {
          offset += sub.getOffset() * stride;
          if (!sub.isConstant())
            own[sub.getFactor()] += stride;
          stride *= sub.getBound();
        }
      strides.push_back(own);
      offsets.push_back(offset);
    }
    for (unsigned f = 0, e = factors.size(); f < e; ++f) {
      bool q = maps[0].uses(f), k = maps[1].uses(f), v = maps[2].uses(f);
      roles.push_back(q && k && v ? Role::Batch
                      : q && !k   ? Role::Query
                      : k && v    ? Role::Key
                      : q && k    ? Role::QkFeature
                                  : Role::VFeature);
    }
  }

  /// The factors of a role, merged where every tensor of `tensors` nests them.
  SmallVector<Extent> extents(Role role, ArrayRef<unsigned> tensors) const {
    SmallVector<unsigned> order;
    for (unsigned f = 0, e = factors.size(); f < e; ++f)
      if (roles[f] == role && factors[f].getBound() != 1)
        order.push_back(f);
    // By the strides of the first tensor that has them.
    llvm::sort(order, [&](unsigned x, unsigned y) {
      for (unsigned t : tensors)
        if (strides[t][x] != strides[t][y])
          return strides[t][x] > strides[t][y];
      return x < y;
    });
    SmallVector<Extent> list;
    for (unsigned f : order) {
      Extent extent;
      extent.size = factors[f].getBound();
      for (const auto &own : strides)
        extent.strides.push_back(own[f]);
      if (!list.empty()) {
        Extent &major = list.back();
        bool nests = llvm::all_of(tensors, [&](unsigned t) {
          return major.strides[t] == extent.strides[t] * extent.size;
        });
        if (nests) {
          extent.size *= major.size;
          list.pop_back();
        }
      }
      list.push_back(extent);
    }
    return list;
  }
};

} // namespace

/// -infinity, or a number that is as good as that after the exponential.
static bool isMasked(Value value) {
  auto constant = value.getDefiningOp<arith::ConstantOp>();
  auto real = constant ? dyn_cast<FloatAttr>(constant.getValue()) : FloatAttr();
  return real && real.getValueAsDouble() <= -1e30;
}

/// value = index(factor) + constant.
static std::optional<std::pair<StringRef, int64_t>> asIndex(Value value) {
  int64_t sum = 0;
  while (auto add = value.getDefiningOp<arith::AddIOp>()) {
    auto constant = add.getRhs().getDefiningOp<arith::ConstantOp>();
    Value other = add.getLhs();
    if (!constant) {
      constant = add.getLhs().getDefiningOp<arith::ConstantOp>();
      other = add.getRhs();
    }
    if (!constant)
      return std::nullopt;
    sum += cast<IntegerAttr>(constant.getValue()).getInt();
    value = other;
  }
  if (auto index = value.getDefiningOp<IndexOp>())
    return std::make_pair(index.getFactor(), sum);
  return std::nullopt;
}

/// The condition says key <= query + offset, for uncut query and key factors.
static std::optional<int64_t> causalOffset(Value condition, const Maps &maps) {
  auto compare = condition.getDefiningOp<arith::CmpIOp>();
  if (!compare)
    return std::nullopt;
  auto left = asIndex(compare.getLhs()), right = asIndex(compare.getRhs());
  arith::CmpIPredicate predicate = compare.getPredicate();
  if (!left || !right)
    return std::nullopt;
  if (predicate == arith::CmpIPredicate::sge ||
      predicate == arith::CmpIPredicate::sgt) {
    std::swap(left, right);
    predicate = predicate == arith::CmpIPredicate::sge
                    ? arith::CmpIPredicate::sle
                    : arith::CmpIPredicate::slt;
  }
  int64_t strict = predicate == arith::CmpIPredicate::slt ? 1 : 0;
  if (!strict && predicate != arith::CmpIPredicate::sle)
    return std::nullopt;
  // left + a <= right + b, left a key and right a query.
  unsigned queries = 0, keys = 0;
  bool fits = true;
  for (auto [factor, role] : llvm::zip(maps.factors, maps.roles)) {
    queries += role == Role::Query;
    keys += role == Role::Key;
    if (factor.getName() == left->first)
      fits &= role == Role::Key && !factor.isLocal();
    if (factor.getName() == right->first)
      fits &= role == Role::Query && !factor.isLocal();
  }
  if (!fits || queries != 1 || keys != 1)
    return std::nullopt;
  return right->second - left->second - strict;
}

static bool isZero(Value value) {
  auto constant = value.getDefiningOp<arith::ConstantOp>();
  auto real = constant ? dyn_cast<FloatAttr>(constant.getValue()) : FloatAttr();
  return real && real.getValue().isZero();
}

/// `value` = what is left of it where all of `conditions` hold, and masked
/// where one does not: select(c, x, -inf) or x + select(c, 0, -inf), nested.
/// `finite`: some mask is a large number and not infinity.
static Value peelMasks(Value value, SmallVectorImpl<Value> &conditions,
                       bool &finite) {
  auto take = [&](arith::SelectOp select) {
    auto number = cast<FloatAttr>(
        select.getFalseValue().getDefiningOp<arith::ConstantOp>().getValue());
    finite |= !number.getValue().isInfinity();
    conditions.push_back(select.getCondition());
  };
  while (true) {
    if (auto select = value.getDefiningOp<arith::SelectOp>();
        select && isMasked(select.getFalseValue())) {
      take(select);
      value = select.getTrueValue();
      continue;
    }
    auto add = value.getDefiningOp<arith::AddFOp>();
    bool peeled = false;
    for (bool swap : {false, true}) {
      if (!add || peeled)
        break;
      Value mask = swap ? add.getLhs() : add.getRhs();
      auto select = mask.getDefiningOp<arith::SelectOp>();
      if (!select || !isZero(select.getTrueValue()) ||
          !isMasked(select.getFalseValue()))
        continue;
      take(select);
      value = swap ? add.getRhs() : add.getLhs();
      peeled = true;
    }
    if (!peeled)
      return value;
  }
}

/// Reads the body: what the runtime can do by itself, and whether more is left.
static void analyzeBody(FactoredOp op, const Maps &maps,
                        AttentionShape &shape) {
  Block &block = op->getRegion(0).front();
  SmallVector<Value> conditions;
  bool finite = false;
  Value rest =
      peelMasks(block.getTerminator()->getOperand(0), conditions, finite);
  bool others = rest != block.getArgument(0);
  std::optional<int64_t> causal;
  while (!conditions.empty()) {
    Value condition = conditions.pop_back_val();
    if (auto both = condition.getDefiningOp<arith::AndIOp>()) {
      conditions.push_back(both.getLhs());
      conditions.push_back(both.getRhs());
      continue;
    }
    std::optional<int64_t> offset = causalOffset(condition, maps);
    if (offset)
      causal = std::min(*offset, causal.value_or(*offset));
    else
      others = true;
  }
  shape.needsKernel = others;
  if (!causal)
    return;
  // A large number hides a key only beside one that is visible. With the causal
  // mask alone, key 0 is; with other masks a whole row may be hidden, and then
  // all its keys count alike.
  if (finite && (others || *causal < 0)) {
    shape.needsKernel = true;
    return;
  }
  shape.attention.causal = true;
  shape.attention.causalOffset = *causal;
}

FailureOr<AttentionShape> colossal::lower::analyzeAttention(FactoredOp op) {
  Maps maps(op);
  bool backward = isa<AttentionBackwardOp>(op.getOperation());
  unsigned inputs = op->getNumOperands(), tensors = maps.maps.size();
  unsigned firstExtra = backward ? 6 : 3;
  // Tensors by what they are indexed with; extras are only seen by the kernel.
  SmallVector<unsigned> withQuery, withKey, withQk, withV, all;
  auto add = [&](unsigned t,
                 std::initializer_list<SmallVector<unsigned> *> to) {
    for (auto *list : to)
      list->push_back(t);
    all.push_back(t);
  };
  add(0, {&withQuery, &withQk});
  add(1, {&withKey, &withQk});
  add(2, {&withKey, &withV});
  if (backward) {
    add(3, {&withQuery, &withV});         // out
    add(4, {&withQuery});                 // lse
    add(5, {&withQuery, &withV});         // dout
    add(inputs, {&withQuery, &withQk});   // dq
    add(inputs + 1, {&withKey, &withQk}); // dk
    add(inputs + 2, {&withKey, &withV});  // dv
  } else {
    add(inputs, {&withQuery, &withV}); // out
    add(inputs + 1, {&withQuery});     // lse
  }

  AttentionShape shape;
  rank::Attention &attention = shape.attention;
  SmallVector<Extent> batch = maps.extents(Role::Batch, all);
  SmallVector<Extent> query = maps.extents(Role::Query, withQuery);
  SmallVector<Extent> key = maps.extents(Role::Key, withKey);
  SmallVector<Extent> qk = maps.extents(Role::QkFeature, withQk);
  SmallVector<Extent> v = maps.extents(Role::VFeature, withV);
  if (batch.size() > 2 || query.size() > 1 || key.size() > 1 || qk.size() > 1 ||
      v.size() > 1)
    return op->emitError("attention over ")
           << batch.size() << " batch, " << query.size() << " query, "
           << key.size() << " key and " << qk.size() << " and " << v.size()
           << " feature extents, expected at most 2, 1, 1, 1 and 1";
  auto sizeOf = [](ArrayRef<Extent> list, unsigned i) {
    return i < list.size() ? list[i].size : 1;
  };
  auto strideOf = [](ArrayRef<Extent> list, unsigned i, unsigned t) {
    return i < list.size() ? list[i].strides[t] : 0;
  };
  attention.batch = sizeOf(batch, 0);
  attention.heads = sizeOf(batch, 1);
  attention.queries = sizeOf(query, 0);
  attention.keys = sizeOf(key, 0);
  attention.qkFeatures = sizeOf(qk, 0);
  attention.vFeatures = sizeOf(v, 0);
  attention.scale = op->getAttrOfType<FloatAttr>("scale").getValueAsDouble();
  for (unsigned t = 0; t < tensors; ++t) {
    bool isExtra = t >= firstExtra && t < inputs;
    shape.offsets.push_back(isExtra ? 0 : 4 * maps.offsets[t]);
    if (isExtra) {
      attention.strides.push_back({});
      continue;
    }
    bool isQuery = llvm::is_contained(withQuery, t);
    attention.strides.push_back(
        {strideOf(batch, 0, t), strideOf(batch, 1, t),
         isQuery ? strideOf(query, 0, t) : strideOf(key, 0, t),
         llvm::is_contained(withQk, t) ? strideOf(qk, 0, t)
                                       : strideOf(v, 0, t)});
  }
  analyzeBody(op, maps, shape);
  // Padding keys are hidden by the kernel, whatever the body says.
  for (auto [factor, role] : llvm::zip(maps.factors, maps.roles))
    shape.needsKernel |= role == Role::Key && factor.isPadded();
  return shape;
}

//===----------------------------------------------------------------------===//
// The kernel of the body
//===----------------------------------------------------------------------===//

namespace {

/// Evaluates the body at one (query, key) of one (batch, head).
class ScoreBody {
public:
  ScoreBody(KernelFrame &frame, FactoredOp op, const Maps &maps)
      : frame(frame), op(op), maps(maps), b(frame.builder) {}

  /// Local index of every factor of the body.
  SmallVector<Value> indices;
  Value score;

  FailureOr<Value> evaluate(Value value) {
    if (auto it = known.find(value); it != known.end())
      return it->second;
    FailureOr<Value> result = compute(value);
    if (succeeded(result))
      known[value] = *result;
    return result;
  }

private:
  KernelFrame &frame;
  FactoredOp op;
  const Maps &maps;
  OpBuilder &b;
  DenseMap<Value, Value> known;

  FailureOr<Value> compute(Value value) {
    Location loc = frame.loc;
    if (auto argument = dyn_cast<BlockArgument>(value)) {
      if (argument.getArgNumber() == 0)
        return score;
      return extra(argument.getArgNumber() - 1);
    }
    if (auto index = value.getDefiningOp<IndexOp>()) {
      for (auto [number, factor] : llvm::enumerate(maps.factors)) {
        if (factor.getName() != index.getFactor())
          continue;
        Value global = indices[number];
        if (!global)
          return op->emitError("the body uses the index of feature '")
                 << factor.getName() << "'";
        if (Value offset = frame.offsetOf(factor.getTerms()))
          global = arith::AddIOp::create(b, loc, global, offset);
        return global;
      }
    }
    Operation *definition = value.getDefiningOp();
    SmallVector<Value> operands;
    for (Value operand : definition->getOperands()) {
      FailureOr<Value> evaluated = evaluate(operand);
      if (failed(evaluated))
        return failure();
      operands.push_back(*evaluated);
    }
    return emitScalarOp(frame, definition, operands);
  }

  Value extra(unsigned number) {
    unsigned first = isa<AttentionBackwardOp>(op.getOperation()) ? 6 : 3;
    unsigned tensor = first + number;
    Location loc = frame.loc;
    Value index = frame.constant(maps.offsets[tensor]);
    for (auto [f, stride] : llvm::enumerate(maps.strides[tensor])) {
      if (!stride || maps.factors[f].getBound() == 1)
        continue;
      Value term =
          arith::MulIOp::create(b, loc, indices[f], frame.constant(stride));
      index = arith::AddIOp::create(b, loc, index, term);
    }
    Type element = cast<RankedTensorType>(op->getOperand(tensor).getType())
                       .getElementType();
    return frame.load(element, frame.buffer(1 + number), index);
  }
};

} // namespace

/// Splits a merged local number over the factors of a role, major to minor in
/// the order of `Maps::extents`.
static void splitIndex(KernelFrame &frame, Value number,
                       ArrayRef<unsigned> factors, const Maps &maps,
                       SmallVector<Value> &indices) {
  OpBuilder &b = frame.builder;
  for (unsigned f : llvm::reverse(factors)) {
    if (f == factors.front()) {
      indices[f] = number;
      break;
    }
    Value bound = frame.constant(maps.factors[f].getBound());
    indices[f] = arith::RemUIOp::create(b, frame.loc, number, bound);
    number = arith::DivUIOp::create(b, frame.loc, number, bound);
  }
}

LogicalResult colossal::lower::emitScoreKernel(KernelFrame &frame,
                                               FactoredOp op) {
  Maps maps(op);
  FailureOr<AttentionShape> shape = analyzeAttention(op);
  if (failed(shape))
    return failure();
  Block &block = op->getRegion(0).front();
  for (unsigned t = isa<AttentionOp>(op.getOperation()) ? 3 : 6;
       t < op->getNumOperands(); ++t) {
    bool clipped = false;
    maps.maps[t].walk([&](unsigned, unsigned, SubDimAttr sub) {
      clipped |= sub.getClipped();
    });
    if (clipped)
      return op->emitError("an extra operand is read through an offset");
  }
  // Factors of every role, major first, as merged by analyzeAttention.
  auto factorsOf = [&](Role role) {
    SmallVector<unsigned> list;
    for (unsigned f = 0; f < maps.factors.size(); ++f)
      if (maps.roles[f] == role && maps.factors[f].getBound() != 1)
        list.push_back(f);
    unsigned leader = role == Role::Key ? 1 : 0;
    llvm::sort(list, [&](unsigned x, unsigned y) {
      return std::make_pair(maps.strides[leader][x], y) >
             std::make_pair(maps.strides[leader][y], x);
    });
    return list;
  };
  ScoreBody body(frame, op, maps);
  body.indices.assign(maps.factors.size(), Value());
  Value zero = frame.constant(0);
  for (unsigned f = 0; f < maps.factors.size(); ++f)
    if (maps.factors[f].getBound() == 1)
      body.indices[f] = zero;

  // The caller's indices end with the local batch and head; where they are is
  // known once all offsets are, so offsets are collected first.
  block.walk([&](IndexOp index) {
    for (FactorAttr factor : maps.factors)
      if (factor.getName() == index.getFactor())
        frame.offsetOf(factor.getTerms());
  });
  for (auto [factor, role] : llvm::zip(maps.factors, maps.roles))
    if (role == Role::Key && factor.isPadded())
      frame.offsetOf(factor.getTerms());
  unsigned count = frame.offsets.size();
  Value batch = frame.integerAt(count), head = frame.integerAt(count + 1);
  frame.at(0);
  SmallVector<unsigned> batchFactors = factorsOf(Role::Batch);
  // Merged factors are consecutive: the first extent's product is `batch`.
  unsigned split = 0;
  for (int64_t size = 1;
       split < batchFactors.size() && size < shape->attention.batch; ++split)
    size *= maps.factors[batchFactors[split]].getBound();
  ArrayRef<unsigned> list(batchFactors);
  splitIndex(frame, batch, list.take_front(split), maps, body.indices);
  splitIndex(frame, head, list.drop_front(split), maps, body.indices);

  scf::ForOp rows = frame.loop(frame.begin, frame.end, 1, {}, false);
  Value keys = frame.constant(shape->attention.keys);
  Value row = arith::MulIOp::create(frame.builder, frame.loc,
                                    rows.getInductionVar(), keys);
  splitIndex(frame, rows.getInductionVar(), factorsOf(Role::Query), maps,
             body.indices);
  scf::ForOp columns = frame.loop(zero, keys, 1, {}, true);
  splitIndex(frame, columns.getInductionVar(), factorsOf(Role::Key), maps,
             body.indices);
  Value index = arith::AddIOp::create(frame.builder, frame.loc, row,
                                      columns.getInductionVar());
  body.score = frame.load(frame.builder.getF32Type(), frame.buffer(0), index);
  FailureOr<Value> masked = body.evaluate(block.getTerminator()->getOperand(0));
  if (failed(masked))
    return failure();
  for (auto [number, factor] : llvm::enumerate(maps.factors)) {
    if (maps.roles[number] != Role::Key || !factor.isPadded())
      continue;
    OpBuilder &b = frame.builder;
    Value global = arith::AddIOp::create(b, frame.loc, body.indices[number],
                                         frame.offsetOf(factor.getTerms()));
    Value exists =
        arith::CmpIOp::create(b, frame.loc, arith::CmpIPredicate::slt, global,
                              frame.constant(factor.getExtent()));
    Value hidden = frame.constantOf(b.getF32Type(),
                                    -std::numeric_limits<double>::infinity());
    masked = arith::SelectOp::create(b, frame.loc, exists, *masked, hidden)
                 .getResult();
  }
  frame.store(*masked, frame.buffer(0), index);
  frame.close();
  frame.close();
  return success();
}
