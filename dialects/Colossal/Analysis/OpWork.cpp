//===- OpWork.cpp - What a factored op costs, by its factors --------------===//

#include "Colossal/Analysis/OpWork.h"
#include "Colossal/Analysis/Contraction.h"
#include "Colossal/Analysis/OneHot.h"
#include "Colossal/Analysis/Placement.h"

using namespace mlir;
using namespace colossal;
using cost::FactorRole;

static int64_t flopsOf(Block &block) {
  int64_t flops = 0;
  block.walk([&](Operation *op) {
    if (op->hasTrait<OpTrait::ConstantLike>() || isa<IndexOp, YieldOp>(op))
      return;
    if (isa<arith::DivFOp, math::SqrtOp, math::RsqrtOp>(op))
      flops += cost::flopsOfDivision;
    else if (isa<RandomOp>(op))
      flops += cost::flopsOfRandom;
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
  work.flopsPerPoint = flopsOf(op->getRegion(0).front());
  // The combination of a reduction.
  if (!isAllParallel())
    ++work.flopsPerPoint;
  Type element = getElementTypeOrSelf(op->getResultTypes()[0]);
  if (auto contraction = analyzeContraction(*this);
      contraction && element.isF32()) {
    work.kind = cost::Work::Kind::Product;
    work.roles = std::move(contraction->roles);
    return work;
  }
  work.roles.assign(op.getFactorList().size(), FactorRole::Loop);
  if (std::optional<OneHot> oneHot = analyzeOneHot(*this))
    work.roles[oneHot->factor] = FactorRole::Free;
  else if (std::optional<Placement> placement = analyzePlacement(*this))
    for (const Placement::Equation &equation : placement->equations)
      for (const Placement::Term &term : equation.solved)
        work.roles[term.factor] = FactorRole::Free;
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
    heavy |= isa<RandomOp>(inner);
    work += heavy ? 16 : medium ? 4 : 1;
  }
  return work;
}
