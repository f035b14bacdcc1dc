//===- GroupOf.cpp - What follows from the ops of a group -----------------===//

#include "GroupOf.h"
#include "colossal/Schedule/GroupingNames.h"

#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/SmallPtrSet.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::schedule;

GroupKind schedule::kindOf(Operation *op, const KernelPlanner &planner) {
  if (isa<SendOp>(op))
    return GroupKind::Send;
  if (isa<RecvOp>(op))
    return GroupKind::Recv;
  if (auto generic = dyn_cast<GenericOp>(op))
    if (aliasOffsetOf(generic))
      return GroupKind::Alias;
  // The others move values between ranks.
  return isa<FactoredOp, ShardSliceOp, ShardMaskOp>(op) ? planner.kindOf(op)
                                                        : GroupKind::Collective;
}

bool schedule::isCommunication(GroupKind kind) {
  return kind == GroupKind::Collective || kind == GroupKind::Send ||
         kind == GroupKind::Recv;
}

bool schedule::mayFuse(Operation *op, const KernelPlanner &planner) {
  GroupKind kind = kindOf(op, planner);
  return !isCommunication(kind) && kind != GroupKind::Alias &&
         planner.mayFuse(op);
}

bool schedule::isInlined(Operation *op, const KernelPlanner &planner) {
  return isIndexFunction(op) &&
         llvm::all_of(op->getUsers(), [&](Operation *user) {
           return isa<GenericOp>(user) &&
                  kindOf(user, planner) == GroupKind::Kernel;
         });
}

SmallVector<Value> schedule::inputsOf(ArrayRef<Operation *> ops) {
  llvm::SmallPtrSet<Operation *, 16> inside(ops.begin(), ops.end());
  llvm::SmallSetVector<Value, 16> inputs;
  for (Operation *op : ops)
    for (Value operand : op->getOperands())
      if (!operand.getDefiningOp() || !inside.contains(operand.getDefiningOp()))
        inputs.insert(operand);
  return inputs.takeVector();
}

SmallVector<Value> schedule::outputsOf(ArrayRef<Operation *> ops,
                                       const KernelPlanner &planner) {
  llvm::SmallPtrSet<Operation *, 16> inside(ops.begin(), ops.end());
  SmallVector<Value> outputs;
  for (Operation *op : ops) {
    if (isInlined(op, planner))
      continue;
    for (Value result : op->getResults())
      if (llvm::any_of(result.getUsers(),
                       [&](Operation *user) { return !inside.contains(user); }))
        outputs.push_back(result);
  }
  return outputs;
}

Group schedule::groupOf(func::FuncOp function, ArrayRef<Operation *> ops,
                        const KernelPlanner &planner, bool isPlaced) {
  SmallVector<Operation *> own = llvm::filter_to_vector(
      ops, [&](Operation *op) { return !isInlined(op, planner); });
  Group group;
  group.kind = own.size() == 1 ? kindOf(own[0], planner) : planner.kindOf(own);
  group.ops.assign(ops.begin(), ops.end());
  SmallVector<Value> inputs = inputsOf(ops), outputs = outputsOf(ops, planner);
  // A result that nobody uses still needs a place.
  if (outputs.empty() || group.kind == GroupKind::Library)
    outputs.assign(ops.back()->result_begin(), ops.back()->result_end());
  group.inputs.assign(inputs.begin(), inputs.end());
  group.outputs.assign(outputs.begin(), outputs.end());
  bool mayAccumulate =
      group.kind == GroupKind::Kernel || group.kind == GroupKind::Gemm;
  Operation *terminator = function.getBody().front().getTerminator();
  for (Value output : outputs)
    group.accumulate.push_back(
        mayAccumulate && llvm::any_of(output.getUses(), [&](OpOperand &use) {
          return use.getOwner() == terminator &&
                 function.getResultAttr(use.getOperandNumber(),
                                        names::accumulate);
        }));
  if (group.kind == GroupKind::Alias)
    group.aliasOffset = *aliasOffsetOf(cast<GenericOp>(own[0]));
  if (isPlaced || group.kind != GroupKind::Kernel)
    return group;
  KernelOps kernel{SmallVector<Operation *>(ops), std::move(outputs)};
  for (auto [input, output] : planner.inPlace(kernel, inputs))
    if (!group.accumulate[output])
      group.inPlace.push_back({input, output});
  return group;
}
