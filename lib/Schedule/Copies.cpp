//===- Copies.cpp - Generics that copy ------------------------------------===//

#include "colossal/Schedule/Copies.h"

using namespace mlir;
using namespace colossal;

GenericOp schedule::buildCopy(OpBuilder &builder, Location loc, StringRef name,
                              ArrayRef<FactorAttr> factors, Value operand,
                              IndexMapAttr operandMap, IndexMapAttr resultMap) {
  Type element = cast<RankedTensorType>(operand.getType()).getElementType();
  OperationState state(loc, GenericOp::getOperationName());
  state.addOperands(operand);
  state.addTypes(RankedTensorType::get(resultMap.getShape(), element));
  SmallVector<Attribute> factorList(factors.begin(), factors.end());
  state.addAttribute("name", builder.getStringAttr(name));
  state.addAttribute("factors", builder.getArrayAttr(factorList));
  state.addAttribute("operandMaps", builder.getArrayAttr({operandMap}));
  state.addAttribute("resultMaps", builder.getArrayAttr({resultMap}));
  Region *region = state.addRegion();
  Block *body = new Block();
  region->push_back(body);
  body->addArgument(element, loc);
  OpBuilder inner(loc.getContext());
  inner.setInsertionPointToEnd(body);
  YieldOp::create(inner, loc, body->getArguments());
  return cast<GenericOp>(builder.create(state));
}

IndexMapAttr schedule::mapOf(MLIRContext *context, ArrayRef<unsigned> order,
                             ArrayRef<FactorAttr> factors) {
  SmallVector<DimAttr> dims;
  for (unsigned f : order)
    dims.push_back(DimAttr::get(
        context, SubDimAttr::get(context, f, 0, factors[f].getBound())));
  return IndexMapAttr::get(context, dims);
}
