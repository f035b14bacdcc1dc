//===- Gradient.cpp - From attention to its backward op -------------------===//

#include "colossal/Differentiate/Gradient.h"
#include "Models.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace colossal;

static FailureOr<SmallVector<Value>>
differentiate(OpBuilder &builder, AttentionOp op, ValueRange operands,
              ValueRange results, ArrayRef<Value> cotangents, StringRef name) {
  if (cotangents[1])
    return op.emitOpError("no derivative with respect to the log-sum-exp");
  FactoredOp factored(op.getOperation());
  SmallVector<FactorAttr> factors = factored.getFactorList();
  SmallVector<Value> inputs(operands.take_front(3));
  SmallVector<IndexMapAttr> operandMaps;
  for (unsigned i = 0; i < 3; ++i)
    operandMaps.push_back(factored.getOperandMap(i));
  for (unsigned i = 0; i < 2; ++i) {
    inputs.push_back(results[i]);
    operandMaps.push_back(factored.getResultMap(i));
  }
  inputs.push_back(cotangents[0]);
  operandMaps.push_back(factored.getResultMap(0));
  for (unsigned i = 3, e = operands.size(); i < e; ++i) {
    inputs.push_back(operands[i]);
    operandMaps.push_back(factored.getOperandMap(i));
  }
  SmallVector<IndexMapAttr> resultMaps;
  SmallVector<Type> types;
  for (unsigned i = 0; i < 3; ++i) {
    bool clipped = false;
    operandMaps[i].walk([&](unsigned, unsigned, SubDimAttr sub) {
      clipped |= sub.getClipped();
    });
    if (clipped)
      return op.emitOpError("no derivative: q, k or v is read at an offset");
    resultMaps.push_back(gradientMapOf(operandMaps[i]));
    types.push_back(RankedTensorType::get(
        resultMaps.back().getShape(),
        cast<RankedTensorType>(operands[i].getType()).getElementType()));
  }
  auto toArray = [&](auto list) {
    return builder.getArrayAttr(
        SmallVector<Attribute>(list.begin(), list.end()));
  };
  OperationState state(op.getLoc(), AttentionBackwardOp::getOperationName());
  state.addOperands(inputs);
  state.addTypes(types);
  state.addAttribute("name", builder.getStringAttr(name));
  state.addAttribute("factors", toArray(factors));
  state.addAttribute("operandMaps", toArray(operandMaps));
  state.addAttribute("resultMaps", toArray(resultMaps));
  state.addAttribute("scale", op.getScaleAttr());
  IRMapping mapping;
  op.getBody().cloneInto(state.addRegion(), mapping);
  auto backward = cast<AttentionBackwardOp>(builder.create(state));
  SmallVector<Value> gradients;
  for (unsigned i = 0; i < 3; ++i)
    gradients.push_back(
        embedGradient(builder, op.getLoc(), backward.getOutputs()[i], factors,
                      operandMaps[i], (name + ".part" + Twine(i)).str()));
  // The extra operands are constants.
  gradients.resize(operands.size());
  return gradients;
}

namespace {
struct Derivative : DifferentiableOp::ExternalModel<Derivative, AttentionOp> {
  FailureOr<SmallVector<Value>>
  buildGradients(Operation *op, OpBuilder &builder, ValueRange operands,
                 ValueRange results, ArrayRef<Value> cotangents,
                 StringRef name) const {
    return differentiate(builder, cast<AttentionOp>(op), operands, results,
                         cotangents, name);
  }
};
} // namespace

void colossal::attention::attachDerivative(MLIRContext *context) {
  AttentionOp::attachInterface<Derivative>(*context);
}
