//===- Layout.cpp - Pools take any layout ---------------------------------===//

#include "Colossal/Transforms/LayoutOp.h"
#include "Models.h"
#include "Roles.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::pooling;

namespace {
/// The maps say where everything is.
template <class Op> struct Layout : LayoutOp::ExternalModel<Layout<Op>, Op> {
  LayoutWish getLayoutWish(Operation *op) const { return LayoutWish::Any; }
  SmallVector<unsigned> getImages(Operation *op) const {
    // Samples and channels before the positions.
    auto rank = cast<RankedTensorType>(op->getResult(0).getType()).getRank();
    if (rank != int64_t(Pool(FactoredOp(op)).dims.size()) + 2)
      return {};
    return llvm::to_vector(
        llvm::seq<unsigned>(0, op->getNumOperands() + op->getNumResults()));
  }
  void setChannelsLast(Operation *) const {}
};
} // namespace

void pooling::attachLayout(MLIRContext *context) {
  MaxPoolOp::attachInterface<Layout<MaxPoolOp>>(*context);
  MaxPoolBackwardOp::attachInterface<Layout<MaxPoolBackwardOp>>(*context);
  AveragePoolOp::attachInterface<Layout<AveragePoolOp>>(*context);
  AveragePoolBackwardOp::attachInterface<Layout<AveragePoolBackwardOp>>(
      *context);
}
