//===- Lowering.h - Attention as a library call -----------------*- C++ -*-===//

#ifndef COLOSSAL_OPS_ATTENTION_LOWERING_H
#define COLOSSAL_OPS_ATTENTION_LOWERING_H

#include "Run/Call.h"
#include "colossal/Lower/KernelFrame.h"

namespace colossal::attention {

/// Extents and strides of colossal.attention or attention_backward for the
/// runtime, and per operand (inputs, then outputs) the first element.
/// `kernel` is left empty. Failure: the batch has more than two extents, or
/// queries or keys do not have one stride.
struct CallShape {
  rank::Attention attention;
  std::vector<int64_t> offsets;
  /// True if the body is more than the causal mask that `attention` describes.
  bool needsKernel = false;
};
mlir::FailureOr<CallShape> analyzeCall(FactoredOp op);

/// Emits the body as a kernel over rows of scores (see rank::Attention). The
/// frame's offsets are those that Op::indices must begin with.
mlir::LogicalResult emitScoreKernel(lower::KernelFrame &frame, FactoredOp op);

} // namespace colossal::attention

#endif // COLOSSAL_OPS_ATTENTION_LOWERING_H
