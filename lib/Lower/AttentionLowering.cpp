//===- AttentionLowering.cpp - Attention as a runtime op ------------------===//

#include "AttentionLowering.h"
#include "AttentionMaps.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::lower;
using namespace colossal::lower::attention;

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
