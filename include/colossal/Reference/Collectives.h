//===- Collectives.h - What collectives compute -----------------*- C++ -*-===//
//
// Local forms, and collectives over the inputs of a whole group. Members of a
// group are numbered by their coordinates on the op's axes, the first axis
// listed major. Definitions: CollectiveOps.td.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_REFERENCE_COLLECTIVES_H
#define COLOSSAL_REFERENCE_COLLECTIVES_H

#include "colossal/Reference/Evaluate.h"

namespace colossal::reference {

/// True for the ops that need the inputs of other ranks of the device group:
/// all_reduce, all_gather, reduce_scatter, all_to_all.
bool isCollective(mlir::Operation *op);

/// The `axes` of a collective, shard_slice or shard_mask.
llvm::SmallVector<std::string> axesOf(mlir::Operation *op);

/// Number of members, and the number of the member at `place`.
int64_t groupSize(mlir::Operation *op, const Place &place);
int64_t memberAt(mlir::Operation *op, const Place &place);

/// shard_slice and shard_mask at a place.
TensorRef evaluateLocal(mlir::Operation *op, const TensorRef &input,
                        const Place &place);

/// The results of all members from the inputs of all members.
Tensors evaluateCollective(mlir::Operation *op,
                           llvm::ArrayRef<TensorRef> inputs);

} // namespace colossal::reference

#endif // COLOSSAL_REFERENCE_COLLECTIVES_H
