//===- Reuse.h - How long ago a node's values were touched ------*- C++ -*-===//
//
// What a kernel moves comes from the cache that still holds it: its reuse
// distance, the bytes that the device has touched since the value was touched
// before, says which one that is (Mattson, Gecsei, Slutz and Traiger, 1970:
// stack distances). The nodes are walked in the order of a step: prologue,
// forward and backward of one microbatch after the other, update. A value that
// the batch cuts is another one in each microbatch; parameters and sums over
// microbatches are the same.
//
// The distance must not depend on the strategies that are still to be chosen: a
// value counts with its bytes divided by the devices of a stage. Fused kernels
// touch less than their nodes, so distances are upper bounds.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_LIB_PLAN_REUSE_H
#define COLOSSAL_LIB_PLAN_REUSE_H

#include "colossal/Plan/Pieces.h"

#include <memory>

namespace colossal::plan {

/// Per node and value that crosses its border the time of a byte:
/// of an operand, by the distance to its last touch; of a result, by the
/// largest distance between its touches from then on, since that decides which
/// cache it is written to. What the step touches for the first time, and state
/// that it updates, is as far away as all that the step touches. Of repeated
/// blocks the representative's nodes have the mean over all copies, other
/// copies nothing.
/// \p devices: of a group. Nothing else of a mesh matters, so many
/// formulations share the answer.
std::shared_ptr<const std::vector<ByteTimes>>
byteTimesOf(const Program &program, const Batching &batching,
            const std::vector<OpNode> &nodes, const Pieces &pieces,
            const machine::Cluster &cluster, int64_t devices,
            int64_t microbatches);

} // namespace colossal::plan

#endif // COLOSSAL_LIB_PLAN_REUSE_H
