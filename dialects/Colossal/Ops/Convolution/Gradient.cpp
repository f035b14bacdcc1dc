//===- Gradient.cpp - The derivatives of convolution are convolutions -----===//
//
// All three ops are linear in both operands and solve one equation: the
// gradient of an operand is the op whose result is that operand's tensor, of
// the other operand and the result's gradient.
//
//===----------------------------------------------------------------------===//

#include "colossal/Differentiate/Gradient.h"
#include "Models.h"
#include "Roles.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::convolution;

static StringRef nameOfOpFor(Tensor result) {
  switch (result) {
  case Tensor::Input:
    return ConvolutionBackwardDataOp::getOperationName();
  case Tensor::Weights:
    return ConvolutionBackwardWeightsOp::getOperationName();
  case Tensor::Output:
    return ConvolutionOp::getOperationName();
  }
  llvm_unreachable("three tensors");
}

/// The op that computes `result` from the other two tensors.
static Value build(OpBuilder &builder, Operation *like, const Roles &roles,
                   Tensor result, RankedTensorType type,
                   function_ref<Value(Tensor)> valueOf, StringRef name) {
  OperationState state(like->getLoc(), nameOfOpFor(result));
  SmallVector<Attribute> factors, operandMaps;
  for (auto [index, factor] : llvm::enumerate(roles.factors))
    factors.push_back(FactorAttr::get(
        builder.getContext(), factor.getName(), factor.getBound(),
        roles.map(result).uses(index) ? FactorKind::Parallel : FactorKind::Sum,
        factor.getExtent(), factor.getTerms()));
  // Input, weights, output: the order of operands in each of the ops but one.
  SmallVector<Tensor> order = {Tensor::Input, Tensor::Weights, Tensor::Output};
  llvm::erase(order, result);
  if (result == Tensor::Input)
    std::swap(order[0], order[1]);
  for (Tensor tensor : order) {
    state.addOperands(valueOf(tensor));
    operandMaps.push_back(roles.map(tensor));
  }
  state.addTypes(type);
  state.addAttribute("name", builder.getStringAttr(name));
  state.addAttribute("factors", builder.getArrayAttr(factors));
  state.addAttribute("operandMaps", builder.getArrayAttr(operandMaps));
  state.addAttribute("resultMaps", builder.getArrayAttr({roles.map(result)}));
  for (StringRef attribute : {"stride", "padding", "dilation"})
    state.addAttribute(attribute, like->getAttr(attribute));
  if (roles.channelsLast)
    state.addAttribute(channelsLastName, builder.getUnitAttr());
  OpBuilder inner(builder.getContext());
  inner.createBlock(state.addRegion());
  YieldOp::create(inner, like->getLoc());
  return builder.create(state)->getResult(0);
}

namespace {
template <class Op>
struct Derivative : DifferentiableOp::ExternalModel<Derivative<Op>, Op> {
  FailureOr<SmallVector<Value>>
  buildGradients(Operation *op, OpBuilder &builder, ValueRange operands,
                 ValueRange, ArrayRef<Value> cotangents, StringRef name) const {
    Roles roles{FactoredOp(op)};
    auto valueOf = [&](Tensor tensor) {
      for (unsigned i = 0; i < 2; ++i)
        if (roles.tensors[i] == tensor)
          return operands[i];
      return cotangents[0];
    };
    SmallVector<Value> gradients;
    for (unsigned i = 0; i < 2; ++i)
      gradients.push_back(
          build(builder, op, roles, roles.tensors[i],
                cast<RankedTensorType>(op->getOperand(i).getType()), valueOf,
                (name + Twine(i)).str()));
    return gradients;
  }
};
} // namespace

void convolution::attachDerivative(MLIRContext *context) {
  ConvolutionOp::attachInterface<Derivative<ConvolutionOp>>(*context);
  ConvolutionBackwardDataOp::attachInterface<
      Derivative<ConvolutionBackwardDataOp>>(*context);
  ConvolutionBackwardWeightsOp::attachInterface<
      Derivative<ConvolutionBackwardWeightsOp>>(*context);
}
