//===- CollectiveOps.cpp - Verifiers of collectives -----------------------===//

#include "Colossal/IR/Combiner.h"

using namespace mlir;
using namespace colossal;

/// Tensors of known sizes, and not too many elements to count.
static LogicalResult verifyTensors(Operation *op) {
  for (TypeRange types :
       {TypeRange(op->getOperandTypes()), TypeRange(op->getResultTypes())})
    for (Type type : types)
      if (!isCountable(type))
        return op->emitOpError("C1: found a value of type ")
               << type << ", expected a tensor with known sizes";
  return success();
}

/// The sizes of a view.
static LogicalResult verifyView(Operation *op, ArrayRef<int64_t> sizes) {
  __int128 elements = 1;
  for (int64_t size : sizes) {
    elements *= size;
    if (size < 0 || elements > kMaxElements)
      return op->emitOpError("C1: found a view of sizes [")
             << sizes << "], expected sizes that are not negative, of at most "
             << kMaxElements << " elements";
  }
  return success();
}

static LogicalResult verifySameType(Operation *op) {
  if (failed(verifyTensors(op)))
    return failure();
  if (op->getOperand(0).getType() != op->getResult(0).getType())
    return op->emitOpError("C1: found result type ")
           << op->getResult(0).getType() << ", expected the operand's, "
           << op->getOperand(0).getType();
  return success();
}

static LogicalResult verifyCombiner(Operation *op, FactorKind combiner) {
  return verifyCombines(op, "C3", combiner,
                        getElementTypeOrSelf(op->getOperand(0)));
}

/// The full side of a gather, scatter or slice has outer * extent * innermost
/// elements; the other has outer * bound * innermost for some bound.
static LogicalResult verifyCut(Operation *op, Value full, Value part,
                               int64_t outer, int64_t extent,
                               int64_t innermost) {
  if (failed(verifyTensors(op)) ||
      failed(verifyView(op, {outer, extent, innermost})))
    return failure();
  auto count = [](Value v) {
    return cast<RankedTensorType>(v.getType()).getNumElements();
  };
  if (count(full) != outer * extent * innermost)
    return op->emitOpError("C1: found ")
           << count(full) << " elements in the full tensor, expected "
           << outer * extent * innermost;
  int64_t row = outer * innermost;
  if (row == 0 && count(part) == 0)
    return success(); // tensors without elements are cut like others
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
  if (failed(verifyTensors(*this)) ||
      failed(verifyView(*this, {int64_t(getOuter()), int64_t(getXExtent()),
                                int64_t(getMiddle()), int64_t(getYExtent()),
                                int64_t(getInnermost())})))
    return failure();
  int64_t rest = getOuter() * getMiddle() * getInnermost();
  Value cutX = getGatherX() ? getInput() : getResult();
  Value cutY = getGatherX() ? getResult() : getInput();
  if (count(cutX) == 0 && count(cutY) == 0)
    return success();
  if (rest == 0 || getXExtent() == 0 || getYExtent() == 0 ||
      count(cutX) % (rest * getYExtent()) != 0 ||
      count(cutY) % (rest * getXExtent()) != 0)
    return emitOpError("C1: the tensors do not have the shape of the view");
  return success();
}
LogicalResult ReshardOp::verify() {
  if (failed(verifyTensors(*this)))
    return failure();
  int64_t rank = cast<RankedTensorType>(getInput().getType()).getRank();
  for (ShardingAttr sharding : {getFrom(), getTo()})
    if (int64_t(sharding.getDims().size()) != rank)
      return emitOpError("C1: found the sharding ")
             << sharding << " of a tensor of rank " << rank;
  for (ShardingAttr sharding : {getFrom(), getTo()})
    for (PartialAttr partial : sharding.getPartial())
      if (failed(verifyCombines(*this, "C2", partial.getCombiner(),
                                getElementTypeOrSelf(getInput()))))
        return failure();
  return success();
}
