//===- EmptyValues.cpp - Ops without iterations ---------------------------===//
//
// A tensor without elements is a function of nothing, a reduction over nothing
// is its neutral element, and every read of a tensor without elements is zero.
// So no factor of size 0 remains but in tensors that the program returns.
//
//===----------------------------------------------------------------------===//

#include "EmptyValues.h"
#include "Colossal/IR/Combiner.h"
#include "colossal/Normalize/GenericBuilder.h"

using namespace mlir;
using namespace colossal;

static bool isEmpty(Value value) {
  return cast<RankedTensorType>(value.getType()).getNumElements() == 0;
}

/// Replaces a result by its combiner's neutral element.
static void replaceByConstant(FactoredOp op, OpResult result) {
  OpBuilder builder(op);
  std::string name = op.getFactoredName().str();
  if (op->getNumResults() > 1)
    name += "." + std::to_string(result.getResultNumber());
  GenericBuilder g(builder, op->getLoc(), name);
  SmallVector<FactorAttr> factors = op.getFactorList();
  SmallVector<SmallVector<SubDimAttr>> dims;
  for (DimAttr dim : op.getResultMap(result.getResultNumber()).getDims()) {
    SmallVector<SubDimAttr> &subs = dims.emplace_back();
    for (SubDimAttr sub : dim.getSubDims())
      subs.push_back(
          sub.isConstant() ? sub : g.plain(g.factor(factors[sub.getFactor()])));
  }
  Type type = getElementTypeOrSelf(result.getType());
  g.result(type, g.map(dims));
  Combiner combiner = combinerOf(op.getCombiner(result.getResultNumber()));
  result.replaceAllUsesWith(g.build([&](ScalarBuilder &s, ValueRange) {
    return s.constant(neutralElement(combiner, type, result.getResultNumber()));
  }));
}

/// Reads of operands without elements become zeros.
static void dropEmptyOperands(GenericOp op) {
  Block &block = op.getBody().front();
  for (unsigned i = op->getNumOperands(); i-- > 0;) {
    if (!isEmpty(op->getOperand(i)))
      continue;
    OpBuilder builder = OpBuilder::atBlockBegin(&block);
    ScalarBuilder s(builder, op.getLoc());
    BlockArgument argument = block.getArgument(i);
    argument.replaceAllUsesWith(s.zero(argument.getType()));
    block.eraseArgument(i);
    op->eraseOperand(i);
    SmallVector<Attribute> maps(op.getOperandMaps().getValue());
    maps.erase(maps.begin() + i);
    op.setOperandMapsAttr(builder.getArrayAttr(maps));
  }
}

void normalize::removeEmptyValues(func::FuncOp function) {
  SmallVector<FactoredOp> ops;
  function.walk([&](FactoredOp op) { ops.push_back(op); });
  for (FactoredOp op : ops) {
    bool nothing = llvm::any_of(op.getFactorList(), [](FactorAttr factor) {
      return factor.getBound() == 0;
    });
    if (!nothing) {
      if (auto generic = dyn_cast<GenericOp>(op.getOperation()))
        dropEmptyOperands(generic);
      continue;
    }
    if (op->getNumOperands() == 0 && op->getNumResults() == 1 &&
        isEmpty(op->getResult(0)))
      continue;
    for (OpResult result : op->getResults())
      replaceByConstant(op, result);
    op->erase();
  }
}
