//===- OpWork.cpp - What a factored op costs, by its factors --------------===//

#include "Colossal/Analysis/OpWork.h"
#include "Colossal/Analysis/OneHot.h"
#include "Colossal/Analysis/Placement.h"
#include "Colossal/IR/Combiner.h"

using namespace mlir;
using namespace colossal;
using cost::FactorRole;

/// Two operands, multiplied and summed, and a factor on either side of the sum:
/// what a library computes.
static bool isProduct(GenericOp op, ArrayRef<FactorRole> roles) {
  Block &block = op.getBody().front();
  if (op.getNumOperands() != 2 || op.getNumResults() != 1 ||
      !llvm::hasNItems(block, 2) || op.isAllParallel())
    return false;
  auto mul = op.getYielded()[0].getDefiningOp<arith::MulFOp>();
  if (!mul || mul.getLhs() == mul.getRhs())
    return false;
  for (Value side : {mul.getLhs(), mul.getRhs()})
    if (!isa<BlockArgument>(side))
      return false;
  for (FactorRole role :
       {FactorRole::Rows, FactorRole::Columns, FactorRole::Inner})
    if (!llvm::is_contained(roles, role))
      return false;
  return true;
}

static std::vector<FactorRole> productRoles(FactoredOp op) {
  std::vector<FactorRole> roles;
  if (!isSum(op))
    return roles;
  for (auto [index, factor] : llvm::enumerate(op.getFactorList())) {
    bool left = op.getOperandMap(0).uses(index);
    bool right = op.getOperandMap(1).uses(index);
    if (!left && !right)
      return {};
    roles.push_back(!factor.isParallel() ? FactorRole::Inner
                    : left && right      ? FactorRole::Batch
                    : left               ? FactorRole::Rows
                                         : FactorRole::Columns);
  }
  return roles;
}

static int64_t flopsOf(Block &block) {
  int64_t flops = 0;
  block.walk([&](Operation *op) {
    if (op->hasTrait<OpTrait::ConstantLike>() || isa<IndexOp, YieldOp>(op))
      return;
    if (isa<arith::DivFOp, math::SqrtOp, math::RsqrtOp>(op))
      flops += cost::flopsOfDivision;
    else if (isa<math::ExpOp, math::Exp2Op, math::LogOp, math::Log1pOp>(op))
      flops += cost::flopsOfExponential;
    else if (op->getDialect() && op->getDialect()->getNamespace() == "math" &&
             !isa<math::AbsFOp, math::FmaOp>(op))
      flops += cost::flopsOfTanh;
    else
      ++flops;
  });
  return flops;
}

cost::Work GenericOp::getWork() {
  FactoredOp op(getOperation());
  cost::Work work;
  if (op->getNumOperands() == 2) {
    work.roles = productRoles(op);
    if (!work.roles.empty() && isProduct(*this, work.roles)) {
      work.kind = cost::Work::Kind::Product;
      return work;
    }
  }
  work.roles.assign(op.getFactorList().size(), FactorRole::Loop);
  if (std::optional<OneHot> oneHot = analyzeOneHot(*this))
    work.roles[oneHot->factor] = FactorRole::Free;
  else if (std::optional<Placement> placement = analyzePlacement(*this))
    for (const Placement::Equation &equation : placement->equations)
      for (const Placement::Term &term : equation.solved)
        work.roles[term.factor] = FactorRole::Free;
  work.flopsPerPoint = flopsOf(op->getRegion(0).front());
  // The combination of a reduction.
  if (!isAllParallel())
    ++work.flopsPerPoint;
  return work;
}

int64_t colossal::bodyWork(GenericOp op) {
  int64_t work = 0;
  for (Operation &inner : op.getBody().front()) {
    if (isa<arith::ConstantOp, YieldOp, IndexOp>(inner))
      continue;
    bool heavy = isa<math::MathDialect>(inner.getDialect()) &&
                 !isa<math::AbsFOp, math::FmaOp, math::SqrtOp>(inner);
    bool medium = isa<math::SqrtOp, math::RsqrtOp, arith::DivFOp,
                      arith::DivSIOp, arith::RemSIOp>(inner);
    work += heavy ? 16 : medium ? 4 : 1;
  }
  return work;
}
