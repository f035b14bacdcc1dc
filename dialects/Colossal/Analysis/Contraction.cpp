//===- Contraction.cpp - Sums of products ---------------------------------===//

#include "Colossal/Analysis/Contraction.h"
#include "Colossal/IR/Combiner.h"
#include "Colossal/IR/NarrowFloat.h"

using namespace mlir;
using namespace colossal;
using cost::FactorRole;

bool colossal::isSumOfProducts(GenericOp op) {
  Block &block = op.getBody().front();
  bool isShort =
      llvm::all_of(block, llvm::IsaPred<arith::ExtFOp, arith::MulFOp, YieldOp>);
  if (op.getNumOperands() != 2 || op.getNumResults() != 1 || !isShort ||
      !isSum(FactoredOp(op.getOperation())))
    return false;
  auto product = op.getYielded()[0].getDefiningOp<arith::MulFOp>();
  if (!product)
    return false;
  auto factorOf = [](Value value) {
    auto widened = value.getDefiningOp<arith::ExtFOp>();
    return widened ? widened.getIn() : value;
  };
  Value x = block.getArgument(0), y = block.getArgument(1);
  Value a = factorOf(product.getLhs()), b = factorOf(product.getRhs());
  return (a == x && b == y) || (a == y && b == x);
}

bool colossal::hasLibraryTypes(GenericOp op) {
  Type a = getElementTypeOrSelf(op->getOperand(0));
  Type b = getElementTypeOrSelf(op->getOperand(1));
  Type c = getElementTypeOrSelf(op->getResult(0));
  return a == b &&
         ((a.isF32() && c == a) || (isNarrowFloat(a) && (c == a || c.isF32())));
}

/// No clips, no factor twice.
static bool isSimple(IndexMapAttr map, size_t numFactors) {
  SmallVector<bool> seen(numFactors, false);
  bool simple = true;
  map.walk([&](unsigned, unsigned, SubDimAttr sub) {
    if (sub.isConstant())
      return;
    simple &= !sub.getClipped() && !seen[sub.getFactor()];
    seen[sub.getFactor()] = true;
  });
  return simple;
}

std::optional<Contraction> colossal::analyzeContraction(GenericOp op) {
  if (!isSumOfProducts(op))
    return std::nullopt;
  FactoredOp factored(op.getOperation());
  SmallVector<FactorAttr> factors = factored.getFactorList();
  IndexMapAttr a = factored.getOperandMap(0), b = factored.getOperandMap(1);
  if (!isSimple(a, factors.size()) || !isSimple(b, factors.size()))
    return std::nullopt;
  Contraction result;
  for (auto [number, factor] : llvm::enumerate(factors)) {
    bool inA = a.uses(number), inB = b.uses(number), inC = factor.isParallel();
    if (factor.getBound() == 1 && !inC)
      result.roles.push_back(FactorRole::Inner);
    else if (inA && inB)
      result.roles.push_back(inC ? FactorRole::Batch : FactorRole::Inner);
    else if (inC && (inA || inB))
      result.roles.push_back(inA ? FactorRole::Rows : FactorRole::Columns);
    else
      return std::nullopt;
  }
  return result;
}

int64_t Contraction::size(FactoredOp op, FactorRole role) const {
  int64_t size = 1;
  for (auto [factor, its] : llvm::zip(op.getFactorList(), roles))
    if (its == role)
      size *= factor.getBound();
  return size;
}
