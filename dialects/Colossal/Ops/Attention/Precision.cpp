//===- Precision.cpp - Attention in 16 bits -------------------------------===//

#include "Colossal/Transforms/NarrowOp.h"
#include "Models.h"

using namespace mlir;
using namespace colossal;

namespace {
/// q, k, v and the output. Scores, and their log-sum-exp, are f32.
struct Narrow : NarrowOp::ExternalModel<Narrow, AttentionOp> {
  SmallVector<unsigned> getNarrowTensors(Operation *op) const {
    return {0, 1, 2, op->getNumOperands()};
  }
  bool mayGiveWide(Operation *) const { return false; }
};
} // namespace

void colossal::attention::attachPrecision(MLIRContext *context) {
  AttentionOp::attachInterface<Narrow>(*context);
}
