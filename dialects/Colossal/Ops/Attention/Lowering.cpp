//===- Lowering.cpp - Attention as a library call -------------------------===//

#include "Lowering.h"
#include "Mask.h"
#include "Models.h"
#include "colossal/Lower/LibraryOp.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::lower;
using namespace colossal::attention;

FailureOr<CallShape> colossal::attention::analyzeCall(FactoredOp op) {
  Maps maps(op);
  bool backward = isa<AttentionBackwardOp>(op.getOperation());
  unsigned inputs = op->getNumOperands(), tensors = maps.maps.size();
  unsigned firstExtra = backward ? 6 : 3;
  CallShape shape;
  rank::Attention &attention = shape.attention;
  attention.backward = backward;
  Extents extents(maps, backward, inputs);
  auto &[withQuery, withKey, withQk, withV, all, batch, query, key, qk, v] =
      extents;
  if (!extents.areFew())
    return op->emitError("attention over ")
           << batch.size() << " batch, " << query.size() << " query, "
           << key.size() << " key and " << qk.size() << " and " << v.size()
           << " feature extents, expected at most 2, 1, 1, 1 and 1";
  auto sizeOf = [](ArrayRef<NestedExtent> list, unsigned i) {
    return i < list.size() ? list[i].size : 1;
  };
  auto strideOf = [](ArrayRef<NestedExtent> list, unsigned i, unsigned t) {
    return i < list.size() ? list[i].strides[t] : 0;
  };
  attention.batch = sizeOf(batch, 0);
  attention.heads = sizeOf(batch, 1);
  attention.queries = sizeOf(query, 0);
  attention.keys = sizeOf(key, 0);
  attention.qkFeatures = sizeOf(qk, 0);
  attention.vFeatures = sizeOf(v, 0);
  attention.scale = op->getAttrOfType<FloatAttr>("scale").getValueAsDouble();
  attention.narrow = narrowNumberOf(getElementTypeOrSelf(op->getOperand(0)));
  int64_t bytes = attention.narrow ? 2 : 4;
  for (unsigned t = 0; t < tensors; ++t) {
    bool isExtra = t >= firstExtra && t < inputs;
    shape.offsets.push_back(isExtra ? 0 : bytes * maps.strides[t].offset);
    if (isExtra) {
      attention.strides.push_back({});
      continue;
    }
    bool isQuery = llvm::is_contained(withQuery, t);
    attention.strides.push_back(
        {strideOf(batch, 0, t), strideOf(batch, 1, t),
         isQuery ? strideOf(query, 0, t) : strideOf(key, 0, t),
         llvm::is_contained(withQk, t) ? strideOf(qk, 0, t)
                                       : strideOf(v, 0, t)});
  }
  Mask mask = readMask(op, maps);
  shape.needsKernel = mask.hasMore;
  attention.causal = mask.causalOffset.has_value();
  attention.causalOffset = mask.causalOffset.value_or(0);
  // Padding keys are hidden by the kernel, whatever the body says.
  for (auto [factor, role] : llvm::zip(maps.factors, maps.roles))
    shape.needsKernel |= role == Role::Key && factor.isPadded();
  return shape;
}

namespace {
template <class Op> struct Call : LibraryOp::ExternalModel<Call<Op>, Op> {
  LogicalResult lowerToCall(Operation *op, Lowering &lowering,
                            LoweredGroup &call) const {
    FailureOr<CallShape> shape = analyzeCall(FactoredOp(op));
    if (failed(shape))
      return failure();
    call.operands.assign(op->operand_begin(), op->operand_end());
    call.operands.insert(call.operands.end(), op->result_begin(),
                         op->result_end());
    call.offsets = shape->offsets;
    if (shape->needsKernel) {
      FailureOr<std::string> symbol = lowering.addKernel(
          op->getLoc(), call.op.name + "_mask", call, [&](KernelFrame &frame) {
            return emitScoreKernel(frame, FactoredOp(op));
          });
      if (failed(symbol))
        return failure();
      shape->attention.kernel = *symbol;
    }
    call.op.library = rank::callOf(shape->attention);
    return success();
  }
};
} // namespace

void colossal::attention::attachLowering(MLIRContext *context) {
  AttentionOp::attachInterface<Call<AttentionOp>>(*context);
  AttentionBackwardOp::attachInterface<Call<AttentionBackwardOp>>(*context);
}
