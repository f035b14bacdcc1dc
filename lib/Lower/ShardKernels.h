//===- ShardKernels.h - Kernels of local reshards ---------------*- C++ -*-===//

#ifndef COLOSSAL_LOWER_SHARDKERNELS_H
#define COLOSSAL_LOWER_SHARDKERNELS_H

#include "KernelEmitter.h"

namespace colossal::lower {

/// The number of a rank in the group of `axes` (first axis major) times
/// `scale`, as a function of the coordinate. Sizes are those of the module's
/// mesh and, for `time`, its microbatches. Failure: an unknown axis.
mlir::FailureOr<rank::AffineOffset>
groupNumber(mlir::Operation *op, mlir::ArrayAttr axes, int64_t scale);

/// Emits shard_slice or shard_mask; returns the range. `accumulate`: adds.
mlir::FailureOr<int64_t> emitShardSlice(KernelFrame &frame, ShardSliceOp op,
                                        bool accumulate);
mlir::FailureOr<int64_t> emitShardMask(KernelFrame &frame, ShardMaskOp op,
                                       bool accumulate);

} // namespace colossal::lower

#endif // COLOSSAL_LOWER_SHARDKERNELS_H
