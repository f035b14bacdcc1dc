//===- GroupingPrepare.cpp - Copies that groups need ----------------------===//

#include "GroupingRewrites.h"
#include "colossal/Schedule/Grouping.h"
#include "colossal/Schedule/GroupingNames.h"
#include "colossal/Schedule/KernelPlan.h"
#include "colossal/Schedule/MatrixProduct.h"

#include "mlir/IR/PatternMatch.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::schedule;

//===----------------------------------------------------------------------===//
// Copies
//===----------------------------------------------------------------------===//

/// Builds a generic that copies: result[resultMap] = operand[operandMap].
static GenericOp buildCopy(OpBuilder &builder, Location loc, StringRef name,
                           ArrayRef<FactorAttr> factors, Value operand,
                           IndexMapAttr operandMap, IndexMapAttr resultMap) {
  Type element = cast<RankedTensorType>(operand.getType()).getElementType();
  OperationState state(loc, GenericOp::getOperationName());
  state.addOperands(operand);
  state.addTypes(RankedTensorType::get(resultMap.getShape(), element));
  SmallVector<Attribute> factorList(factors.begin(), factors.end());
  state.addAttribute("name", builder.getStringAttr(name));
  state.addAttribute("factors", builder.getArrayAttr(factorList));
  state.addAttribute("operandMaps", builder.getArrayAttr({operandMap}));
  state.addAttribute("resultMaps", builder.getArrayAttr({resultMap}));
  Region *region = state.addRegion();
  Block *body = new Block();
  region->push_back(body);
  body->addArgument(element, loc);
  OpBuilder inner(loc.getContext());
  inner.setInsertionPointToEnd(body);
  YieldOp::create(inner, loc, body->getArguments());
  return cast<GenericOp>(builder.create(state));
}

/// One dim per factor, in order; `sub(i)` is factor order[i].
static IndexMapAttr mapOf(MLIRContext *context, ArrayRef<unsigned> order,
                          ArrayRef<FactorAttr> factors) {
  SmallVector<DimAttr> dims;
  for (unsigned f : order)
    dims.push_back(DimAttr::get(
        context, SubDimAttr::get(context, f, 0, factors[f].getBound())));
  return IndexMapAttr::get(context, dims);
}

namespace {

/// Packs the operands of contractions, each (value, order) once.
class Packer {
public:
  void pack(GenericOp op) {
    if (!isLibraryProduct(op) || matchMatrixProduct(op))
      return;
    for (SmallVector<unsigned> operands :
         {SmallVector<unsigned>{0}, {1}, {0, 1}}) {
      GenericOp packed = cloneWithPlan(op, operands);
      bool matches = matchMatrixProduct(packed).has_value();
      packed->erase();
      if (!matches)
        continue;
      for (unsigned operand : operands)
        packOperand(op, operand);
      return;
    }
  }

private:
  /// (value, its map with factors numbered in order of the copy) -> copy.
  DenseMap<std::pair<Value, Attribute>, Value> copies;

  /// The op as it will be: on tensors that do not exist yet.
  GenericOp cloneWithPlan(GenericOp op, ArrayRef<unsigned> packed) {
    OpBuilder builder(op);
    FactoredOp factored(op.getOperation());
    SmallVector<FactorAttr> factors = factored.getFactorList();
    SmallVector<IndexMapAttr> maps = {factored.getOperandMap(0),
                                      factored.getOperandMap(1)};
    for (unsigned operand : packed)
      maps[operand] = mapOf(op.getContext(), packedOrder(op, operand), factors);
    return cast<GenericOp>(cloneFactored(builder, factored, op->getOperands(),
                                         op->getResultTypes(), factors, maps,
                                         {factored.getResultMap(0)}));
  }

  void packOperand(GenericOp op, unsigned operand) {
    OpBuilder builder(op);
    MLIRContext *context = op.getContext();
    FactoredOp factored(op.getOperation());
    SmallVector<FactorAttr> factors = factored.getFactorList();
    SmallVector<unsigned> order = packedOrder(op, operand);
    IndexMapAttr map = factored.getOperandMap(operand);

    // In the copy, the factors are the operand's alone and all parallel.
    SmallVector<FactorAttr> copyFactors;
    DenseMap<int64_t, int64_t> renumbered;
    SmallVector<unsigned> copyOrder;
    for (auto [number, f] : llvm::enumerate(order)) {
      FactorAttr factor = factors[f];
      copyFactors.push_back(FactorAttr::get(
          context, factor.getName(), factor.getBound(), FactorKind::Parallel,
          factor.getExtent(), factor.getTerms()));
      renumbered[f] = number;
      copyOrder.push_back(number);
    }
    IndexMapAttr readMap = map.replace([&](SubDimAttr sub) {
      return SmallVector<SubDimAttr>{
          sub.isConstant()
              ? sub
              : SubDimAttr::get(context, renumbered[sub.getFactor()],
                                sub.getOffset(), sub.getBound())};
    });
    Value source = op->getOperand(operand);
    Attribute key = ArrayAttr::get(
        context, {readMap, ArrayAttr::get(context, {copyFactors.begin(),
                                                    copyFactors.end()})});
    Value &copy = copies[{source, key}];
    if (!copy) {
      GenericOp built = buildCopy(
          builder, op.getLoc(),
          (op.getName() + "/pack." + Twine(operand)).str(), copyFactors, source,
          readMap, mapOf(context, copyOrder, copyFactors));
      copy = built->getResult(0);
    }
    op->setOperand(operand, copy);
    SmallVector<Attribute> maps(op.getOperandMaps().begin(),
                                op.getOperandMaps().end());
    maps[operand] = mapOf(context, order, factors);
    op.setOperandMapsAttr(builder.getArrayAttr(maps));
  }
};

} // namespace

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
static void materializeIndexFunctions(func::FuncOp function) {
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
    SmallVector<Operation *> ops = set.takeVector();
    llvm::sort(
        ops, [](Operation *a, Operation *b) { return a->isBeforeInBlock(b); });
    ops.push_back(&op);
    std::string reason;
    if (planKernel(ops, SmallVector<Value>(op.getResults()), reason))
      continue;
    for (Operation *producer : ArrayRef(ops).drop_back()) {
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

void colossal::schedule::prepareForGrouping(func::FuncOp function) {
  if (function.isExternal())
    return;
  Packer packer;
  for (Operation &op : llvm::make_early_inc_range(function.getBody().front()))
    if (auto generic = dyn_cast<GenericOp>(op)) {
      if (reuseElementwise(generic))
        continue;
      if (GenericOp product = splitPlacement(generic))
        generic = product;
      if (!splitReduction(generic))
        packer.pack(generic);
    }
  prepareReturns(function);
  materializeIndexFunctions(function);
}
