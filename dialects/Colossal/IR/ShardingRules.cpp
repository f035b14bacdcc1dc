//===- ShardingRules.cpp - What may be cut, derived from maps and bodies --===//

#include "Colossal/IR/ColossalDialect.h"

using namespace mlir;
using namespace colossal;

/// A factor that indexes some tensor through an offset needs elements of a
/// neighbour's shard (a halo), which is not supported.
static bool hasOffsetUse(FactoredOp op, unsigned factor) {
  bool found = false;
  auto visit = [&](unsigned, unsigned, SubDimAttr sub) {
    found |= sub.getFactor() == int64_t(factor) && sub.getClipped();
  };
  for (unsigned i = 0, e = op->getNumOperands(); i < e; ++i)
    op.getOperandMap(i).walk(visit);
  return found;
}

bool GenericOp::isShardable(unsigned factor) {
  return !hasOffsetUse(*this, factor);
}

/// A factor of attention: where it occurs.
static bool inMap(FactoredOp op, unsigned operand, unsigned factor) {
  return op.getOperandMap(operand).uses(factor);
}

bool AttentionOp::isShardable(unsigned factor) {
  // Batch and query: factors of q that are not features of the scores.
  return inMap(*this, 0, factor) &&
         FactoredOp(*this).getResultMap(0).uses(factor) &&
         !hasOffsetUse(*this, factor);
}

bool AttentionBackwardOp::isShardable(unsigned factor) {
  // Batch, query and key: all but the features.
  bool query = inMap(*this, 0, factor) && inMap(*this, 3, factor);
  bool key = inMap(*this, 1, factor) && inMap(*this, 2, factor);
  return (query || key) && !hasOffsetUse(*this, factor);
}

//===----------------------------------------------------------------------===//
// Linearity
//===----------------------------------------------------------------------===//

namespace {
/// How a scalar depends on a set of operands: not at all, linearly, otherwise.
enum class Dependence { None, Linear, Other };
} // namespace

static Dependence dependence(Value value,
                             const llvm::SmallDenseSet<Value> &operands) {
  if (operands.contains(value))
    return Dependence::Linear;
  Operation *op = value.getDefiningOp();
  if (!op)
    return Dependence::None;
  SmallVector<Dependence> inputs;
  for (Value operand : op->getOperands())
    inputs.push_back(dependence(operand, operands));
  bool anyLinear = llvm::is_contained(inputs, Dependence::Linear);
  bool anyOther = llvm::is_contained(inputs, Dependence::Other);
  if (!anyLinear && !anyOther)
    return Dependence::None;
  if (anyOther)
    return Dependence::Other;
  auto isZero = [](Value v) {
    FloatAttr attr;
    if (auto constant = v.getDefiningOp<arith::ConstantOp>())
      attr = dyn_cast<FloatAttr>(constant.getValue());
    return attr && attr.getValue().isZero();
  };
  if (isa<arith::AddFOp, arith::SubFOp>(op))
    return inputs[0] == inputs[1] ? Dependence::Linear : Dependence::Other;
  if (isa<arith::NegFOp, arith::ExtFOp, arith::TruncFOp>(op))
    return Dependence::Linear;
  if (isa<arith::MulFOp>(op))
    return inputs[0] != inputs[1] ? Dependence::Linear : Dependence::Other;
  if (isa<arith::DivFOp>(op))
    return inputs[1] == Dependence::None ? Dependence::Linear
                                         : Dependence::Other;
  if (auto select = dyn_cast<arith::SelectOp>(op)) {
    if (inputs[0] != Dependence::None)
      return Dependence::Other;
    bool trueOk =
        inputs[1] == Dependence::Linear || isZero(select.getTrueValue());
    bool falseOk =
        inputs[2] == Dependence::Linear || isZero(select.getFalseValue());
    return trueOk && falseOk ? Dependence::Linear : Dependence::Other;
  }
  return Dependence::Other;
}

SmallVector<SmallVector<unsigned>> GenericOp::getLinearOperandSets() {
  SmallVector<SmallVector<unsigned>> sets;
  for (Attribute attr : getFactors())
    if (cast<FactorAttr>(attr).getKind() == FactorKind::Max)
      return sets;
  Block &block = getBody().front();
  auto isLinear = [&](ArrayRef<unsigned> set) {
    llvm::SmallDenseSet<Value> arguments;
    for (unsigned index : set)
      arguments.insert(block.getArgument(index));
    return llvm::all_of(getYielded(), [&](Value value) {
      return dependence(value, arguments) == Dependence::Linear;
    });
  };
  SmallVector<unsigned> floats;
  for (auto [index, argument] : llvm::enumerate(block.getArguments()))
    if (isa<FloatType>(argument.getType()))
      floats.push_back(index);
  for (unsigned index : floats)
    if (isLinear({index}))
      sets.push_back({index});
  // Sums of several terms: the set of all operands, and each pair.
  if (floats.size() > 1 && isLinear(floats))
    sets.push_back(floats);
  if (floats.size() > 2)
    for (unsigned i = 0; i < floats.size() && floats.size() <= 8; ++i)
      for (unsigned j = i + 1; j < floats.size(); ++j)
        if (isLinear({floats[i], floats[j]}))
          sets.push_back({floats[i], floats[j]});
  return sets;
}

SmallVector<SmallVector<unsigned>> AttentionOp::getLinearOperandSets() {
  return {};
}

SmallVector<SmallVector<unsigned>> AttentionBackwardOp::getLinearOperandSets() {
  return {};
}

//===----------------------------------------------------------------------===//
// Shardings implied by a strategy
//===----------------------------------------------------------------------===//

ShardingAttr colossal::shardingOf(FactoredOp op, IndexMapAttr map,
                                  bool isResult, ArrayRef<NamedAttribute> axes,
                                  ArrayRef<StringAttr> axisOrder) {
  MLIRContext *context = op->getContext();
  SmallVector<FactorAttr> factors = op.getFactorList();
  auto factorOf = [&](StringAttr axis) -> int64_t {
    for (NamedAttribute entry : axes)
      if (entry.getName() == axis.getValue())
        for (auto [index, factor] : llvm::enumerate(factors))
          if (factor.getName() ==
              cast<StringAttr>(cast<ArrayAttr>(entry.getValue())[0]).getValue())
            return index;
    return -1;
  };
  SmallVector<DimShardingAttr> dims;
  for (DimAttr dim : map.getDims()) {
    SmallVector<AxesAttr> subs;
    for (SubDimAttr sub : dim.getSubDims()) {
      SmallVector<StringAttr> cut;
      if (sub.isPlain())
        for (StringAttr axis : axisOrder)
          if (factorOf(axis) == sub.getFactor())
            cut.push_back(axis);
      subs.push_back(AxesAttr::get(context, cut));
    }
    dims.push_back(DimShardingAttr::get(context, subs));
  }
  SmallVector<PartialAttr> partial;
  if (isResult)
    for (StringAttr axis : axisOrder) {
      int64_t factor = factorOf(axis);
      if (factor >= 0 && !map.uses(factor)) {
        FactorKind kind = factors[factor].getKind();
        // A result without the factor sums over it (attention's gradients).
        if (kind == FactorKind::Parallel)
          kind = FactorKind::Sum;
        partial.push_back(PartialAttr::get(context, axis, kind));
      }
    }
  return ShardingAttr::get(context, dims, partial);
}
