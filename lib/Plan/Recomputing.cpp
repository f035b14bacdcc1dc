//===- Recomputing.cpp - Ops of forward, again in backward ----------------===//

#include "Recomputing.h"

#include <algorithm>

using namespace mlir;
using namespace colossal;
using namespace colossal::plan;

static bool isBackward(Operation *op) {
  auto placed = dyn_cast<PlacedOp>(op);
  return placed && placed.getSegment() == Segment::Backward;
}

/// Ops of one group stay together: the first one stands for all.
static Operation *firstOfGroup(Operation *op) {
  auto factored = dyn_cast<FactoredOp>(op);
  StringAttr group = factored ? factored.getGroupAttr() : StringAttr();
  if (!group)
    return op;
  Operation *first = op;
  for (Operation *before = op->getPrevNode(); before;
       before = before->getPrevNode()) {
    auto other = dyn_cast<FactoredOp>(before);
    if (!other || !isBackward(before))
      break;
    if (other.getGroupAttr() == group)
      first = before;
  }
  return first;
}

Recomputing::Recomputing(ArrayRef<Value> values)
    : values(values.begin(), values.end()) {
  llvm::SetVector<Operation *> makers;
  for (Value value : values)
    makers.insert(value.getDefiningOp());
  ops.assign(makers.begin(), makers.end());
  if (ops.empty())
    return;
  for (auto [i, op] : llvm::enumerate(*ops.front()->getBlock()))
    place[&op] = int(i);
  std::sort(ops.begin(), ops.end(), [&](Operation *a, Operation *b) {
    return place.lookup(a) < place.lookup(b);
  });
}

/// The first op of backward that needs what `op` makes again; null: none.
Operation *Recomputing::firstUser(Operation *op) const {
  Operation *first = nullptr;
  for (Value result : op->getResults()) {
    if (!values.contains(result))
      continue;
    for (Operation *use : result.getUsers()) {
      Operation *at = isBackward(use) ? use : user.lookup(use);
      if (at && (!first || place.lookup(at) < place.lookup(first)))
        first = at;
    }
  }
  return first;
}

Operation *Recomputing::cloneBefore(Operation *op, Operation *at) {
  // A reshard of forward may stand where backward first uses it.
  for (Value operand : op->getOperands())
    if (Operation *maker = operand.getDefiningOp();
        maker && !values.contains(operand) && at->isBeforeInBlock(maker))
      maker->moveBefore(at);
  OpBuilder builder(at);
  Operation *clone = builder.clone(*op);
  for (OpOperand &operand : clone->getOpOperands())
    if (Value again = clones.lookup(operand.get()))
      operand.set(again);
  auto rename = [&](StringRef attribute) {
    if (auto name = clone->getAttrOfType<StringAttr>(attribute))
      clone->setAttr(attribute,
                     builder.getStringAttr(name.getValue() + "/recompute"));
  };
  rename("name");
  rename("group");
  if (auto factored = dyn_cast<FactoredOp>(clone))
    factored.setSegment(Segment::Backward);
  else
    clone->setAttr("segment",
                   SegmentAttr::get(clone->getContext(), Segment::Backward));
  return clone;
}

void Recomputing::run() {
  for (Operation *op : llvm::reverse(ops))
    if (Operation *first = firstUser(op))
      user[op] = firstOfGroup(first);
  for (Operation *op : ops) {
    Operation *at = user.lookup(op);
    if (!at)
      continue;
    Operation *clone = cloneBefore(op, at);
    for (auto [result, again] :
         llvm::zip(op->getResults(), clone->getResults())) {
      if (!values.contains(result))
        continue;
      clones[result] = again;
      for (OpOperand &use : llvm::make_early_inc_range(result.getUses()))
        if (isBackward(use.getOwner()) && use.getOwner() != clone)
          use.set(again);
    }
  }
}
