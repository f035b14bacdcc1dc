//===- Scratch.cpp - Memory the runtime takes beside the arena ------------===//

#include "colossal/Run/Scratch.h"

#include "BlockedProduct.h"
#include "Staging.h"
#include "colossal/Run/LibraryFunction.h"

#include <algorithm>

namespace colossal::rank {

int64_t scratchBytes(const Gemm &gemm, int threads) {
  return blockedScratchBytes(gemm, threads);
}

/// Of one call.
static int64_t libraryScratchBytes(const Op &op, int threads,
                                   std::string &error) {
  const LibraryFunction *function = findLibraryFunction(op.library.function);
  if (!function) {
    error = "no library function '" + op.library.function + "'";
    return 0;
  }
  // Only whether there is a kernel matters, not which.
  KernelFunction kernel = [](const ColossalArgs *, int64_t, int64_t) {};
  try {
    Threads pool(threads);
    return function
        ->make(op, pool, op.library.kernel.empty() ? nullptr : kernel)
        ->scratchBytes();
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
      else if (op.kind == OpKind::Library)
        bytes = libraryScratchBytes(op, threads, error);
      largest = std::max(largest, bytes);
    }
  return largest;
}

int64_t collectiveStagingBytes() { return kStagingBytes; }

int64_t stagingBytes(const std::vector<const Program *> &programs) {
  const Program &first = *programs.front();
  int64_t devices = 1;
  for (const Axis &axis : first.mesh)
    devices *= axis.size;
  // A single rank maps no shared memory.
  if (devices * first.groups == 1)
    return 0;
  std::vector<std::vector<std::string>> groups;
  int64_t transfers = 0;
  for (const Program *program : programs) {
    transfers += transferBytes(*program);
    for (const Segment &segment : program->segments)
      for (const Op &op : segment.ops)
        if (isCollective(op.kind) &&
            std::find(groups.begin(), groups.end(), op.collective.axes) ==
                groups.end())
          groups.push_back(op.collective.axes);
  }
  int64_t count = int64_t(groups.size());
  return counterAreaBytes(count) + (count ? kStagingBytes + kQueueBytes : 0) +
         (transfers + 4095) / 4096 * 4096;
}

int64_t reservedBytes(const std::vector<const Program *> &programs, int threads,
                      std::string &error) {
  int64_t arena = 0, window = 0, scratch = 0;
  for (const Program *program : programs) {
    arena = std::max(arena, program->arenaBytes);
    window = std::max(window, program->windowBytes);
    scratch = std::max(scratch, scratchBytes(*program, threads, error));
  }
  return arena + window + scratch + stagingBytes(programs);
}

} // namespace colossal::rank
