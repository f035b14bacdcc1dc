//===- Layout.cpp - Which layout convolution prefers ----------------------===//

#include "Colossal/IR/NarrowFloat.h"
#include "Colossal/Transforms/LayoutOp.h"
#include "Models.h"
#include "Roles.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::convolution;

/// Of a vector: with fewer channels both layouts are slow.
static constexpr int64_t kVector = 16;

/// In one dimension, of direct kernels.
static constexpr int64_t kMostTaps = 14;

/// Direct kernels exist for dense and depthwise convolutions, and for groups of
/// whole vectors (Run/Direct.h).
static LayoutWish wishOf(FactoredOp op) {
  Roles roles(op);
  int64_t groups = roles.size(Role::Group),
          inputs = roles.size(Role::InputChannel),
          outputs = roles.size(Role::OutputChannel);
  Type element = getElementTypeOrSelf(op->getResult(0));
  if (roles.channelsLast || !(element.isF32() || isNarrowFloat(element)))
    return LayoutWish::First;
  // Large patches: their derivatives have no direct kernels.
  if (llvm::any_of(roles.positions(Tensor::Weights),
                   [](int64_t taps) { return taps > kMostTaps; }))
    return LayoutWish::First;
  bool isDepthwise = inputs == 1 && outputs == 1;
  bool isWhole = inputs % kVector == 0 && outputs % kVector == 0;
  if (groups > 1 && !isDepthwise && !isWhole)
    return LayoutWish::First;
  if (isDepthwise)
    return groups >= kVector ? LayoutWish::Last : LayoutWish::Any;
  return std::max(inputs, outputs) >= kVector ? LayoutWish::Last
                                              : LayoutWish::Any;
}

namespace {
template <class Op> struct Layout : LayoutOp::ExternalModel<Layout<Op>, Op> {
  LayoutWish getLayoutWish(Operation *op) const {
    return wishOf(FactoredOp(op));
  }
  SmallVector<unsigned> getImages(Operation *op) const {
    SmallVector<unsigned> images;
    for (auto [number, tensor] : llvm::enumerate(tensorsOf(op)))
      if (tensor != Tensor::Weights)
        images.push_back(number);
    return images;
  }
  void setChannelsLast(Operation *op) const {
    op->setAttr(channelsLastName, UnitAttr::get(op->getContext()));
  }
};
} // namespace

void convolution::attachLayout(MLIRContext *context) {
  ConvolutionOp::attachInterface<Layout<ConvolutionOp>>(*context);
  ConvolutionBackwardDataOp::attachInterface<Layout<ConvolutionBackwardDataOp>>(
      *context);
  ConvolutionBackwardWeightsOp::attachInterface<
      Layout<ConvolutionBackwardWeightsOp>>(*context);
}
