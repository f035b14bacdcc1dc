//===- Staging.h - Sizes of what ranks exchange bytes through ---*- C++ -*-===//

#ifndef COLOSSAL_LIB_RUN_STAGING_H
#define COLOSSAL_LIB_RUN_STAGING_H

#include "colossal/Run/RankProgram.h"

namespace colossal::rank {

/// Bytes of staging that a rank has for collectives: two halves, so that one
/// chunk is filled while the peers read the one before.
constexpr int64_t kStagingBytes = 2 << 20;

/// Where a rank puts what it reads of others before it combines it
/// (CollectiveQueue).
constexpr int64_t kQueueBytes = 256 << 10;

/// Of each rank, for Fabric::agree.
constexpr int64_t kAgreementBytes = 128;

/// Counters of a group (Fabric.h), a cache line each.
constexpr int kCounters = 4;

/// The counters of `groups` groups, then the agreement.
inline int64_t counterAreaBytes(int64_t groups) {
  return (groups * kCounters * 64 + kAgreementBytes + 4095) / 4096 * 4096;
}

/// Slots of a transfer. One is what checkPrograms proves enough; the second
/// lets the sender run ahead.
inline int64_t transferSlots(const Program &program) {
  return program.microbatches > 1 ? 2 : 1;
}

/// Before the slots of a transfer: its counters.
constexpr int64_t kTransferHeadBytes = 128;

inline int64_t transferStride(const Op &op) {
  return (op.bytes + 63) / 64 * 64;
}

/// Bytes of staging that the sends of a program take.
inline int64_t transferBytes(const Program &program) {
  int64_t bytes = 0;
  for (const Segment &segment : program.segments)
    for (const Op &op : segment.ops)
      if (op.kind == OpKind::Send)
        bytes +=
            kTransferHeadBytes + transferSlots(program) * transferStride(op);
  return bytes;
}

} // namespace colossal::rank

#endif // COLOSSAL_LIB_RUN_STAGING_H
