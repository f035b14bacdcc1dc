//===- Precision.cpp - Convolution in 16 bits -----------------------------===//

#include "Colossal/Transforms/NarrowOp.h"
#include "Models.h"

using namespace mlir;
using namespace colossal;

namespace {
template <class Op> struct Narrow : NarrowOp::ExternalModel<Narrow<Op>, Op> {
  /// Of all three ops: they solve one equation.
  SmallVector<unsigned> getNarrowTensors(Operation *) const {
    return {0, 1, 2};
  }
  bool mayGiveWide(Operation *) const { return true; }
};
} // namespace

void convolution::attachPrecision(MLIRContext *context) {
  ConvolutionOp::attachInterface<Narrow<ConvolutionOp>>(*context);
  ConvolutionBackwardDataOp::attachInterface<Narrow<ConvolutionBackwardDataOp>>(
      *context);
  ConvolutionBackwardWeightsOp::attachInterface<
      Narrow<ConvolutionBackwardWeightsOp>>(*context);
}
