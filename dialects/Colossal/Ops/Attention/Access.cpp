//===- Access.cpp - Which movement attention takes in ---------------------===//

#include "Colossal/Transforms/AccessOp.h"
#include "Models.h"
#include "Roles.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::attention;

namespace {
template <class Op> struct Access : AccessOp::ExternalModel<Access<Op>, Op> {
  bool takesMaps(Operation *op, ArrayRef<FactorAttr> factors,
                 ArrayRef<IndexMapAttr> maps) const {
    bool backward = isa<AttentionBackwardOp>(op);
    return Extents(Maps(factors, maps), backward, op->getNumOperands())
        .areFew();
  }
};
} // namespace

void colossal::attention::attachAccess(MLIRContext *context) {
  AttentionOp::attachInterface<Access<AttentionOp>>(*context);
  AttentionBackwardOp::attachInterface<Access<AttentionBackwardOp>>(*context);
}
