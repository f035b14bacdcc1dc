//===- GroupingCheck.cpp - What may be grouped ----------------------------===//

#include "colossal/Schedule/Grouping.h"
#include "colossal/Schedule/RankSchedule.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::schedule;

/// Fails at `place` where a kernel or a collective has no form of the type.
static LogicalResult checkType(Operation *place, Type type) {
  Type element = getElementTypeOrSelf(type);
  if (!dtypeOf(element) || !isCountable(type))
    return place->emitError("found a value of type ")
           << type << ", expected a tensor of " << kElementTypes
           << " with known sizes: the program was not normalized, or the "
              "engine has no such type";
  return success();
}

LogicalResult schedule::checkGroupable(func::FuncOp function) {
  if (function.isExternal())
    return success();
  if (!function.getBody().hasOneBlock())
    return function.emitError("expected a function of one block");
  Block &block = function.getBody().front();
  if (!isa<func::ReturnOp>(block.getTerminator()))
    return function.emitError("expected a function that ends with 'return'");
  for (BlockArgument argument : block.getArguments())
    if (failed(checkType(function, argument.getType())))
      return failure();
  for (Operation &op : block.without_terminator()) {
    if (!isa<FactoredOp, AllReduceOp, AllGatherOp, ReduceScatterOp,
             ShardSliceOp, ShardMaskOp, AllToAllOp, SendOp, RecvOp>(op))
      return op.emitError("found op '")
             << op.getName()
             << "', expected factored ops and collectives: the program was "
                "not normalized, or not partitioned";
    for (Type type : op.getResultTypes())
      if (failed(checkType(&op, type)))
        return failure();
  }
  return success();
}
