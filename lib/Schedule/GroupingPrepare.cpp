//===- GroupingPrepare.cpp - Copies that groups need ----------------------===//

#include "colossal/Schedule/Copies.h"
#include "colossal/Schedule/Grouping.h"
#include "colossal/Schedule/GroupingNames.h"
#include "colossal/Schedule/KernelPlanner.h"

#include "mlir/IR/PatternMatch.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::schedule;

//===----------------------------------------------------------------------===//
// Returned values
//===----------------------------------------------------------------------===//

/// Inserts a copy of a returned value that needs a buffer of its own: right
/// behind it, so that two do not live to the end, or at the end.
static void copyReturned(func::ReturnOp terminator, unsigned number,
                         StringRef suffix, bool isEarly) {
  Value value = terminator.getOperand(number);
  OpBuilder builder(terminator);
  if (isEarly)
    builder.setInsertionPointAfterValue(value);
  MLIRContext *context = terminator.getContext();
  SmallVector<FactorAttr> factors;
  SmallVector<unsigned> order;
  SmallVector<DimAttr> dims;
  for (auto [d, size] :
       llvm::enumerate(cast<RankedTensorType>(value.getType()).getShape())) {
    factors.push_back(FactorAttr::get(context, ("d" + Twine(d)).str(), size));
    order.push_back(d);
  }
  IndexMapAttr map = mapOf(context, order, factors);
  Operation *definition = value.getDefiningOp();
  StringRef base = definition ? nameOfOp(definition) : StringRef("argument");
  GenericOp copy = buildCopy(builder, terminator.getLoc(),
                             (base + suffix).str(), factors, value, map, map);
  copy->setDiscardableAttr(kMaterialize, builder.getUnitAttr());
  terminator.setOperand(number, copy->getResult(0));
}

/// The argument or op behind aliases.
static Value rootOf(Value value) {
  while (auto generic = value.getDefiningOp<GenericOp>()) {
    if (!aliasOffsetOf(generic))
      break;
    value = generic->getOperand(0);
  }
  return value;
}

static void prepareReturns(func::FuncOp function) {
  auto terminator =
      cast<func::ReturnOp>(function.getBody().front().getTerminator());
  llvm::SmallDenseSet<Value> seen;
  for (unsigned number = 0, e = terminator.getNumOperands(); number < e;
       ++number) {
    Value value = terminator.getOperand(number);
    Value root = rootOf(value);
    bool accumulates = bool(function.getResultAttr(number, names::accumulate));
    auto updates = function.getResultAttr(number, names::updates);
    bool isNew = seen.insert(root).second;
    if (accumulates) {
      // Added to its buffer by the group that computes it, and by that alone.
      auto generic = value.getDefiningOp<GenericOp>();
      if (!generic || !isNew || !value.hasOneUse() || aliasOffsetOf(generic))
        copyReturned(terminator, number, "/accumulate", true);
      continue;
    }
    if (auto argument = dyn_cast<BlockArgument>(root)) {
      Attribute own = function.getArgAttr(argument.getArgNumber(), names::name);
      bool unchanged = updates && own && updates == own && root == value;
      if (!unchanged)
        copyReturned(terminator, number, "/copy", false);
      continue;
    }
    if (!isNew)
      copyReturned(terminator, number, "/copy", false);
  }
}

/// A kernel computes the functions of indices that it reads at its own indices.
/// One that reads them elsewhere (a window, other parts of an index, the ids of
/// a scatter-add) reads them from memory.
static void materializeIndexFunctions(func::FuncOp function,
                                      const KernelPlanner &planner) {
  DenseMap<Operation *, Operation *> stored;
  for (Operation &op : llvm::make_early_inc_range(function.getBody().front())) {
    if (!isa<GenericOp>(op))
      continue;
    llvm::SmallSetVector<Operation *, 4> set;
    for (Value operand : op.getOperands())
      if (isIndexFunction(operand.getDefiningOp()))
        set.insert(operand.getDefiningOp());
    if (set.empty())
      continue;
    KernelOps kernel{set.takeVector(), SmallVector<Value>(op.getResults())};
    llvm::sort(kernel.ops, [](Operation *a, Operation *b) {
      return a->isBeforeInBlock(b);
    });
    kernel.ops.push_back(&op);
    if (planner.isKernel(kernel))
      continue;
    for (Operation *producer : ArrayRef(kernel.ops).drop_back()) {
      Operation *&copy = stored[producer];
      if (!copy) {
        OpBuilder builder(producer);
        copy = builder.clone(*producer);
        cast<GenericOp>(copy).setName(
            (cast<GenericOp>(producer).getName() + "/stored").str());
        copy->setDiscardableAttr(kMaterialize, builder.getUnitAttr());
      }
      for (OpOperand &use : op.getOpOperands())
        if (use.get().getDefiningOp() == producer)
          use.set(copy->getResult(cast<OpResult>(use.get()).getResultNumber()));
    }
  }
  for (auto &[producer, copy] : stored)
    if (producer->use_empty())
      producer->erase();
}

void colossal::schedule::prepareForGrouping(func::FuncOp function,
                                            const KernelPlanner &planner) {
  if (function.isExternal())
    return;
  planner.prepare(function);
  prepareReturns(function);
  materializeIndexFunctions(function, planner);
}
