//===- OrderSums.cpp - Sums keep their order once vectorised --------------===//

#include "OrderSums.h"

#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/InstIterator.h"

using namespace llvm;
using namespace colossal::emit;

/// A product of the same iteration that may be contracted.
static BinaryOperator *productOf(Value *value, BinaryOperator *sum) {
  auto *product = dyn_cast<BinaryOperator>(value);
  return product && product->getOpcode() == Instruction::FMul &&
                 product->hasAllowContract() &&
                 product->getParent() == sum->getParent()
             ? product
             : nullptr;
}

PreservedAnalyses OrderSums::run(Function &function,
                                 FunctionAnalysisManager &) {
  SmallVector<BinaryOperator *> found;
  for (Instruction &instruction : instructions(function))
    if (auto *binary = dyn_cast<BinaryOperator>(&instruction);
        binary && isa<FPMathOperator>(binary) && binary->hasAllowReassoc())
      found.push_back(binary);
  for (BinaryOperator *sum : found) {
    BinaryOperator *product = nullptr;
    unsigned other = 0;
    if (sum->getOpcode() == Instruction::FAdd && sum->hasAllowContract())
      for (unsigned side : {1u, 0u})
        if (!product && (product = productOf(sum->getOperand(side), sum)))
          other = 1 - side;
    sum->setHasAllowReassoc(false);
    if (!product)
      continue;
    IRBuilder<> builder(sum);
    Value *fused = builder.CreateIntrinsic(
        hasFma ? Intrinsic::fma : Intrinsic::fmuladd, {sum->getType()},
        {product->getOperand(0), product->getOperand(1),
         sum->getOperand(other)});
    sum->replaceAllUsesWith(fused);
    sum->eraseFromParent();
    if (product->use_empty())
      product->eraseFromParent();
  }
  if (found.empty())
    return PreservedAnalyses::all();
  PreservedAnalyses preserved;
  preserved.preserveSet<CFGAnalyses>();
  return preserved;
}
