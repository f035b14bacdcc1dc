//===- Mask.cpp - What the body of attention hides ------------------------===//

#include "Mask.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::attention;

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

Mask colossal::attention::readMask(FactoredOp op, const Maps &maps) {
  Mask mask;
  Block &block = op->getRegion(0).front();
  SmallVector<Value> conditions;
  bool finite = false;
  Value rest =
      peelMasks(block.getTerminator()->getOperand(0), conditions, finite);
  mask.hasMore = rest != block.getArgument(0);
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
      mask.hasMore = true;
  }
  // A large number hides a key only beside one that is visible. With the causal
  // mask alone, key 0 is; with other masks a whole row may be hidden, and then
  // all its keys count alike.
  if (causal && finite && (mask.hasMore || *causal < 0))
    mask.hasMore = true;
  else
    mask.causalOffset = causal;
  return mask;
}

double Mask::visibleShare(int64_t queries, int64_t keys) const {
  if (!causalOffset || queries <= 0 || keys <= 0)
    return 1;
  // Query q sees clamp(q + offset + 1, 0, keys) keys: none before `first`, all
  // from `full` on.
  double offset = double(*causalOffset);
  double first = std::clamp<double>(-offset - 1, 0, queries);
  double full = std::clamp<double>(double(keys) - offset - 1, first, queries);
  double rising = full - first;
  double visible = rising * (offset + 1 + (first + full - 1) / 2) +
                   (double(queries) - full) * double(keys);
  return visible / (double(queries) * double(keys));
}
