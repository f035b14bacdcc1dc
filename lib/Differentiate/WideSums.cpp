//===- WideSums.cpp - Gradients whose sums are not rounded ----------------===//

#include "WideSums.h"
#include "Colossal/Analysis/Contraction.h"
#include "Colossal/Analysis/Selection.h"
#include "Colossal/IR/NarrowFloat.h"
#include "Colossal/Transforms/FactorEditing.h"
#include "Colossal/Transforms/NarrowOp.h"
#include "Colossal/Transforms/RoundedSum.h"

using namespace mlir;
using namespace colossal;

static void setElement(Value value, Type element) {
  value.setType(cast<RankedTensorType>(value.getType()).clone(element));
}

/// The body's floats are its arguments', moved or chosen: of 16 bits all of
/// them.
static bool onlyMoves(GenericOp op) {
  return llvm::all_of(op.getBody().front(), [](Operation &inner) {
    return isa<arith::SelectOp, WhereOp>(inner) ||
           llvm::none_of(inner.getResultTypes(), llvm::IsaPred<FloatType>);
  });
}

static bool onlyAdds(GenericOp op) {
  return op.isAllParallel() &&
         llvm::all_of(
             op.getBody().front().without_terminator(),
             llvm::IsaPred<arith::AddFOp, arith::ExtFOp, arith::TruncFOp>);
}

/// Makes `value` f32 if what computes it can.
static bool makeWide(Value value) {
  if (!hasNarrowFloats(value))
    return true;
  Operation *op = value.getDefiningOp();
  if (!op || !value.hasOneUse() || op->getNumResults() != 1)
    return false;
  Type wide = Float32Type::get(value.getContext());
  auto generic = dyn_cast<GenericOp>(op);
  if (!generic) {
    auto whole = dyn_cast<NarrowOp>(op);
    if (!whole || !whole.mayGiveWide())
      return false;
    setElement(value, wide);
    return true;
  }
  bool adds = onlyAdds(generic);
  if (!isSumOfProducts(generic) && !adds) {
    if (!onlyMoves(generic))
      return false;
    // All or none: a choice is between floats of one type.
    SmallVector<Value> floats =
        llvm::filter_to_vector(generic->getOperands(), [](Value operand) {
          return isa<FloatType>(getElementTypeOrSelf(operand.getType()));
        });
    if (floats.size() != 1 || !makeWide(floats[0]))
      return false;
  }
  if (adds)
    for (Value operand : generic->getOperands())
      (void)makeWide(operand);
  widenArguments(generic);
  setElement(value, wide);
  return true;
}

/// The operand of which the op widens each element, in place; null if it does
/// anything else.
static Value widenedOperand(GenericOp op) {
  if (op.getNumOperands() != 1 || op.getNumResults() != 1 ||
      !op.isAllParallel())
    return {};
  auto widened = op.getYielded()[0].getDefiningOp<arith::ExtFOp>();
  if (!widened || widened.getIn() != op.getBody().front().getArgument(0) ||
      !hasNarrowFloats(op->getOperand(0)) || !widened.getType().isF32())
    return {};
  FactoredOp factored(op.getOperation());
  return factored.getOperandMap(0) == factored.getResultMap(0)
             ? op->getOperand(0)
             : Value();
}

/// Whether the op is the gradient of a parameter, or all that uses it adds it
/// up to one.
static bool endsInGradient(GenericOp op) {
  auto isGradient = [](Operation *any) {
    auto factored = dyn_cast<FactoredOp>(any);
    return factored && factored.getGradientOfAttr();
  };
  return isGradient(op) || (!op->use_empty() &&
                            llvm::all_of(op->getUsers(), [&](Operation *user) {
                              auto sum = dyn_cast<GenericOp>(user);
                              return sum && onlyAdds(sum) && isGradient(sum);
                            }));
}

/// Whether the op adds to places that an id determines: its sums are in memory
/// while they grow.
static bool addsToPlaces(GenericOp op) {
  if (op->getNumResults() != 1 || !hasNarrowFloats(op->getResult(0)))
    return false;
  std::optional<Selection> selection = analyzeSelection(op);
  return selection && selection->scatter;
}

static void roundAtTheEnd(GenericOp op) {
  Value sum = op->getResult(0);
  Type narrow = getElementTypeOrSelf(sum.getType());
  widenArguments(op);
  setElement(sum, Float32Type::get(op.getContext()));
  OpBuilder builder(op.getContext());
  builder.setInsertionPointAfter(op);
  IdentitySpace space = identitySpaceOf(sum);
  FactoredOp factored(op.getOperation());
  GenericOp rounded = createGeneric(
      builder, op.getLoc(), (factored.getFactoredName() + ".rounded").str(),
      space.factors, {sum}, {space.map}, {narrow}, {space.map},
      [&](OpBuilder &inner, ValueRange in) -> SmallVector<Value> {
        return {arith::TruncFOp::create(inner, op.getLoc(), narrow, in[0])};
      });
  FactoredOp cast(rounded.getOperation());
  if (std::optional<Segment> pass = factored.getPass())
    cast.setPass(*pass);
  if (StringAttr forward = factored.getForwardOfAttr())
    cast.setForwardOfAttr(forward);
  sum.replaceAllUsesExcept(rounded.getOutputs()[0], rounded);
}

void colossal::roundSumsAtTheEnd(func::FuncOp function) {
  SmallVector<GenericOp> ops = llvm::filter_to_vector(
      function.front().getOps<GenericOp>(), addsToPlaces);
  for (GenericOp op : ops)
    roundAtTheEnd(op);
}

void colossal::keepWideSums(func::FuncOp function) {
  auto ops = function.front().getOps<GenericOp>();
  if (llvm::none_of(ops, [](GenericOp op) {
        return llvm::any_of(op->getResults(), hasNarrowFloats);
      }))
    return;
  simplifyBodies(function);
  SmallVector<GenericOp> candidates;
  for (GenericOp op : function.front().getOps<GenericOp>())
    if (widenedOperand(op) && endsInGradient(op))
      candidates.push_back(op);
  for (GenericOp op : candidates) {
    Value narrow = widenedOperand(op);
    if (!makeWide(narrow))
      continue;
    auto producer = narrow.getDefiningOp<FactoredOp>();
    if (StringAttr parameter = FactoredOp(op).getGradientOfAttr())
      producer.setGradientOfAttr(parameter);
    op->getResult(0).replaceAllUsesWith(narrow);
    op.erase();
  }
}
