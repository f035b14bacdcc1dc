//===- AttentionLowering.h - Attention as a runtime op ----------*- C++ -*-===//

#ifndef COLOSSAL_LOWER_ATTENTIONLOWERING_H
#define COLOSSAL_LOWER_ATTENTIONLOWERING_H

#include "KernelEmitter.h"

namespace colossal::lower {

/// Extents and strides of colossal.attention or attention_backward for the
/// runtime, and per operand (inputs, then outputs) the first element.
/// `kernel` is left empty. Failure: the batch has more than two extents, or
/// queries or keys do not have one stride.
struct AttentionShape {
  rank::Attention attention;
  std::vector<int64_t> offsets;
  /// True if the body is more than the causal mask that `attention` describes.
  bool needsKernel = false;
};
mlir::FailureOr<AttentionShape> analyzeAttention(FactoredOp op);

/// Emits the body as a kernel over rows of scores (see rank::Attention). The
/// frame's offsets are those that Op::indices must begin with.
mlir::LogicalResult emitScoreKernel(KernelFrame &frame, FactoredOp op);

} // namespace colossal::lower

#endif // COLOSSAL_LOWER_ATTENTIONLOWERING_H
