//===- OpWork.cpp - What a factored op costs, by its factors --------------===//

#include "Colossal/Analysis/OpWork.h"
#include "Colossal/Analysis/OneHot.h"
#include "Colossal/Analysis/Placement.h"

using namespace mlir;
using namespace colossal;

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

static SmallVector<FactorRole> productRoles(FactoredOp op) {
  SmallVector<FactorRole> roles;
  for (auto [index, factor] : llvm::enumerate(op.getFactorList())) {
    bool left = op.getOperandMap(0).uses(index);
    bool right = op.getOperandMap(1).uses(index);
    if (factor.getKind() == FactorKind::Max || (!left && !right))
      return {};
    roles.push_back(!factor.isParallel() ? FactorRole::Inner
                    : left && right      ? FactorRole::Batch
                    : left               ? FactorRole::Rows
                                         : FactorRole::Columns);
  }
  return roles;
}

static void countBody(Block &block, OpWork &work) {
  block.walk([&](Operation *op) {
    if (op->hasTrait<OpTrait::ConstantLike>() || isa<IndexOp, YieldOp>(op))
      return;
    if (isa<arith::DivFOp, math::SqrtOp, math::RsqrtOp>(op))
      ++work.divisions;
    else if (isa<math::ExpOp, math::Exp2Op, math::LogOp, math::Log1pOp>(op))
      ++work.exponentials;
    else if (op->getDialect() && op->getDialect()->getNamespace() == "math" &&
             !isa<math::AbsFOp, math::FmaOp>(op))
      ++work.tangents;
    else
      ++work.simple;
  });
}

static bool comparesTwoIndices(Block &block) {
  bool found = false;
  block.walk([&](arith::CmpIOp compare) {
    SmallVector<Value> pending(compare->getOperands());
    llvm::SmallDenseSet<StringAttr> names;
    llvm::SmallPtrSet<Operation *, 16> seen;
    while (!pending.empty()) {
      Operation *op = pending.pop_back_val().getDefiningOp();
      if (!op || !seen.insert(op).second)
        continue;
      if (auto index = dyn_cast<IndexOp>(op))
        names.insert(index.getFactorAttr());
      llvm::append_range(pending, op->getOperands());
    }
    found |= names.size() > 1;
  });
  return found;
}

static SmallVector<FactorRole> attentionRoles(FactoredOp op) {
  SmallVector<FactorRole> roles;
  for (unsigned i = 0, e = op.getFactorList().size(); i < e; ++i) {
    bool q = op.getOperandMap(0).uses(i), k = op.getOperandMap(1).uses(i),
         v = op.getOperandMap(2).uses(i);
    roles.push_back(q && k && v ? FactorRole::Batch
                    : q && k    ? FactorRole::QueryFeatures
                    : q         ? FactorRole::Queries
                    : k && v    ? FactorRole::Keys
                                : FactorRole::ValueFeatures);
  }
  return roles;
}

OpWork colossal::analyzeWork(FactoredOp op) {
  OpWork work;
  Block &block = op->getRegion(0).front();
  auto generic = dyn_cast<GenericOp>(op.getOperation());
  if (!generic) {
    work.kind = OpWork::Kind::Attention;
    work.roles = attentionRoles(op);
    work.causal = comparesTwoIndices(block);
    work.backward = isa<AttentionBackwardOp>(op.getOperation());
    return work;
  }
  if (op->getNumOperands() == 2) {
    work.roles = productRoles(op);
    if (!work.roles.empty() && isProduct(generic, work.roles)) {
      work.kind = OpWork::Kind::Product;
      return work;
    }
  }
  work.roles.assign(op.getFactorList().size(), FactorRole::Loop);
  if (std::optional<OneHot> oneHot = analyzeOneHot(generic))
    work.roles[oneHot->factor] = FactorRole::Free;
  else if (std::optional<Placement> placement = analyzePlacement(generic))
    for (const Placement::Equation &equation : placement->equations)
      for (const Placement::Term &term : equation.solved)
        work.roles[term.factor] = FactorRole::Free;
  countBody(block, work);
  // The combination of a reduction.
  if (!generic.isAllParallel())
    ++work.simple;
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
