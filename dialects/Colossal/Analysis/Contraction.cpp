//===- Contraction.cpp - Sums of products ---------------------------------===//

#include "Colossal/Analysis/Contraction.h"
#include "Colossal/Analysis/Selection.h"
#include "Colossal/IR/Combiner.h"
#include "Colossal/IR/NarrowFloat.h"

using namespace mlir;
using namespace colossal;
using cost::FactorRole;

/// Whether the op sums `value`, the product of its arguments.
static bool isSumOfProducts(GenericOp op, Value value) {
  if (op.getNumOperands() != 2 || op.getNumResults() != 1 ||
      !isSum(FactoredOp(op.getOperation())))
    return false;
  auto product = value.getDefiningOp<arith::MulFOp>();
  if (!product)
    return false;
  auto factorOf = [](Value value) {
    auto widened = value.getDefiningOp<arith::ExtFOp>();
    return widened ? widened.getIn() : value;
  };
  Block &block = op.getBody().front();
  Value x = block.getArgument(0), y = block.getArgument(1);
  Value a = factorOf(product.getLhs()), b = factorOf(product.getRhs());
  return (a == x && b == y) || (a == y && b == x);
}

bool colossal::isSumOfProducts(GenericOp op) {
  return llvm::all_of(op.getBody().front(),
                      llvm::IsaPred<arith::ExtFOp, arith::MulFOp, YieldOp>) &&
         ::isSumOfProducts(op, op.getYielded()[0]);
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

/// The roles of factors; `free` are those that equations place.
static std::optional<Contraction> rolesOf(GenericOp op,
                                          const llvm::SmallBitVector &free) {
  FactoredOp factored(op.getOperation());
  SmallVector<FactorAttr> factors = factored.getFactorList();
  IndexMapAttr a = factored.getOperandMap(0), b = factored.getOperandMap(1);
  if (!isSimple(a, factors.size()) || !isSimple(b, factors.size()))
    return std::nullopt;
  Contraction result;
  for (auto [number, factor] : llvm::enumerate(factors)) {
    bool inA = a.uses(number), inB = b.uses(number), inC = factor.isParallel();
    if (free.test(number)) {
      if (inA || inB || !inC)
        return std::nullopt;
      result.roles.push_back(FactorRole::Free);
    } else if (factor.getBound() == 1 && !inC)
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

std::optional<Contraction> colossal::analyzeContraction(GenericOp op) {
  if (!isSumOfProducts(op))
    return std::nullopt;
  size_t count = FactoredOp(op.getOperation()).getFactorList().size();
  return rolesOf(op, llvm::SmallBitVector(count));
}

std::optional<Contraction> colossal::analyzePlacedContraction(GenericOp op) {
  auto where = op.getYielded()[0].getDefiningOp<WhereOp>();
  if (!where)
    return analyzeContraction(op);
  bool isShort = llvm::all_of(
      op.getBody().front(),
      llvm::IsaPred<arith::ExtFOp, arith::MulFOp, WhereOp, YieldOp>);
  if (!isShort || !where.getIds().empty() ||
      !::isSumOfProducts(op, where.getValue()))
    return std::nullopt;
  FactoredOp factored(op.getOperation());
  llvm::SmallBitVector free(factored.getFactorList().size());
  for (unsigned number = 0, e = where.getEquations().size(); number < e;
       ++number)
    free |= factorsOf(factored, where.getEquation(number));
  return rolesOf(op, free);
}

int64_t Contraction::size(FactoredOp op, FactorRole role) const {
  int64_t size = 1;
  for (auto [factor, its] : llvm::zip(op.getFactorList(), roles))
    if (its == role)
      size *= factor.getBound();
  return size;
}
