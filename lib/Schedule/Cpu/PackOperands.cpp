//===- PackOperands.cpp - Operands that strides describe ------------------===//

#include "PackOperands.h"
#include "Products.h"
#include "colossal/Schedule/Copies.h"
#include "colossal/Schedule/MatrixProduct.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::schedule;
using namespace colossal::schedule::cpu;

/// The op as it will be: on tensors that do not exist yet.
static GenericOp cloneWithPlan(GenericOp op, ArrayRef<unsigned> packed) {
  OpBuilder builder(op);
  FactoredOp factored(op.getOperation());
  SmallVector<FactorAttr> factors = factored.getFactorList();
  SmallVector<IndexMapAttr> maps = {factored.getOperandMap(0),
                                    factored.getOperandMap(1)};
  for (unsigned operand : packed)
    maps[operand] = mapOf(op.getContext(), packedOrder(op, operand), factors);
  return cast<GenericOp>(cloneFactored(builder, factored, op->getOperands(),
                                       op->getResultTypes(), factors, maps,
                                       {factored.getResultMap(0)}));
}

void Packer::pack(GenericOp op) {
  if (!isLibraryProduct(op) || matchMatrixProduct(op))
    return;
  for (SmallVector<unsigned> operands :
       {SmallVector<unsigned>{0}, {1}, {0, 1}}) {
    GenericOp packed = cloneWithPlan(op, operands);
    bool matches = matchMatrixProduct(packed).has_value();
    packed->erase();
    if (!matches)
      continue;
    for (unsigned operand : operands)
      packOperand(op, operand);
    return;
  }
}

void Packer::packOperand(GenericOp op, unsigned operand) {
  OpBuilder builder(op);
  MLIRContext *context = op.getContext();
  FactoredOp factored(op.getOperation());
  SmallVector<FactorAttr> factors = factored.getFactorList();
  SmallVector<unsigned> order = packedOrder(op, operand);
  IndexMapAttr map = factored.getOperandMap(operand);

  // In the copy, the factors are the operand's alone and all parallel.
  SmallVector<FactorAttr> copyFactors;
  DenseMap<int64_t, int64_t> renumbered;
  SmallVector<unsigned> copyOrder;
  for (auto [number, f] : llvm::enumerate(order)) {
    FactorAttr factor = factors[f];
    copyFactors.push_back(FactorAttr::get(
        context, factor.getName(), factor.getBound(), FactorKind::Parallel,
        factor.getExtent(), factor.getTerms()));
    renumbered[f] = number;
    copyOrder.push_back(number);
  }
  IndexMapAttr readMap = map.replace([&](SubDimAttr sub) {
    return SmallVector<SubDimAttr>{
        sub.isConstant() ? sub
                         : SubDimAttr::get(context, renumbered[sub.getFactor()],
                                           sub.getOffset(), sub.getBound())};
  });
  Value source = op->getOperand(operand);
  Attribute key = ArrayAttr::get(
      context, {readMap, ArrayAttr::get(context, {copyFactors.begin(),
                                                  copyFactors.end()})});
  Value &copy = copies[{source, key}];
  if (!copy) {
    GenericOp built = buildCopy(
        builder, op.getLoc(), (op.getName() + "/pack." + Twine(operand)).str(),
        copyFactors, source, readMap, mapOf(context, copyOrder, copyFactors));
    copy = built->getResult(0);
  }
  op->setOperand(operand, copy);
  SmallVector<Attribute> maps(op.getOperandMaps().begin(),
                              op.getOperandMaps().end());
  maps[operand] = mapOf(context, order, factors);
  op.setOperandMapsAttr(builder.getArrayAttr(maps));
}