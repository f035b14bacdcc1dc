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

Recomputing::Recomputing(ArrayRef<Value> values, ArrayRef<Value> forEachUse)
    : values(values.begin(), values.end()),
      forEachUse(forEachUse.begin(), forEachUse.end()) {
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

std::vector<Operation *> Recomputing::sitesOf(Operation *op) const {
  llvm::SetVector<Operation *> users, found;
  bool isForEachUse = false;
  for (Value result : op->getResults()) {
    if (!values.contains(result))
      continue;
    isForEachUse |= forEachUse.contains(result);
    for (Operation *use : result.getUsers()) {
      users.insert(use);
      if (isBackward(use))
        found.insert(firstOfGroup(use));
      else if (auto it = sites.find(use); it != sites.end())
        found.insert(it->second.begin(), it->second.end());
    }
  }
  std::vector<Operation *> sorted(found.begin(), found.end()), starts;
  llvm::sort(sorted, [&](Operation *a, Operation *b) {
    return place.lookup(a) < place.lookup(b);
  });
  for (auto [i, site] : llvm::enumerate(sorted)) {
    bool isApart = i == 0;
    for (Operation *before = i ? sorted[i - 1] : site;
         isForEachUse && before != site; before = before->getNextNode())
      isApart |= isBackward(before) && !users.contains(before);
    if (isApart)
      starts.push_back(site);
  }
  return starts;
}

Value Recomputing::againAt(Value value, Operation *site) const {
  Value latest;
  if (auto it = clones.find(value); it != clones.end())
    for (auto [at, clone] : it->second)
      if (!latest || at <= place.lookup(site))
        latest = clone;
  return latest;
}

Operation *Recomputing::cloneBefore(Operation *op, Operation *site,
                                    StringRef suffix) {
  // A reshard of forward may stand where backward first uses it.
  for (Value operand : op->getOperands())
    if (Operation *maker = operand.getDefiningOp();
        maker && !values.contains(operand) && site->isBeforeInBlock(maker))
      maker->moveBefore(site);
  OpBuilder builder(site);
  Operation *clone = builder.clone(*op);
  for (OpOperand &operand : clone->getOpOperands())
    if (Value again = againAt(operand.get(), site))
      operand.set(again);
  auto rename = [&](StringRef attribute) {
    if (auto name = clone->getAttrOfType<StringAttr>(attribute))
      clone->setAttr(attribute,
                     builder.getStringAttr(name.getValue() + suffix));
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
    if (std::vector<Operation *> found = sitesOf(op); !found.empty())
      sites[op] = std::move(found);
  // Uses of backward itself, before there are others.
  llvm::DenseMap<Value, SmallVector<std::pair<OpOperand *, Operation *>>> uses;
  for (Value value : values)
    for (OpOperand &use : value.getUses())
      if (isBackward(use.getOwner()))
        uses[value].push_back({&use, firstOfGroup(use.getOwner())});
  for (Operation *op : ops) {
    for (auto [number, site] : llvm::enumerate(sites.lookup(op))) {
      std::string suffix = "/recompute";
      if (number)
        suffix += "." + std::to_string(number);
      Operation *clone = cloneBefore(op, site, suffix);
      for (auto [result, again] :
           llvm::zip(op->getResults(), clone->getResults()))
        if (values.contains(result))
          clones[result].push_back({place.lookup(site), again});
    }
    for (Value result : op->getResults())
      for (auto [use, site] : uses.lookup(result))
        if (Value again = againAt(result, site))
          use->set(again);
  }
}
