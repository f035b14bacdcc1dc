//===- GroupOf.cpp - What follows from the ops of a group -----------------===//

#include "GroupOf.h"
#include "colossal/Schedule/GroupingNames.h"
#include "colossal/Schedule/KernelPlan.h"
#include "colossal/Schedule/MatrixProduct.h"

#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/SmallPtrSet.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::schedule;

GroupKind schedule::kindOf(Operation *op) {
  if (isa<SendOp>(op))
    return GroupKind::Send;
  if (isa<RecvOp>(op))
    return GroupKind::Recv;
  if (isa<ShardSliceOp, ShardMaskOp>(op))
    return GroupKind::Kernel;
  if (auto generic = dyn_cast<GenericOp>(op)) {
    if (aliasOffsetOf(generic))
      return GroupKind::Alias;
    if (isLibraryProduct(generic) && matchMatrixProduct(generic))
      return GroupKind::Gemm;
    return GroupKind::Kernel;
  }
  return isa<FactoredOp>(op) ? GroupKind::Library : GroupKind::Collective;
}

bool schedule::isInlined(Operation *op) {
  return isIndexFunction(op) &&
         llvm::all_of(op->getUsers(), [](Operation *user) {
           return isa<GenericOp>(user) && kindOf(user) == GroupKind::Kernel;
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

SmallVector<Value> schedule::outputsOf(ArrayRef<Operation *> ops) {
  llvm::SmallPtrSet<Operation *, 16> inside(ops.begin(), ops.end());
  SmallVector<Value> outputs;
  for (Operation *op : ops) {
    if (isInlined(op))
      continue;
    for (Value result : op->getResults())
      if (llvm::any_of(result.getUsers(),
                       [&](Operation *user) { return !inside.contains(user); }))
        outputs.push_back(result);
  }
  return outputs;
}

Group schedule::groupOf(func::FuncOp function, ArrayRef<Operation *> ops,
                        bool isPlaced) {
  Operation *own = *llvm::find_if_not(ops, isInlined);
  Group group;
  group.kind = kindOf(own);
  group.ops.assign(ops.begin(), ops.end());
  SmallVector<Value> inputs = inputsOf(ops), outputs = outputsOf(ops);
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
    group.aliasOffset = *aliasOffsetOf(cast<GenericOp>(own));
  if (isPlaced || group.kind != GroupKind::Kernel || !isa<GenericOp>(own))
    return group;
  std::string reason;
  if (std::optional<KernelPlan> plan = planKernel(ops, outputs, reason))
    for (auto [i, input] : llvm::enumerate(inputs))
      for (auto [o, output] : llvm::enumerate(outputs))
        if (!group.accumulate[o] && mayShareBuffer(*plan, input, output))
          group.inPlace.push_back({i, o});
  return group;
}
