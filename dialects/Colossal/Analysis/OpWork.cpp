//===- OpWork.cpp - What a factored op costs, by its factors --------------===//

#include "Colossal/Analysis/OpWork.h"
#include "Colossal/Analysis/Contraction.h"
#include "Colossal/Analysis/Selection.h"
#include "Colossal/IR/Where.h"

using namespace mlir;
using namespace colossal;
using cost::FactorRole;

static int64_t flopsOf(Block &block) {
  int64_t flops = 0;
  block.walk([&](Operation *op) {
    if (op->hasTrait<OpTrait::ConstantLike>() || isa<IndexOp, YieldOp>(op))
      return;
    if (auto where = dyn_cast<WhereOp>(op))
      flops += scalarOpsOf(where);
    else if (isa<arith::DivFOp, math::SqrtOp, math::RsqrtOp>(op))
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
  if (auto contraction = analyzeContraction(*this);
      contraction && hasLibraryTypes(*this)) {
    work.kind = cost::Work::Kind::Product;
    work.roles = std::move(contraction->roles);
    return work;
  }
  work.roles.assign(op.getFactorList().size(), FactorRole::Loop);
  auto setFree = [&](const SolvedEquation &equation) {
    for (const SolvedEquation::Term &term : equation.solved)
      work.roles[term.factor] = FactorRole::Free;
  };
  if (std::optional<Selection> selection = analyzeSelection(*this)) {
    llvm::for_each(selection->sums, setFree);
    if (selection->scatter)
      setFree(*selection->scatter);
  }
  return work;
}

int64_t colossal::bodyWork(GenericOp op) {
  int64_t work = 0;
  for (Operation &inner : op.getBody().front()) {
    if (isa<arith::ConstantOp, YieldOp, IndexOp>(inner))
      continue;
    if (auto where = dyn_cast<WhereOp>(inner)) {
      work += scalarOpsOf(where);
      continue;
    }
    bool heavy = isa<math::MathDialect>(inner.getDialect()) &&
                 !isa<math::AbsFOp, math::FmaOp, math::SqrtOp>(inner);
    bool medium = isa<math::SqrtOp, math::RsqrtOp, arith::DivFOp,
                      arith::DivSIOp, arith::RemSIOp>(inner);
    heavy |= isa<RandomOp>(inner);
    work += heavy ? 16 : medium ? 4 : 1;
  }
  return work;
}
