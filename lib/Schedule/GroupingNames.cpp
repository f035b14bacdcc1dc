//===- GroupingNames.cpp - Small questions about grouped ops --------------===//

#include "colossal/Schedule/GroupingNames.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::schedule;

StringRef colossal::schedule::nameOfOp(Operation *op) {
  if (auto factored = dyn_cast<FactoredOp>(op))
    return factored.getFactoredName();
  if (auto name = op->getAttrOfType<StringAttr>("name"))
    return name.getValue();
  return op->getName().getStringRef();
}

bool colossal::schedule::isIndexFunction(Operation *op) {
  auto generic = dyn_cast_or_null<GenericOp>(op);
  return generic && generic.getNumOperands() == 0 && generic.isAllParallel() &&
         !generic->hasAttr(kMaterialize);
}

/// Stride of every factor, and the position of the first element.
static std::pair<SmallVector<int64_t>, int64_t> stridesOf(IndexMapAttr map,
                                                          unsigned numFactors) {
  SmallVector<int64_t> strides(numFactors, 0);
  int64_t stride = 1, offset = 0;
  for (DimAttr dim : llvm::reverse(map.getDims()))
    for (SubDimAttr sub : llvm::reverse(dim.getSubDims())) {
      offset += sub.getOffset() * stride;
      if (!sub.isConstant())
        strides[sub.getFactor()] += stride;
      stride *= sub.getBound();
    }
  return {strides, offset};
}

std::optional<int64_t> colossal::schedule::aliasOffsetOf(GenericOp op) {
  Block &body = op.getBody().front();
  if (op->hasAttr(kMaterialize) || op.getNumOperands() != 1 ||
      op.getNumResults() != 1 || !op.isAllParallel() ||
      body.getOperations().size() != 1 ||
      op.getYielded()[0] != body.getArgument(0))
    return std::nullopt;
  FactoredOp factored(op.getOperation());
  bool clipped = false;
  factored.getOperandMap(0).walk(
      [&](unsigned, unsigned, SubDimAttr sub) { clipped |= sub.getClipped(); });
  if (clipped)
    return std::nullopt;
  SmallVector<FactorAttr> factors = factored.getFactorList();
  auto [from, offset] = stridesOf(factored.getOperandMap(0), factors.size());
  auto [to, zero] = stridesOf(factored.getResultMap(0), factors.size());
  for (auto [factor, x, y] : llvm::zip(factors, from, to))
    if (factor.getBound() != 1 && x != y)
      return std::nullopt;
  return offset;
}
