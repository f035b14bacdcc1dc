//===- RoundedSum.cpp - What a product's own call adds to it --------------===//

#include "RoundedSum.h"
#include "Colossal/Analysis/Contraction.h"
#include "Colossal/IR/NarrowFloat.h"
#include "Colossal/Transforms/NarrowOp.h"
#include "PrecisionTable.h"

using namespace mlir;
using namespace colossal;

static bool isProduct(Operation *op) {
  if (auto generic = dyn_cast<GenericOp>(op))
    return isSumOfProducts(generic);
  auto whole = dyn_cast<NarrowOp>(op);
  return whole && whole.mayGiveWide();
}

/// Whether the body only widens the argument: then it may be f32 as well.
static bool isWidened(BlockArgument argument) {
  return llvm::all_of(argument.getUsers(), llvm::IsaPred<arith::ExtFOp>);
}

OpOperand *colossal::productOfRoundedSum(GenericOp op) {
  FactoredOp sum(op.getOperation());
  if (op->getNumResults() != 1 || !hasNarrowFloats(op->getResult(0)) ||
      !op.isAllParallel() || op.getGroupAttr() ||
      sum.getPass() == Segment::Backward)
    return nullptr;
  StringRef call = atenCallOf(sum.getFactoredName());
  for (OpOperand &operand : op->getOpOperands()) {
    Operation *producer = operand.get().getDefiningOp();
    if (producer && hasNarrowFloats(operand.get()) &&
        operand.get().hasOneUse() && producer->getNumResults() == 1 &&
        isProduct(producer) &&
        atenCallOf(FactoredOp(producer).getFactoredName()) == call &&
        isWidened(op.getBody().getArgument(operand.getOperandNumber())))
      return &operand;
  }
  return nullptr;
}

void colossal::widenArguments(GenericOp op) {
  Block &body = op.getBody().front();
  OpBuilder builder = OpBuilder::atBlockBegin(&body);
  Type wide = builder.getF32Type();
  for (auto [operand, argument] :
       llvm::zip(op->getOperands(), body.getArguments())) {
    if (!isNarrowFloat(argument.getType()))
      continue;
    if (!hasNarrowFloats(operand)) {
      argument.setType(wide);
      continue;
    }
    Value widened = arith::ExtFOp::create(builder, op.getLoc(), wide, argument);
    argument.replaceAllUsesExcept(widened, widened.getDefiningOp());
  }
  for (Operation &inner : llvm::make_early_inc_range(body)) {
    for (Value result : inner.getResults())
      if (isNarrowFloat(result.getType()))
        result.setType(wide);
    // What were casts are none.
    if (isa<arith::ExtFOp, arith::TruncFOp>(inner) &&
        inner.getOperand(0).getType() == wide) {
      inner.getResult(0).replaceAllUsesWith(inner.getOperand(0));
      inner.erase();
    }
  }
}

void colossal::keepProductsWide(func::FuncOp function) {
  Type wide = Float32Type::get(function.getContext());
  for (GenericOp op : function.front().getOps<GenericOp>()) {
    OpOperand *operand = productOfRoundedSum(op);
    if (!operand)
      continue;
    Value product = operand->get();
    if (auto generic = product.getDefiningOp<GenericOp>())
      widenArguments(generic);
    product.setType(cast<RankedTensorType>(product.getType()).clone(wide));
    BlockArgument argument =
        op.getBody().getArgument(operand->getOperandNumber());
    argument.setType(wide);
    for (Operation *widened : llvm::make_early_inc_range(argument.getUsers())) {
      widened->getResult(0).replaceAllUsesWith(argument);
      widened->erase();
    }
  }
}
