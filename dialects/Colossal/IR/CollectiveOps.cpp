//===- CollectiveOps.cpp - Verifiers of collectives -----------------------===//

#include "Colossal/IR/Combiner.h"
#include "Colossal/IR/FactoredChecks.h"
#include "Colossal/IR/MeshAttribute.h"
#include "llvm/ADT/SmallSet.h"

using namespace mlir;
using namespace colossal;

/// L1: tensors of known sizes, not too many elements to count, and one type of
/// elements.
static LogicalResult verifyTensors(Operation *op) {
  for (TypeRange types :
       {TypeRange(op->getOperandTypes()), TypeRange(op->getResultTypes())})
    for (Type type : types)
      if (!isCountable(type))
        return op->emitOpError("L1: found a value of type ")
               << type << ", expected a tensor with known sizes";
  if (op->getNumOperands() && op->getNumResults())
    if (Type from = getElementTypeOrSelf(op->getOperand(0)),
        to = getElementTypeOrSelf(op->getResult(0));
        from != to)
      return op->emitOpError("L1: found elements of type ")
             << to << " in the result, expected the operand's, " << from;
  return success();
}

/// The sizes of a view.
static LogicalResult verifyView(Operation *op, ArrayRef<int64_t> sizes) {
  __int128 elements = 1;
  for (int64_t size : sizes) {
    elements *= size;
    if (size < 0 || elements > kMaxElements)
      return op->emitOpError("L1: found a view of sizes [")
             << sizes << "], expected sizes that are not negative, of at most "
             << kMaxElements << " elements";
  }
  return success();
}

static LogicalResult verifySameType(Operation *op) {
  if (failed(verifyTensors(op)))
    return failure();
  if (op->getOperand(0).getType() != op->getResult(0).getType())
    return op->emitOpError("L1: found result type ")
           << op->getResult(0).getType() << ", expected the operand's, "
           << op->getOperand(0).getType();
  return success();
}

static LogicalResult verifyCombiner(Operation *op, FactorKind combiner) {
  return verifyCombines(op, "L3", combiner,
                        getElementTypeOrSelf(op->getOperand(0)));
}

/// L4: distinct axes of the mesh; `time` for slices alone, which are local.
static LogicalResult verifyAxes(Operation *op, ArrayAttr axes,
                                bool mayBeTime = false) {
  llvm::SmallSet<StringRef, 4> seen;
  for (Attribute entry : axes) {
    StringRef axis = cast<StringAttr>(entry).getValue();
    if (!seen.insert(axis).second)
      return op->emitOpError("L4: found the axis '") << axis << "' twice";
    if ((axis == names::timeAxis && !mayBeTime) ||
        sizeOfAxis(op, axis).value_or(1) == 0)
      return op->emitOpError("L4: found the axis '")
             << axis << "', expected axes of the mesh";
  }
  return success();
}

/// Ranks of the group; nothing where the module has no mesh.
static std::optional<int64_t> groupSize(Operation *op, ArrayAttr axes) {
  int64_t size = 1;
  for (Attribute axis : axes) {
    std::optional<int64_t> coordinates =
        sizeOfAxis(op, cast<StringAttr>(axis).getValue());
    if (!coordinates)
      return std::nullopt;
    size *= *coordinates;
  }
  return size;
}

/// The full side of a gather, scatter or slice has outer * extent * innermost
/// elements; the other has outer * bound * innermost for some bound.
static LogicalResult verifyCut(Operation *op, ArrayAttr axes, Value full,
                               Value part, int64_t outer, int64_t extent,
                               int64_t innermost) {
  if (failed(verifyTensors(op)) ||
      failed(verifyAxes(op, axes, isa<ShardSliceOp>(op))) ||
      failed(verifyView(op, {outer, extent, innermost})))
    return failure();
  auto count = [](Value v) {
    return cast<RankedTensorType>(v.getType()).getNumElements();
  };
  if (count(full) != outer * extent * innermost)
    return op->emitOpError("L1: found ")
           << count(full) << " elements in the full tensor, expected "
           << outer * extent * innermost;
  int64_t row = outer * innermost;
  if (row == 0 && count(part) == 0)
    return success(); // tensors without elements are cut like others
  if (row == 0 || count(part) % row != 0 || count(part) / row > extent)
    return op->emitOpError("L2: found ")
           << count(part) << " elements in the shard, expected a multiple of "
           << row << " of at most " << row * extent;
  std::optional<int64_t> group = groupSize(op, axes);
  if (group && count(part) != row * llvm::divideCeilSigned(extent, *group))
    return op->emitOpError("L2: found ")
           << count(part) << " elements in the shard of a group of " << *group
           << ", expected " << row * llvm::divideCeilSigned(extent, *group);
  return success();
}

LogicalResult AllReduceOp::verify() {
  return failure(failed(verifySameType(*this)) ||
                 failed(verifyAxes(*this, getAxes())) ||
                 failed(verifyCombiner(*this, getCombiner())));
}
LogicalResult ShardMaskOp::verify() {
  return failure(failed(verifySameType(*this)) ||
                 failed(verifyAxes(*this, getAxes())));
}
LogicalResult AllGatherOp::verify() {
  return verifyCut(*this, getAxes(), getResult(), getInput(), getOuter(),
                   getExtent(), getInnermost());
}
LogicalResult ReduceScatterOp::verify() {
  return failure(failed(verifyCombiner(*this, getCombiner())) ||
                 failed(verifyCut(*this, getAxes(), getInput(), getResult(),
                                  getOuter(), getExtent(), getInnermost())));
}
LogicalResult ShardSliceOp::verify() {
  return verifyCut(*this, getAxes(), getInput(), getResult(), getOuter(),
                   getExtent(), getInnermost());
}
LogicalResult AllToAllOp::verify() {
  auto count = [](Value v) {
    return cast<RankedTensorType>(v.getType()).getNumElements();
  };
  if (failed(verifyTensors(*this)) || failed(verifyAxes(*this, getAxes())) ||
      failed(verifyView(*this, {int64_t(getOuter()), int64_t(getXExtent()),
                                int64_t(getMiddle()), int64_t(getYExtent()),
                                int64_t(getInnermost())})))
    return failure();
  int64_t rest = getOuter() * getMiddle() * getInnermost();
  Value cutX = getGatherX() ? getInput() : getResult();
  Value cutY = getGatherX() ? getResult() : getInput();
  if (count(cutX) == 0 && count(cutY) == 0)
    return success();
  if (std::optional<int64_t> group = groupSize(*this, getAxes())) {
    int64_t x =
        llvm::divideCeilSigned(getXExtent(), *group) * getYExtent() * rest;
    int64_t y =
        llvm::divideCeilSigned(getYExtent(), *group) * getXExtent() * rest;
    if (count(cutX) != x || count(cutY) != y)
      return emitOpError("L2: found ")
             << count(cutX) << " and " << count(cutY)
             << " elements cut along x and y, expected " << x << " and " << y;
  }
  if (rest == 0 || getXExtent() == 0 || getYExtent() == 0 ||
      count(cutX) % (rest * getYExtent()) != 0 ||
      count(cutY) % (rest * getXExtent()) != 0)
    return emitOpError("L1: the tensors do not have the shape of the view");
  return success();
}
LogicalResult ReshardOp::verify() {
  if (failed(verifyTensors(*this)))
    return failure();
  for (ShardingAttr sharding : {getFrom(), getTo()})
    if (failed(verifySharding(*this, sharding, getInput().getType())))
      return failure();
  for (ShardingAttr sharding : {getFrom(), getTo()})
    for (PartialAttr partial : sharding.getPartial())
      if (failed(verifyCombines(*this, "S2", partial.getCombiner(),
                                getElementTypeOrSelf(getInput()))))
        return failure();
  return verifyPlacement(PlacedOp(getOperation()));
}

//===----------------------------------------------------------------------===//
// Transfers
//===----------------------------------------------------------------------===//

static LogicalResult verifyTransfer(Operation *op, int64_t peer, int64_t tag) {
  if (failed(verifyTensors(op)))
    return failure();
  std::optional<Stages> stages = stagesOf(op);
  int64_t count = stages ? stages->groups : kMaxCount;
  if (peer < 0 || peer >= count)
    return op->emitOpError("T1: found the device group ")
           << peer << ", expected one from 0 to below " << count;
  if (tag < 0)
    return op->emitOpError("T2: found the tag ")
           << tag << ", expected one that is not negative";
  return success();
}

LogicalResult SendOp::verify() {
  return verifyTransfer(*this, getPeer(), getTag());
}
LogicalResult RecvOp::verify() {
  return verifyTransfer(*this, getPeer(), getTag());
}
