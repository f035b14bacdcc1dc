//===- Evaluate.cpp - Evaluates ops and functions -------------------------===//

#include "colossal/Reference/Evaluate.h"
#include "GenericEvaluation.h"
#include "colossal/Reference/Collectives.h"
#include "colossal/Reference/EvaluableOp.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::reference;

#include "colossal/Reference/EvaluableOp.cpp.inc"

static FailureOr<Tensors> evaluateConstant(arith::ConstantOp op) {
  auto type = dyn_cast<RankedTensorType>(op.getType());
  auto dense = dyn_cast<DenseElementsAttr>(op.getValue());
  if (!type || !dense) {
    op.emitError("found a constant that is not a dense tensor");
    return failure();
  }
  Tensor tensor = Tensor::zeros(type);
  if (tensor.kind == ElementKind::Float) {
    for (auto [i, value] : llvm::enumerate(dense.getValues<APFloat>())) {
      bool loses = false;
      APFloat wide = value;
      wide.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &loses);
      tensor.floats[i] = wide.convertToDouble();
    }
  } else {
    for (auto [i, value] : llvm::enumerate(dense.getValues<APInt>())) {
      if (tensor.kind == ElementKind::Integer)
        tensor.integers[i] = value.getSExtValue();
      else
        tensor.booleans[i] = value.getBoolValue();
    }
  }
  return Tensors{share(std::move(tensor))};
}

/// Whether the result is the operand: a gradient that is kept, for example.
static bool isIdentity(GenericOp op, const LoopNest &nest) {
  FactoredOp factored(op.getOperation());
  if (op->getNumOperands() != 1 || op->getNumResults() != 1 ||
      op.getYielded()[0] != op.getBody().front().getArgument(0) ||
      op->getOperand(0).getType() != op.getResult(0).getType() ||
      factored.getOperandMap(0) != factored.getResultMap(0))
    return false;
  for (auto [factor, valid] : llvm::zip(nest.factors, nest.valid))
    if (!factor.isParallel() || valid != factor.getBound())
      return false;
  return true;
}

static FailureOr<Tensors> evaluateGeneric(GenericOp op,
                                          ArrayRef<TensorRef> operands,
                                          const Place &place,
                                          const Options &options) {
  if (options.fastPaths) {
    LoopNest nest(FactoredOp(op.getOperation()), place);
    if (isIdentity(op, nest))
      return Tensors{operands[0]};
    if (std::optional<Tensor> result =
            evaluateContraction(op, nest, operands, options))
      return Tensors{share(std::move(*result))};
  }
  return evaluateLoops(op, operands, place, options);
}

FailureOr<Tensors> colossal::reference::evaluate(Operation *op,
                                                 ArrayRef<TensorRef> operands,
                                                 const Place &place,
                                                 const Options &options) {
  if (auto generic = dyn_cast<GenericOp>(op))
    return evaluateGeneric(generic, operands, place, options);
  if (auto whole = dyn_cast<EvaluableOp>(op))
    return whole.evaluate(operands, place, options);
  if (auto constant = dyn_cast<arith::ConstantOp>(op))
    return evaluateConstant(constant);
  if (isa<ReshardOp>(op))
    return Tensors{operands[0]};
  if (isa<ShardSliceOp, ShardMaskOp>(op)) {
    Tensors result = {evaluateLocal(op, operands[0], place)};
    return result;
  }
  op->emitError("the interpreter does not evaluate this op on one device");
  return failure();
}

FailureOr<Tensors> colossal::reference::evaluate(func::FuncOp function,
                                                 ArrayRef<TensorRef> arguments,
                                                 const Options &options,
                                                 const Observer &observer) {
  if (!llvm::hasSingleElement(function.getBody())) {
    function.emitError("the interpreter expects a function of one block");
    return failure();
  }
  DenseMap<Value, TensorRef> values;
  Block &block = function.getBody().front();
  for (auto [argument, tensor] : llvm::zip(block.getArguments(), arguments))
    values[argument] = tensor;
  // A value is dropped after its last use.
  DenseMap<Operation *, SmallVector<Value>> lastUses;
  llvm::SmallDenseSet<Value> seen;
  for (Operation &op : llvm::reverse(block))
    for (Value operand : op.getOperands())
      if (seen.insert(operand).second)
        lastUses[&op].push_back(operand);
  for (Operation &op : block) {
    Tensors operands;
    for (Value operand : op.getOperands())
      operands.push_back(values.lookup(operand));
    if (isa<func::ReturnOp>(op))
      return operands;
    FailureOr<Tensors> results = evaluate(&op, operands, Place(), options);
    if (failed(results))
      return failure();
    if (observer)
      observer(&op, *results);
    for (auto [value, tensor] : llvm::zip(op.getResults(), *results))
      if (!value.use_empty())
        values[value] = tensor;
    for (Value value : lastUses.lookup(&op))
      values.erase(value);
  }
  function.emitError("found no return");
  return failure();
}
