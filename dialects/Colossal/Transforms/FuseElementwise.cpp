//===- FuseElementwise.cpp - Inlines producers into their users -----------===//

#include "Colossal/Analysis/Contraction.h"
#include "Colossal/Analysis/OpWork.h"
#include "Colossal/Analysis/Selection.h"
#include "Colossal/IR/NarrowFloat.h"
#include "Colossal/IR/Where.h"
#include "Colossal/Transforms/AccessOp.h"
#include "Colossal/Transforms/FactorEditing.h"
#include "Colossal/Transforms/Passes.h"
#include "Colossal/Transforms/RoundedSum.h"

#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace colossal;

namespace colossal {
#define GEN_PASS_DEF_FUSEELEMENTWISEPASS
#include "Colossal/Transforms/Passes.h.inc"
} // namespace colossal

#include "Colossal/Transforms/AccessOp.cpp.inc"

//===----------------------------------------------------------------------===//
// Which producers
//===----------------------------------------------------------------------===//

/// The largest body that inlining makes: the time to plan, differentiate and
/// compile a body grows faster than the body, and memory traffic is no longer
/// what such a loop waits for.
static constexpr int64_t kMaxBodyWork = 256;

/// True if operand `index` of `consumer` reads each element once per result
/// element: no factor of the consumer is missing from its map.
static bool readsOnce(FactoredOp consumer, unsigned index) {
  IndexMapAttr map = consumer.getOperandMap(index);
  for (unsigned f = 0, e = consumer.getFactorList().size(); f < e; ++f)
    if (!map.uses(f))
      return false;
  return true;
}

/// True if no access of the map can fall outside the tensor.
static bool staysInside(FactoredOp op, IndexMapAttr map) {
  SmallVector<FactorAttr> factors = op.getFactorList();
  bool inside = true;
  map.walk([&](unsigned, unsigned, SubDimAttr sub) {
    if (sub.getClipped())
      inside &= sub.getOffset() >= 0 &&
                sub.getOffset() + factors[sub.getFactor()].getBound() <=
                    sub.getBound();
  });
  return inside;
}

static bool hasClippedUse(FactoredOp op) {
  bool clipped = false;
  for (unsigned i = 0, e = op->getNumOperands(); i < e; ++i)
    op.getOperandMap(i).walk([&](unsigned, unsigned, SubDimAttr sub) {
      clipped |= sub.getClipped();
    });
  return clipped;
}

/// Whether nothing is rounded when the sum that a linear layer gives is inlined
/// into `consumer`. Else the product would be rounded, since the derivative of
/// the consumer may read it, and then the sum or a function of it; this way the
/// sum alone is, and the derivative reads that.
static bool takesUnrounded(GenericOp consumer, unsigned index) {
  return llvm::none_of(consumer->getResults(), hasNarrowFloats) &&
         llvm::all_of(consumer.getBody().getArgument(index).getUsers(),
                      llvm::IsaPred<arith::ExtFOp>);
}

static bool mayInline(GenericOp producer, FactoredOp consumer, unsigned index) {
  if (producer.getNumResults() != 1 || !producer.isAllParallel() ||
      producer.getKeep() || producer.getNoGradient())
    return false;
  // Padding iterations would change place; fusion comes before Partition.
  for (FactorAttr factor : FactoredOp(producer).getFactorList())
    if (factor.isLocal())
      return false;
  if (!staysInside(consumer, consumer.getOperandMap(index)))
    return false;
  bool movement = isMovement(producer);
  auto generic = dyn_cast<GenericOp>(consumer.getOperation());
  if (generic && !movement &&
      bodyWork(producer) + bodyWork(generic) > kMaxBodyWork)
    return false;
  if (consumer.keepsLayout())
    return false;
  if (!generic || isSumOfProducts(generic))
    return movement && !hasClippedUse(producer) &&
           consumer.getPass() == producer.getPass();
  // A window would make factors of the consumer unshardable: positions that are
  // added to a sequence stay a value of their own, which is cut locally.
  if (hasClippedUse(producer) && !isMovement(generic) &&
      !hasClippedUse(consumer))
    return false;
  if (movement || producer.getNumOperands() == 0)
    return true;
  if (productOfRoundedSum(producer) && !takesUnrounded(generic, index))
    return false;
  return producer->hasOneUse() && producer.getPass() == consumer.getPass() &&
         producer.getGroupAttr() == consumer.getGroupAttr() &&
         readsOnce(consumer, index);
}

//===----------------------------------------------------------------------===//
// Inlining
//===----------------------------------------------------------------------===//

/// Splits factors of both ops until the producer's result map and the
/// consumer's operand map (members of the editors) have the same
/// sub-dimensions. Fails if there is no common refinement; nothing is applied.
static LogicalResult align(FactorEditor &producer, IndexMapAttr &resultMap,
                           FactorEditor &consumer, IndexMapAttr &operandMap) {
  for (bool progress = true; progress;) {
    progress = false;
    IndexMapAttr from = resultMap;
    IndexMapAttr to = operandMap;
    for (unsigned d = 0, e = from.getDims().size(); d < e && !progress; ++d) {
      ArrayRef<SubDimAttr> p = from.getDims()[d].getSubDims();
      ArrayRef<SubDimAttr> c = to.getDims()[d].getSubDims();
      // Compare minor to major; split the larger by the smaller.
      for (unsigned i = 1; i <= std::min(p.size(), c.size()); ++i) {
        SubDimAttr a = p[p.size() - i], b = c[c.size() - i];
        if (a.getBound() == b.getBound())
          continue;
        bool splitProducer = a.getBound() > b.getBound();
        SubDimAttr large = splitProducer ? a : b;
        int64_t small = splitProducer ? b.getBound() : a.getBound();
        if (small == 0 || large.getBound() % small != 0)
          return failure();
        FactorEditor &editor = splitProducer ? producer : consumer;
        if (large.isPlain()) {
          if (failed(editor.split(large.getFactor(),
                                  {large.getBound() / small, small})))
            return failure();
        } else if (large.isConstant()) {
          MLIRContext *context = large.getContext();
          IndexMapAttr &map = splitProducer ? resultMap : operandMap;
          SmallVector<DimAttr> dims(map.getDims());
          SmallVector<SubDimAttr> subs(dims[d].getSubDims());
          unsigned at = subs.size() - i;
          subs[at] = SubDimAttr::get(context, -1, large.getOffset() / small,
                                     large.getBound() / small, false);
          subs.insert(subs.begin() + at + 1,
                      SubDimAttr::get(context, -1, large.getOffset() % small,
                                      small, false));
          dims[d] = DimAttr::get(context, subs);
          map = IndexMapAttr::get(context, dims);
        } else {
          return failure();
        }
        progress = true;
        break;
      }
      if (!progress && p.size() != c.size())
        return failure();
    }
  }
  return success();
}

/// Asks what equations do not state any more: an id that varies with a factor
/// of its equation (the diagonal of a one-hot matrix) is compared with an
/// index.
static void expandVaryingIds(GenericOp op) {
  FactoredOp factored(op.getOperation());
  for (auto where :
       llvm::make_early_inc_range(op.getBody().getOps<WhereOp>())) {
    bool varies = false;
    for (unsigned number = 0, e = where.getEquations().size(); number < e;
         ++number)
      if (Value id = where.getId(number))
        varies |=
            factorsOf(factored, id)
                .anyCommon(factorsOf(factored, where.getEquation(number)));
    if (varies)
      expandWhere(where);
  }
}

/// Whether a whole op has a call for these maps; generics walk any.
static bool takesMaps(FactoredOp op, ArrayRef<FactorAttr> factors,
                      ArrayRef<IndexMapAttr> operandMaps,
                      ArrayRef<IndexMapAttr> resultMaps) {
  auto access = dyn_cast<AccessOp>(op.getOperation());
  SmallVector<IndexMapAttr> maps(operandMaps);
  llvm::append_range(maps, resultMaps);
  return !access || access.takesMaps(factors, maps);
}

/// An id that is itself selected (labels of a padded target) is a choice: what
/// equations determine is found by their ids.
static void expandIds(GenericOp op) {
  llvm::SmallSetVector<Operation *, 8> slice;
  auto add = [&](Value value) {
    if (Operation *definition = value ? value.getDefiningOp() : nullptr)
      slice.insert(definition);
  };
  for (auto where : op.getBody().getOps<WhereOp>())
    for (unsigned number = 0, e = where.getEquations().size(); number < e;
         ++number)
      add(where.getId(number));
  for (unsigned i = 0; i < slice.size(); ++i)
    for (Value operand : slice[i]->getOperands())
      add(operand);
  for (Operation *inner : slice)
    if (auto where = dyn_cast<WhereOp>(inner))
      expandWhere(where);
}

/// Inlines `producer` into operand `index` of `consumer`.
static LogicalResult inlineInto(GenericOp producer, FactoredOp consumer,
                                unsigned index) {
  MLIRContext *context = producer.getContext();
  // Work on a copy of the producer: it may have other users.
  OpBuilder builder(consumer);
  auto copy = cast<GenericOp>(builder.clone(*producer));
  FactorEditor from{FactoredOp(copy)};
  FactorEditor to(consumer);
  from.dropUnitFactors();
  to.dropUnitFactors();
  if (failed(align(from, from.resultMaps[0], to, to.operandMaps[index]))) {
    copy.erase();
    return failure();
  }
  // What each producer factor is, in terms of the consumer's.
  SmallVector<SubDimAttr> substitute(from.factors.size());
  for (auto [p, c] :
       llvm::zip(from.resultMaps[0].getDims(), to.operandMaps[index].getDims()))
    for (auto [a, b] : llvm::zip(p.getSubDims(), c.getSubDims()))
      if (!a.isConstant())
        substitute[a.getFactor()] = b;
  bool possible = true;
  auto rewrite = [&](SubDimAttr sub) -> SmallVector<SubDimAttr> {
    if (sub.isConstant())
      return {sub};
    SubDimAttr other = substitute[sub.getFactor()];
    if (sub.isPlain())
      return {other};
    // A clipped use of the producer's factor: compose the offsets.
    int64_t offset = sub.getOffset() + other.getOffset();
    if (other.isConstant()) {
      possible &= offset >= 0 && offset < sub.getBound();
      return {SubDimAttr::get(context, -1, offset, sub.getBound(), false)};
    }
    return {SubDimAttr::get(context, other.getFactor(), offset, sub.getBound(),
                            true)};
  };
  SmallVector<IndexMapAttr> newMaps;
  for (IndexMapAttr map : from.operandMaps)
    newMaps.push_back(map.replace(rewrite));
  // The roles of a whole op's factors follow from its maps: repeated keys or
  // values must stay tensors of their own.
  if (!isa<GenericOp>(consumer.getOperation()))
    for (unsigned f = 0, e = to.factors.size(); f < e; ++f)
      possible &= !to.operandMaps[index].uses(f) || newMaps[0].uses(f);
  // The producer's operands take the place of operand `index`.
  SmallVector<IndexMapAttr> operandMaps(to.operandMaps);
  operandMaps.erase(operandMaps.begin() + index);
  operandMaps.insert(operandMaps.begin() + index, newMaps.begin(),
                     newMaps.end());
  if (!possible ||
      !takesMaps(consumer, to.factors, operandMaps, to.resultMaps)) {
    copy.erase();
    return failure();
  }
  from.apply();

  SmallVector<Value> operands(consumer->getOperands());
  operands.erase(operands.begin() + index);
  operands.insert(operands.begin() + index, copy->operand_begin(),
                  copy->operand_end());
  to.operandMaps = operandMaps;
  if (isa<GenericOp>(consumer.getOperation())) {
    Block &block = consumer->getRegion(0).front();
    BlockArgument replaced = block.getArgument(index);
    Block &body = copy.getBody().front();
    IRMapping mapping;
    for (auto [number, argument] : llvm::enumerate(body.getArguments()))
      mapping.map(argument,
                  block.insertArgument(index + 1 + number, argument.getType(),
                                       argument.getLoc()));
    OpBuilder inner = OpBuilder::atBlockBegin(&block);
    auto substituteOf = [&](StringRef name) -> SubDimAttr {
      for (auto [number, factor] : llvm::enumerate(from.factors))
        if (factor.getName() == name)
          return substitute[number];
      return {};
    };
    for (Operation &op : body.without_terminator()) {
      auto indexOp = dyn_cast<IndexOp>(op);
      if (!indexOp) {
        if (auto where = dyn_cast<WhereOp>(inner.clone(op, mapping)))
          where.substitute([&](StringAttr name) -> std::optional<IndexSum> {
            IndexSum sum;
            if (SubDimAttr other = substituteOf(name)) {
              sum.constant = other.getOffset();
              if (!other.isConstant())
                sum.terms.push_back(
                    {StringAttr::get(context,
                                     to.factors[other.getFactor()].getName()),
                     1});
            }
            return sum;
          });
        continue;
      }
      SubDimAttr other = substituteOf(indexOp.getFactor());
      Location loc = op.getLoc();
      auto constant = [&](int64_t value) -> Value {
        return arith::ConstantOp::create(inner, loc,
                                         inner.getI64IntegerAttr(value));
      };
      Value value;
      if (!other || other.isConstant()) {
        value = constant(other ? other.getOffset() : 0);
      } else {
        value = IndexOp::create(inner, loc, inner.getI64Type(),
                                to.factors[other.getFactor()].getName());
        if (other.getOffset() != 0)
          value = arith::AddIOp::create(inner, loc, value,
                                        constant(other.getOffset()));
      }
      mapping.map(indexOp.getResult(), value);
    }
    replaced.replaceAllUsesWith(mapping.lookup(copy.getYielded()[0]));
    block.eraseArgument(index);
  }
  copy.erase();
  consumer->setOperands(operands);
  to.apply();
  if (auto generic = dyn_cast<GenericOp>(consumer.getOperation())) {
    expandIds(generic);
    expandVaryingIds(generic);
  }
  return success();
}

/// If `movement` only reorders the elements of a contraction or a whole op
/// that nothing else uses, lets the producer write the new order.
static LogicalResult sinkInto(GenericOp movement) {
  auto result = dyn_cast<OpResult>(movement.getInputs()[0]);
  FactoredOp producer =
      result ? dyn_cast<FactoredOp>(result.getOwner()) : FactoredOp();
  if (!producer || producer.keepsLayout() || !result.hasOneUse() ||
      !isMovement(movement) || producer.getPass() != movement.getPass())
    return failure();
  auto generic = dyn_cast<GenericOp>(producer.getOperation());
  if (generic && !isSumOfProducts(generic))
    return failure();
  FactorEditor from(producer);
  FactorEditor to{FactoredOp(movement)};
  from.dropUnitFactors();
  to.dropUnitFactors();
  IndexMapAttr &resultMap = from.resultMaps[result.getResultNumber()];
  if (!to.operandMaps[0].isPlain() ||
      failed(align(from, resultMap, to, to.operandMaps[0])))
    return failure();
  SmallVector<SubDimAttr> substitute(to.factors.size());
  for (auto [p, m] :
       llvm::zip(resultMap.getDims(), to.operandMaps[0].getDims()))
    for (auto [a, b] : llvm::zip(p.getSubDims(), m.getSubDims()))
      if (!b.isConstant())
        substitute[b.getFactor()] = a;
  // A factor without a counterpart would repeat elements.
  if (llvm::is_contained(substitute, SubDimAttr()))
    return failure();
  resultMap =
      to.resultMaps[0].replace([&](SubDimAttr sub) -> SmallVector<SubDimAttr> {
        return {sub.isConstant() ? sub : substitute[sub.getFactor()]};
      });
  if (!takesMaps(producer, from.factors, from.operandMaps, from.resultMaps))
    return failure();
  SmallVector<Type> types(producer->getResultTypes());
  types[result.getResultNumber()] = movement.getResultTypes()[0];
  SmallVector<IndexMapAttr> operandMaps = from.operandMaps;
  SmallVector<IndexMapAttr> resultMaps = from.resultMaps;
  SmallVector<FactorAttr> factors = from.factors;
  from.apply();
  OpBuilder builder(producer);
  Operation *clone = cloneFactored(builder, producer, producer->getOperands(),
                                   types, factors, operandMaps, resultMaps);
  movement.getOutputs()[0].replaceAllUsesWith(
      clone->getResult(result.getResultNumber()));
  movement.erase();
  producer->replaceAllUsesWith(clone);
  producer->erase();
  return success();
}

void colossal::fuseElementwise(func::FuncOp function) {
  simplifyBodies(function);
  for (bool changed = true; changed;) {
    changed = false;
    SmallVector<GenericOp> movements;
    function.walk([&](GenericOp op) {
      if (isMovement(op))
        movements.push_back(op);
    });
    for (GenericOp movement : movements)
      changed |= succeeded(sinkInto(movement));
    SmallVector<FactoredOp> ops;
    function.walk([&](FactoredOp op) { ops.push_back(op); });
    for (FactoredOp op : ops)
      for (unsigned i = 0; i < op->getNumOperands(); ++i) {
        auto producer = op->getOperand(i).getDefiningOp<GenericOp>();
        if (!producer || !mayInline(producer, op, i) ||
            failed(inlineInto(producer, op, i)))
          continue;
        if (producer->use_empty())
          producer.erase();
        changed = true;
        // The new operands may have producers too.
        --i;
      }
    if (changed)
      simplifyBodies(function);
  }
}

namespace {
struct FuseElementwise
    : colossal::impl::FuseElementwisePassBase<FuseElementwise> {
  void runOnOperation() override { fuseElementwise(getOperation()); }
};
} // namespace
