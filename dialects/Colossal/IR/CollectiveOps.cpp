//===- CollectiveOps.cpp - Verifiers of collectives -----------------------===//

#include "Colossal/IR/ColossalDialect.h"

using namespace mlir;
using namespace colossal;

static LogicalResult verifySameType(Operation *op) {
  if (op->getOperand(0).getType() != op->getResult(0).getType())
    return op->emitOpError("C1: found result type ")
           << op->getResult(0).getType() << ", expected the operand's, "
           << op->getOperand(0).getType();
  return success();
}

static LogicalResult verifyCombiner(Operation *op, FactorKind combiner) {
  if (combiner == FactorKind::Parallel)
    return op->emitOpError("C2: the combiner must be 'sum' or 'max'");
  return success();
}

/// The full side of a gather, scatter or slice has outer * extent * innermost
/// elements; the other has outer * bound * innermost for some bound.
static LogicalResult verifyCut(Operation *op, Value full, Value part,
                               int64_t outer, int64_t extent,
                               int64_t innermost) {
  auto count = [](Value v) {
    return cast<RankedTensorType>(v.getType()).getNumElements();
  };
  if (count(full) != outer * extent * innermost)
    return op->emitOpError("C1: found ")
           << count(full) << " elements in the full tensor, expected "
           << outer * extent * innermost;
  int64_t row = outer * innermost;
  if (row == 0 || count(part) % row != 0 || count(part) / row > extent)
    return op->emitOpError("C2: found ")
           << count(part) << " elements in the shard, expected a multiple of "
           << row << " of at most " << row * extent;
  return success();
}

LogicalResult AllReduceOp::verify() {
  return failure(failed(verifySameType(*this)) ||
                 failed(verifyCombiner(*this, getCombiner())));
}
LogicalResult ShardMaskOp::verify() { return verifySameType(*this); }
LogicalResult AllGatherOp::verify() {
  return verifyCut(*this, getResult(), getInput(), getOuter(), getExtent(),
                   getInnermost());
}
LogicalResult ReduceScatterOp::verify() {
  return failure(failed(verifyCombiner(*this, getCombiner())) ||
                 failed(verifyCut(*this, getInput(), getResult(), getOuter(),
                                  getExtent(), getInnermost())));
}
LogicalResult ShardSliceOp::verify() {
  return verifyCut(*this, getInput(), getResult(), getOuter(), getExtent(),
                   getInnermost());
}
LogicalResult AllToAllOp::verify() {
  auto count = [](Value v) {
    return cast<RankedTensorType>(v.getType()).getNumElements();
  };
  int64_t rest = getOuter() * getMiddle() * getInnermost();
  Value cutX = getGatherX() ? getInput() : getResult();
  Value cutY = getGatherX() ? getResult() : getInput();
  if (rest == 0 || count(cutX) % (rest * getYExtent()) != 0 ||
      count(cutY) % (rest * getXExtent()) != 0)
    return emitOpError("C1: the tensors do not have the shape of the view");
  return success();
}
