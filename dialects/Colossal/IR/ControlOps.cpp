//===- ControlOps.cpp - Control flow that Import produces -----------------===//

#include "Colossal/IR/ControlOps.h"

using namespace mlir;
using namespace colossal;

/// The region ends in an aten_yield of `count` values.
static LogicalResult checkYield(Operation *op, Region &region, size_t count) {
  Block &block = region.front();
  auto yield =
      block.empty() ? AtenYieldOp() : dyn_cast<AtenYieldOp>(block.back());
  if (!yield || yield.getNumOperands() != count)
    return op->emitOpError("expected a region that yields ")
           << count << " values";
  return success();
}

LogicalResult AtenIfOp::verify() {
  for (Region *region : {&getThenRegion(), &getElseRegion()}) {
    if (region->getNumArguments() != 0)
      return emitOpError("expected regions without arguments");
    if (failed(checkYield(*this, *region, getNumResults())))
      return failure();
  }
  return success();
}

LogicalResult AtenLoopOp::verify() {
  if (getCarried().size() != getNumResults() ||
      getBody().getNumArguments() != getNumResults() + 1)
    return emitOpError("expected as many carried values and results, and a "
                       "region of one argument more");
  return checkYield(*this, getBody(), getNumResults() + 1);
}

#define GET_OP_CLASSES
#include "Colossal/IR/ControlOps.cpp.inc"
