//===- Backward.cpp - Reverse mode over a forward program -----------------===//

#include "Backward.h"
#include "Colossal/IR/Combiner.h"
#include "Colossal/IR/NarrowFloat.h"
#include "Colossal/Transforms/FactorEditing.h"
#include "colossal/Differentiate/Gradient.h"
#include "colossal/Normalize/ScalarBuilder.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/MapVector.h"

using namespace mlir;
using namespace colossal;

namespace {

class Backward {
public:
  Backward(func::FuncOp function)
      : function(function), builder(function.front().getTerminator()) {}

  FailureOr<SmallVector<Value>> run(unsigned lossIndex,
                                    ArrayRef<Value> parameters, Value scale,
                                    double fixedScale);

private:
  /// All forward ops of one group, or one op.
  LogicalResult differentiateUnit(ArrayRef<FactoredOp> unit);
  LogicalResult differentiateOp(FactoredOp op);
  /// The sum of what users contributed to the gradient of `value`, or null.
  Value gradientOf(Value value);
  /// What stands for a forward value in the backward pass: itself, or inside a
  /// group a copy computed again.
  Value standIn(Value value);
  void mark(FactoredOp op, FactoredOp forward);
  /// Some result of the op has a gradient, if only 0: so have the operands that
  /// reach it.
  void markZeros(FactoredOp op);
  /// A parameter's gradient that is 0 everywhere, with nothing to compute.
  Value zeroGradient(Value parameter);
  /// The gradient of the loss: 1, or the scale of all gradients.
  Value seedOf(Value loss, Value scale, double fixedScale);
  std::string nameOf(Value value);
  /// A new value of `value`'s shape: the sum of `parts`.
  Value sum(Value value, ArrayRef<Value> parts, StringAttr group,
            const Twine &name);

  func::FuncOp function;
  OpBuilder builder;
  llvm::SmallDenseSet<Value> active;
  DenseMap<Value, SmallVector<Value>> contributions;
  /// Values with a gradient of 0: PyTorch has one, and decays the parameter.
  llvm::SmallDenseSet<Value> zeros;
  DenseMap<Value, Value> recomputed;
  llvm::SmallDenseSet<Operation *> currentUnit;
};

} // namespace

static bool isFloat(Value value) {
  return isa<FloatType>(
      cast<RankedTensorType>(value.getType()).getElementType());
}

void Backward::mark(FactoredOp op, FactoredOp forward) {
  op.setPass(Segment::Backward);
  op.setForwardOfAttr(builder.getStringAttr(forward.getFactoredName()));
  if (StringAttr group = forward.getGroupAttr())
    op.setGroupAttr(builder.getStringAttr(group.getValue() + ".backward"));
}

/// `transformer.wte.weight` or the name of the op, with `.1` for a second
/// result.
std::string Backward::nameOf(Value value) {
  if (auto forward = value.getDefiningOp<FactoredOp>()) {
    std::string name = forward.getFactoredName().str();
    unsigned number = cast<OpResult>(value).getResultNumber();
    return forward->getNumResults() > 1 ? name + "." + std::to_string(number)
                                        : name;
  }
  unsigned number = cast<BlockArgument>(value).getArgNumber();
  auto name = function.getArgAttrOfType<StringAttr>(number, names::name);
  return name ? name.getValue().str() : "argument" + std::to_string(number);
}

/// Of 16 bits in f32: where parts are made in the same body, they are not
/// rounded.
static Value sumOfParts(OpBuilder &builder, Location loc, ValueRange parts) {
  Type type = parts[0].getType();
  bool isNarrow = isNarrowFloat(type);
  auto contract = arith::FastMathFlagsAttr::get(builder.getContext(),
                                                arith::FastMathFlags::contract);
  Value total;
  for (Value part : parts) {
    if (isNarrow)
      part = arith::ExtFOp::create(builder, loc, builder.getF32Type(), part,
                                   contract);
    total = total ? arith::AddFOp::create(builder, loc, total, part).getResult()
                  : part;
  }
  if (isNarrow)
    total = arith::TruncFOp::create(builder, loc, type, total,
                                    arith::RoundingModeAttr(), contract);
  return total;
}

Value Backward::sum(Value value, ArrayRef<Value> parts, StringAttr group,
                    const Twine &name) {
  IdentitySpace space = identitySpaceOf(value);
  Type type = cast<RankedTensorType>(value.getType()).getElementType();
  SmallVector<IndexMapAttr> maps(parts.size(), space.map);
  GenericOp op = createGeneric(
      builder, value.getLoc(), name.str(), space.factors, parts, maps, {type},
      {space.map}, [&](OpBuilder &inner, ValueRange in) -> SmallVector<Value> {
        return {sumOfParts(inner, value.getLoc(), in)};
      });
  op.setPass(Segment::Backward);
  if (auto forward = value.getDefiningOp<FactoredOp>())
    op.setForwardOf(forward.getFactoredName());
  op.setGroupAttr(group);
  return op.getOutputs()[0];
}

Value Backward::gradientOf(Value value) {
  SmallVector<Value> &parts = contributions[value];
  if (parts.empty())
    return {};
  // Terms of one group are added up inside it, and fuse with it: a layer norm
  // has one gradient, not three.
  llvm::MapVector<StringAttr, SmallVector<Value>> byGroup;
  SmallVector<Value> terms;
  for (Value part : parts) {
    if (StringAttr group = part.getDefiningOp<FactoredOp>().getGroupAttr())
      byGroup[group].push_back(part);
    else
      terms.push_back(part);
  }
  std::string name = nameOf(value) + ".gradient";
  for (auto &[group, members] : byGroup) {
    std::string inner = name + "." + group.str();
    terms.push_back(members.size() == 1 ? members[0]
                                        : sum(value, members, group, inner));
  }
  parts = {terms.size() == 1 ? terms[0]
                             : sum(value, terms, StringAttr(), name)};
  return parts[0];
}

Value Backward::standIn(Value value) {
  auto op = value.getDefiningOp<FactoredOp>();
  if (!op || !currentUnit.contains(op) || op.getKeep())
    return value;
  if (llvm::any_of(value.getUsers(), [&](Operation *user) {
        auto factored = dyn_cast<FactoredOp>(user);
        bool backward = factored && factored.getPass() == Segment::Backward;
        return !backward && !currentUnit.contains(user);
      }))
    return value;
  if (Value known = recomputed.lookup(value))
    return known;
  IRMapping mapping;
  for (Value operand : op->getOperands())
    mapping.map(operand, standIn(operand));
  auto copy = cast<FactoredOp>(builder.clone(*op, mapping));
  copy->setAttr("name",
                builder.getStringAttr(op.getFactoredName() + ".recompute"));
  copy.setNoGradient(false);
  mark(copy, op);
  for (auto [original, again] : llvm::zip(op->getResults(), copy->getResults()))
    recomputed[original] = again;
  return recomputed[value];
}

void Backward::markZeros(FactoredOp op) {
  SmallVector<bool> wanted;
  for (Value result : op->getResults()) {
    auto known = contributions.find(result);
    wanted.push_back(zeros.contains(result) ||
                     (known != contributions.end() && !known->second.empty()));
  }
  if (!llvm::is_contained(wanted, true))
    return;
  auto generic = dyn_cast<GenericOp>(op.getOperation());
  for (OpOperand &operand : op->getOpOperands())
    if (active.contains(operand.get()) &&
        (!generic || reachesResult(generic.getBody().front(),
                                   operand.getOperandNumber(), wanted)))
      zeros.insert(operand.get());
}

Value Backward::zeroGradient(Value parameter) {
  IdentitySpace space = identitySpaceOf(parameter);
  Type type = cast<RankedTensorType>(parameter.getType()).getElementType();
  GenericOp op = createGeneric(
      builder, parameter.getLoc(), nameOf(parameter) + ".gradient",
      space.factors, {}, {}, {type}, {space.map},
      [&](OpBuilder &inner, ValueRange) -> SmallVector<Value> {
        return {arith::ConstantOp::create(inner, parameter.getLoc(),
                                          inner.getFloatAttr(type, 0.0))};
      });
  op.setPass(Segment::Backward);
  op.setForwardOf(nameOf(parameter));
  return op.getOutputs()[0];
}

LogicalResult Backward::differentiateOp(FactoredOp op) {
  if (op.getNoGradient() || llvm::none_of(op->getResults(), [&](Value v) {
        return active.contains(v);
      }))
    return success();
  markZeros(op);
  SmallVector<Value> cotangents;
  for (Value result : op->getResults())
    cotangents.push_back(gradientOf(result));
  if (llvm::none_of(cotangents, [](Value v) { return bool(v); }))
    return success();
  SmallVector<Value> operands;
  for (Value operand : op->getOperands())
    operands.push_back(standIn(operand));
  Operation *last = builder.getInsertionPoint()->getPrevNode();
  auto markNew = [&] {
    for (Operation *created = last->getNextNode();
         created && &*builder.getInsertionPoint() != created;
         created = created->getNextNode())
      if (auto factored = dyn_cast<FactoredOp>(created))
        mark(factored, op);
  };
  if (auto whole = dyn_cast<DifferentiableOp>(op.getOperation())) {
    SmallVector<Value> results;
    for (Value result : op->getResults())
      results.push_back(standIn(result));
    FailureOr<SmallVector<Value>> gradients =
        whole.buildGradients(builder, operands, results, cotangents,
                             (op.getFactoredName() + ".backward").str());
    if (failed(gradients))
      return failure();
    markNew();
    for (auto [operand, gradient] : llvm::zip(op->getOperands(), *gradients))
      if (gradient && active.contains(operand))
        contributions[operand].push_back(gradient);
    return success();
  }
  auto generic = dyn_cast<GenericOp>(op.getOperation());
  if (!generic)
    return op->emitOpError("no derivative");
  std::optional<Combiner> combiner = combinerOf(op);
  SmallVector<Value> statistics;
  if (combiner && !factsOf(*combiner).isLinear) {
    SmallVector<Value> results;
    for (Value result : op->getResults())
      results.push_back(standIn(result));
    FailureOr<SmallVector<Value>> reduced = reductionStatistics(
        builder, generic, operands, results, op.getFactoredName());
    if (failed(reduced))
      return failure();
    statistics = *reduced;
  }
  for (unsigned i = 0, e = op->getNumOperands(); i < e; ++i) {
    if (!active.contains(op->getOperand(i)))
      continue;
    Value kept =
        op.getKeep() && op->getNumResults() == 1 ? op->getResult(0) : Value();
    FailureOr<Value> gradient = differentiateGeneric(
        builder, generic, i, operands, cotangents, kept, statistics,
        (op.getFactoredName() + ".gradient" + Twine(i)).str());
    if (failed(gradient))
      return failure();
    if (*gradient)
      contributions[op->getOperand(i)].push_back(*gradient);
  }
  markNew();
  return success();
}

LogicalResult Backward::differentiateUnit(ArrayRef<FactoredOp> unit) {
  currentUnit.clear();
  recomputed.clear();
  // A single op's results are there; a group's inner values may not be.
  if (unit.size() > 1)
    for (FactoredOp op : unit)
      currentUnit.insert(op);
  for (FactoredOp op : llvm::reverse(unit))
    if (failed(differentiateOp(op)))
      return failure();
  return success();
}

Value Backward::seedOf(Value loss, Value scale, double fixedScale) {
  Type type = getElementTypeOrSelf(loss.getType());
  IndexMapAttr scalar = IndexMapAttr::get(function.getContext(), {});
  SmallVector<Value> operands;
  if (scale)
    operands.push_back(scale);
  SmallVector<IndexMapAttr> maps(operands.size(), scalar);
  GenericOp seed = createGeneric(
      builder, loss.getLoc(), "loss.gradient", {}, operands, maps, {type},
      {scalar}, [&](OpBuilder &inner, ValueRange in) -> SmallVector<Value> {
        if (scale)
          return {ScalarBuilder(inner, loss.getLoc()).cast(in[0], type)};
        return {arith::ConstantOp::create(
            inner, loss.getLoc(), inner.getFloatAttr(type, fixedScale))};
      });
  seed.setPass(Segment::Backward);
  seed.setForwardOf(loss.getDefiningOp<FactoredOp>().getFactoredName());
  return seed.getOutputs()[0];
}

FailureOr<SmallVector<Value>> Backward::run(unsigned lossIndex,
                                            ArrayRef<Value> parameters,
                                            Value scale, double fixedScale) {
  SmallVector<FactoredOp> ops;
  for (FactoredOp op : function.front().getOps<FactoredOp>()) {
    op.setPass(Segment::Forward);
    ops.push_back(op);
  }
  // What lies between the parameters and the loss.
  active.insert(parameters.begin(), parameters.end());
  for (FactoredOp op : ops)
    if (!op.getNoGradient() && llvm::any_of(op->getOperands(), [&](Value v) {
          return active.contains(v);
        }))
      for (Value result : op->getResults())
        if (isFloat(result))
          active.insert(result);

  Value loss = function.front().getTerminator()->getOperand(lossIndex);
  auto lossOp = loss.getDefiningOp<FactoredOp>();
  if (!lossOp || !active.contains(loss))
    return function.emitError(
        "the loss does not depend on any parameter: nothing to train");
  contributions[loss].push_back(seedOf(loss, scale, fixedScale));

  DenseMap<Attribute, SmallVector<FactoredOp>> groups;
  for (FactoredOp op : ops)
    if (StringAttr group = op.getGroupAttr())
      groups[group].push_back(op);
  llvm::SmallDenseSet<Operation *> done;
  for (FactoredOp op : llvm::reverse(ops)) {
    if (done.contains(op))
      continue;
    SmallVector<FactoredOp> unit = {op};
    if (StringAttr group = op.getGroupAttr())
      unit = groups[group];
    for (FactoredOp member : unit)
      done.insert(member);
    if (failed(differentiateUnit(unit)))
      return failure();
  }
  SmallVector<Value> gradients;
  for (Value parameter : parameters) {
    gradients.push_back(gradientOf(parameter));
    if (!gradients.back() && zeros.contains(parameter))
      gradients.back() = zeroGradient(parameter);
  }
  return gradients;
}

FailureOr<SmallVector<Value>>
colossal::appendBackward(func::FuncOp function, unsigned lossIndex,
                         ArrayRef<Value> parameters, Value scale,
                         double fixedScale) {
  return Backward(function).run(lossIndex, parameters, scale, fixedScale);
}
