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

/// The product's factors are widened before they are multiplied.
static void makeWide(GenericOp product) {
  Block &body = product.getBody().front();
  OpBuilder builder = OpBuilder::atBlockBegin(&body);
  Type wide = builder.getF32Type();
  for (BlockArgument argument : body.getArguments()) {
    if (!isNarrowFloat(argument.getType()))
      continue;
    Value widened =
        arith::ExtFOp::create(builder, product.getLoc(), wide, argument);
    argument.replaceAllUsesExcept(widened, widened.getDefiningOp());
  }
  product.getYielded()[0].setType(wide);
}

void colossal::keepProductsWide(func::FuncOp function) {
  Type wide = Float32Type::get(function.getContext());
  for (GenericOp op : function.front().getOps<GenericOp>()) {
    OpOperand *operand = productOfRoundedSum(op);
    if (!operand)
      continue;
    Value product = operand->get();
    if (auto generic = product.getDefiningOp<GenericOp>())
      makeWide(generic);
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
