//===- Lowering.cpp - Convolution as a library call -----------------------===//

#include "Colossal/IR/NarrowFloat.h"
#include "Models.h"
#include "Roles.h"
#include "Run/Call.h"
#include "colossal/Lower/LibraryOp.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::lower;
using namespace colossal::convolution;

static rank::Convolution callOf(FactoredOp op) {
  Roles roles(op);
  rank::Convolution call;
  switch (roles.tensors[2]) {
  case Tensor::Output:
    call.pass = rank::Convolution::Pass::Forward;
    break;
  case Tensor::Input:
    call.pass = rank::Convolution::Pass::BackwardData;
    break;
  case Tensor::Weights:
    call.pass = rank::Convolution::Pass::BackwardWeights;
    break;
  }
  call.samples = roles.size(Role::Sample);
  call.groups = roles.size(Role::Group);
  call.outputs = roles.size(Role::OutputChannel);
  call.channels = roles.size(Role::InputChannel);
  call.channelsLast = roles.channelsLast;
  call.narrow = narrowNumberOf(getElementTypeOrSelf(op->getOperand(0)));
  call.wideResult =
      call.narrow && getElementTypeOrSelf(op->getResult(0)).isF32();
  // The last dimensions of three.
  auto copy = [](ArrayRef<int64_t> from, std::array<int64_t, 3> &to) {
    std::copy(from.begin(), from.end(), to.end() - from.size());
  };
  auto attribute = [&](StringRef name) -> ArrayRef<int64_t> {
    return op->getAttrOfType<DenseI64ArrayAttr>(name);
  };
  copy(roles.positions(Tensor::Input), call.input);
  copy(roles.positions(Tensor::Weights), call.taps);
  copy(roles.positions(Tensor::Output), call.output);
  copy(attribute("stride"), call.stride);
  copy(attribute("padding"), call.padding);
  copy(attribute("dilation"), call.dilation);
  return call;
}

namespace {
template <class Op> struct Call : LibraryOp::ExternalModel<Call<Op>, Op> {
  LogicalResult lowerToCall(Operation *op, Lowering &,
                            LoweredGroup &call) const {
    Type type = getElementTypeOrSelf(op->getResult(0));
    if (!type.isF32() && !isNarrowFloat(type))
      return op->emitError("convolution of ")
             << type << " cannot be compiled, expected f32, bf16 or f16";
    call.operands = {op->getOperand(0), op->getOperand(1), op->getResult(0)};
    call.offsets.assign(3, 0);
    call.op.library = rank::callOf(::callOf(FactoredOp(op)));
    return success();
  }
};
} // namespace

void colossal::convolution::attachLowering(MLIRContext *context) {
  ConvolutionOp::attachInterface<Call<ConvolutionOp>>(*context);
  ConvolutionBackwardDataOp::attachInterface<Call<ConvolutionBackwardDataOp>>(
      *context);
  ConvolutionBackwardWeightsOp::attachInterface<
      Call<ConvolutionBackwardWeightsOp>>(*context);
}
