//===- Scratch.cpp - Memory the runtime takes beside the arena ------------===//

#include "colossal/Run/Scratch.h"

#include "AttentionKernel.h"
#include "BlockedProduct.h"
#include "Staging.h"

#include <algorithm>

namespace colossal::rank {

int64_t scratchBytes(const Gemm &gemm, int threads) {
  return blockedScratchBytes(gemm, threads);
}

int64_t scratchBytes(const Attention &attention, bool backward, size_t extras,
                     int threads, std::string &error) {
  // Only whether there is a mask matters, not which.
  KernelFunction mask = [](const ColossalArgs *, int64_t, int64_t) {};
  try {
    Threads pool(threads);
    return AttentionKernel(attention, backward, pool,
                           attention.kernel.empty() ? nullptr : mask, extras)
        .scratchBytes();
  } catch (const std::exception &fault) {
    error = fault.what();
    return 0;
  }
}

int64_t scratchBytes(const Program &program, int threads, std::string &error) {
  int64_t largest = 0;
  for (const Segment &segment : program.segments)
    for (const Op &op : segment.ops) {
      int64_t bytes = 0;
      if (op.kind == OpKind::Gemm)
        bytes = scratchBytes(op.gemm, threads);
      else if (op.kind == OpKind::Attention ||
               op.kind == OpKind::AttentionBackward) {
        bool backward = op.kind == OpKind::AttentionBackward;
        bytes = scratchBytes(op.attention, backward,
                             op.operands.size() - (backward ? 9 : 5), threads,
                             error);
      }
      largest = std::max(largest, bytes);
    }
  return largest;
}

int64_t collectiveStagingBytes() { return kStagingBytes; }

int64_t stagingBytes(const Program &program) {
  int64_t devices = 1;
  for (const Axis &axis : program.mesh)
    devices *= axis.size;
  // A single rank maps no shared memory.
  if (devices * program.stages == 1)
    return 0;
  std::vector<std::vector<std::string>> groups;
  for (const Segment &segment : program.segments)
    for (const Op &op : segment.ops)
      if (isCollective(op.kind) &&
          std::find(groups.begin(), groups.end(), op.collective.axes) ==
              groups.end())
        groups.push_back(op.collective.axes);
  int64_t count = int64_t(groups.size());
  return counterAreaBytes(count) + (count ? kStagingBytes : 0) +
         (transferBytes(program) + 4095) / 4096 * 4096;
}

} // namespace colossal::rank
