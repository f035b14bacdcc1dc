//===- OneHot.cpp - Recognises sums over a one-hot predicate --------------===//

#include "Colossal/Analysis/OneHot.h"
#include "Colossal/IR/Combiner.h"

using namespace mlir;
using namespace colossal;

static bool isZero(Value value) {
  auto constant = value.getDefiningOp<arith::ConstantOp>();
  if (!constant)
    return false;
  if (auto real = dyn_cast<FloatAttr>(constant.getValue()))
    return real.getValue().isZero();
  auto integer = dyn_cast<IntegerAttr>(constant.getValue());
  return integer && integer.getValue().isZero();
}

/// `value` is the block argument of an operand, perhaps extended or truncated.
static BlockArgument asArgument(Value value) {
  while (Operation *op = value.getDefiningOp()) {
    if (!isa<arith::ExtSIOp, arith::TruncIOp>(op))
      return {};
    value = op->getOperand(0);
  }
  return dyn_cast<BlockArgument>(value);
}

std::optional<OneHot> colossal::analyzeOneHot(GenericOp op) {
  FactoredOp factored(op.getOperation());
  if (op.getNumResults() != 1 || !isZeroNeutral(factored))
    return std::nullopt;
  SmallVector<FactorAttr> factors = factored.getFactorList();
  auto select = op.getYielded()[0].getDefiningOp<arith::SelectOp>();
  if (!select || !isZero(select.getFalseValue()))
    return std::nullopt;
  auto compare = select.getCondition().getDefiningOp<arith::CmpIOp>();
  if (!compare || compare.getPredicate() != arith::CmpIPredicate::eq)
    return std::nullopt;
  for (bool swap : {false, true}) {
    Value id = swap ? compare.getRhs() : compare.getLhs();
    Value index = swap ? compare.getLhs() : compare.getRhs();
    auto indexOp = index.getDefiningOp<IndexOp>();
    BlockArgument argument = asArgument(id);
    if (!indexOp || !argument)
      continue;
    for (auto [number, factor] : llvm::enumerate(factors)) {
      if (factor.getName() != indexOp.getFactor() ||
          factored.getOperandMap(argument.getArgNumber()).uses(number))
        continue;
      return OneHot{unsigned(number), argument.getArgNumber(),
                    select.getTrueValue(), !factor.isParallel()};
    }
  }
  return std::nullopt;
}
