//===- SimplifyGeneric.cpp - Tidies a body and its operands ---------------===//

#include "Colossal/Transforms/FactorEditing.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;
using namespace colossal;

static FloatAttr constantFloat(Value value) {
  auto constant = value.getDefiningOp<arith::ConstantOp>();
  return constant ? dyn_cast<FloatAttr>(constant.getValue()) : FloatAttr();
}

namespace {

/// pow(x, n) for n = 0, 0.5, 1, 2, 3, 4 and their negatives as products, as
/// PyTorch does for 2 and 3.
struct ExpandSmallPower : OpRewritePattern<math::PowFOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(math::PowFOp op,
                                PatternRewriter &rewriter) const override {
    FloatAttr exponent = constantFloat(op.getRhs());
    if (!exponent)
      return rewriter.notifyMatchFailure(op, "the exponent is not constant");
    double n = exponent.getValueAsDouble();
    Value x = op.getLhs();
    Location loc = op.getLoc();
    auto one = [&]() -> Value {
      return arith::ConstantOp::create(
          rewriter, loc, rewriter.getFloatAttr(op.getType(), 1.0));
    };
    auto times = [&](Value a, Value b) -> Value {
      return arith::MulFOp::create(rewriter, loc, a, b);
    };
    auto over = [&](Value a, Value b) -> Value {
      return arith::DivFOp::create(rewriter, loc, a, b);
    };
    // Negative powers start from 1 / x^2: where that overflows, so does what is
    // asked for, which is not true of x^3 and x^4.
    Value result;
    if (n == 0)
      result = one();
    else if (n == 0.5)
      result = math::SqrtOp::create(rewriter, loc, x);
    else if (n == -0.5)
      result = over(one(), math::SqrtOp::create(rewriter, loc, x));
    else if (n == 1)
      result = x;
    else if (n == 2)
      result = times(x, x);
    else if (n == 3 || n == 4)
      result = times(times(x, x), n == 3 ? x : times(x, x));
    else if (n == -1)
      result = over(one(), x);
    else if (n == -2 || n == -3 || n == -4)
      result = over(one(), times(x, x));
    else
      return rewriter.notifyMatchFailure(op, "not a small power");
    if (n == -3)
      result = over(result, x);
    if (n == -4)
      result = times(result, result);
    rewriter.replaceOp(op, result);
    return success();
  }
};

/// x * 1, x + 0, x - 0, 0 - x are left by differentiation in great number.
struct DropNeutralElement : RewritePattern {
  DropNeutralElement(MLIRContext *context)
      : RewritePattern(MatchAnyOpTypeTag(), 1, context) {}
  LogicalResult matchAndRewrite(Operation *op,
                                PatternRewriter &rewriter) const override {
    if (!isa<arith::MulFOp, arith::AddFOp, arith::SubFOp, arith::DivFOp>(op))
      return failure();
    double neutral = isa<arith::MulFOp, arith::DivFOp>(op) ? 1.0 : 0.0;
    FloatAttr right = constantFloat(op->getOperand(1));
    if (right && right.getValueAsDouble() == neutral) {
      rewriter.replaceOp(op, op->getOperand(0));
      return success();
    }
    FloatAttr left = constantFloat(op->getOperand(0));
    if (left && left.getValueAsDouble() == neutral &&
        isa<arith::MulFOp, arith::AddFOp>(op)) {
      rewriter.replaceOp(op, op->getOperand(1));
      return success();
    }
    return failure();
  }
};

} // namespace

/// Merges equal operands of `op` and drops unused ones.
static void tidyOperands(GenericOp op) {
  FactoredOp factored(op.getOperation());
  Block &block = op.getBody().front();
  SmallVector<Value> operands;
  SmallVector<Attribute> maps;
  llvm::BitVector dropped(op.getNumOperands());
  SmallVector<unsigned> kept;
  for (unsigned i = 0, e = op.getNumOperands(); i < e; ++i) {
    BlockArgument argument = block.getArgument(i);
    Value operand = op->getOperand(i);
    Attribute map = factored.getOperandMap(i);
    for (auto [position, other] : llvm::enumerate(kept))
      if (op->getOperand(other) == operand && maps[position] == map)
        argument.replaceAllUsesWith(block.getArgument(other));
    if (argument.use_empty()) {
      dropped.set(i);
      continue;
    }
    kept.push_back(i);
    operands.push_back(operand);
    maps.push_back(map);
  }
  if (dropped.none())
    return;
  block.eraseArguments(dropped);
  op->setOperands(operands);
  op->setAttr("operandMaps", ArrayAttr::get(op.getContext(), maps));
}

void colossal::simplifyBodies(Operation *root) {
  MLIRContext *context = root->getContext();
  RewritePatternSet patterns(context);
  patterns.add<ExpandSmallPower, DropNeutralElement>(context);
  WhereOp::getCanonicalizationPatterns(patterns, context);
  for (RegisteredOperationName name : context->getRegisteredOperations())
    if (name.getDialectNamespace() == "arith" ||
        name.getDialectNamespace() == "math")
      name.getCanonicalizationPatterns(patterns, context);
  GreedyRewriteConfig config;
  config.setRegionSimplificationLevel(GreedySimplifyRegionLevel::Disabled);
  FrozenRewritePatternSet frozen(std::move(patterns));
  for (Region &region : root->getRegions())
    (void)applyPatternsGreedily(region, frozen, config);
  root->walk([&](GenericOp op) { tidyOperands(op); });
}
