//===- ShardingRules.cpp - What may be cut, derived from maps and bodies --===//

#include "Colossal/IR/Combiner.h"
#include "Colossal/IR/FactoredChecks.h"
#include "Colossal/IR/Linearity.h"
#include "llvm/ADT/Sequence.h"

using namespace mlir;
using namespace colossal;

bool colossal::hasOffsetUse(FactoredOp op, unsigned factor) {
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

//===----------------------------------------------------------------------===//
// Linearity
//===----------------------------------------------------------------------===//

namespace {
/// How a scalar depends on a set of operands: not at all, linearly, otherwise.
enum class Dependence { None, Linear, Other };
} // namespace

static bool isZero(Value value) {
  FloatAttr attr;
  if (auto constant = value.getDefiningOp<arith::ConstantOp>())
    attr = dyn_cast<FloatAttr>(constant.getValue());
  return attr && attr.getValue().isZero();
}

/// From the dependences of an op's operands.
static Dependence dependenceOf(Operation &op, ArrayRef<Dependence> inputs) {
  if (llvm::is_contained(inputs, Dependence::Other))
    return Dependence::Other;
  if (!llvm::is_contained(inputs, Dependence::Linear))
    return Dependence::None;
  bool linear = false;
  if (isa<arith::AddFOp, arith::SubFOp>(op)) {
    linear = inputs[0] == inputs[1] ||
             isZero(op.getOperand(inputs[0] == Dependence::None ? 0 : 1));
  } else if (isa<arith::NegFOp, arith::ExtFOp, arith::TruncFOp>(op)) {
    linear = true;
  } else if (isa<arith::MulFOp>(op)) {
    linear = inputs[0] != inputs[1];
  } else if (isa<arith::DivFOp>(op)) {
    linear = inputs[1] == Dependence::None;
  } else if (isa<WhereOp>(op)) {
    linear = llvm::all_of(inputs.drop_front(),
                          [](Dependence id) { return id == Dependence::None; });
  } else if (isa<arith::SelectOp>(op)) {
    linear = inputs[0] == Dependence::None &&
             llvm::all_of(llvm::seq(1, 3), [&](int branch) {
               return inputs[branch] == Dependence::Linear ||
                      isZero(op.getOperand(branch));
             });
  }
  return linear ? Dependence::Linear : Dependence::Other;
}

static bool isLinear(GenericOp op, ArrayRef<unsigned> set) {
  Block &block = op.getBody().front();
  llvm::DenseMap<Value, Dependence> known;
  for (unsigned index : set)
    known[block.getArgument(index)] = Dependence::Linear;
  SmallVector<Dependence> inputs;
  for (Operation &inner : block.without_terminator()) {
    inputs.clear();
    for (Value operand : inner.getOperands())
      inputs.push_back(known.lookup_or(operand, Dependence::None));
    Dependence result = dependenceOf(inner, inputs);
    if (result != Dependence::None)
      for (Value value : inner.getResults())
        known[value] = result;
  }
  return llvm::all_of(op.getYielded(), [&](Value value) {
    return known.lookup_or(value, Dependence::None) == Dependence::Linear;
  });
}

/// Whether the op reduces by what does not commute with sums.
static bool hasNonlinearCombiner(GenericOp op) {
  std::optional<Combiner> combiner = combinerOf(FactoredOp(op.getOperation()));
  return combiner && !factsOf(*combiner).isLinear;
}

bool colossal::isLinearIn(FactoredOp op, ArrayRef<unsigned> set) {
  auto generic = dyn_cast<GenericOp>(op.getOperation());
  // A whole op has few sets and lists them all.
  if (!generic)
    return llvm::is_contained(op.getLinearOperandSets(),
                              SmallVector<unsigned>(set));
  if (set.empty() || hasNonlinearCombiner(generic))
    return false;
  Block &block = generic.getBody().front();
  return llvm::all_of(set,
                      [&](unsigned index) {
                        return index < block.getNumArguments() &&
                               isa<FloatType>(
                                   block.getArgument(index).getType());
                      }) &&
         isLinear(generic, set);
}

SmallVector<SmallVector<unsigned>> GenericOp::getLinearOperandSets() {
  SmallVector<SmallVector<unsigned>> sets;
  if (hasNonlinearCombiner(*this))
    return sets;
  SmallVector<unsigned> floats;
  for (auto [index, argument] :
       llvm::enumerate(getBody().front().getArguments()))
    if (isa<FloatType>(argument.getType()))
      floats.push_back(index);
  auto add = [&](ArrayRef<unsigned> set) {
    if (isLinear(*this, set))
      sets.emplace_back(set.begin(), set.end());
  };
  for (unsigned index : floats)
    add({index});
  // Sums of several terms: the set of all operands, and each pair.
  if (floats.size() > 1)
    add(floats);
  if (floats.size() > 2 && floats.size() <= 8)
    for (unsigned i = 0; i < floats.size(); ++i)
      for (unsigned j = i + 1; j < floats.size(); ++j)
        add({floats[i], floats[j]});
  return sets;
}

//===----------------------------------------------------------------------===//
// Shardings implied by a strategy
//===----------------------------------------------------------------------===//

ShardingAttr colossal::shardingOf(FactoredOp op, IndexMapAttr map,
                                  bool isResult, AxesAttr axes,
                                  ArrayRef<StringAttr> axisOrder) {
  MLIRContext *context = op->getContext();
  SmallVector<FactorAttr> factors = op.getFactorList();
  auto factorOf = [&](StringAttr axis) -> int64_t {
    for (AxisUseAttr use : axes.getUses())
      if (use.getAxis() == axis && !use.isLinear())
        for (auto [index, factor] : llvm::enumerate(factors))
          if (factor.getName() == use.getFactor().getValue())
            return index;
    return -1;
  };
  SmallVector<DimShardingAttr> dims;
  for (DimAttr dim : map.getDims()) {
    SmallVector<CutAttr> subs;
    for (SubDimAttr sub : dim.getSubDims()) {
      SmallVector<StringAttr> cut;
      if (sub.isPlain())
        for (StringAttr axis : axisOrder)
          if (factorOf(axis) == sub.getFactor())
            cut.push_back(axis);
      subs.push_back(CutAttr::get(context, cut));
    }
    dims.push_back(DimShardingAttr::get(context, subs));
  }
  SmallVector<PartialAttr> partial;
  if (isResult)
    for (StringAttr axis : axisOrder) {
      int64_t factor = factorOf(axis);
      if (factor >= 0 && !map.uses(factor)) {
        FactorKind kind = factors[factor].getKind();
        // A result without the factor sums over it (a whole op's gradients).
        if (kind == FactorKind::Parallel)
          kind = FactorKind::Sum;
        // Tuples of the parts are combined at once.
        if (isTuple(combinerOf(kind)))
          continue;
        partial.push_back(PartialAttr::get(context, axis, kind));
      }
    }
  return ShardingAttr::get(context, dims, partial);
}
