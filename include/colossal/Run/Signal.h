//===- Signal.h - A counter that ranks of a node wait on --------*- C++ -*-===//

#ifndef COLOSSAL_RUN_SIGNAL_H
#define COLOSSAL_RUN_SIGNAL_H

#include <atomic>
#include <cstdint>

namespace colossal::rank {

/// A rising counter in shared memory, one cache line. One rank raises it, any
/// rank of the node may wait for a value: first by looking, then asleep in the
/// kernel, so that a rank that waits long costs its peers no core.
struct alignas(64) Signal {
  std::atomic<uint64_t> value;
  std::atomic<uint32_t> sleepers;

  void raise(uint64_t to);
  bool reached(uint64_t target) const {
    return value.load(std::memory_order_acquire) >= target;
  }
  /// Sleeps until the counter changes or `seconds` have passed; returns at once
  /// where `target` is reached.
  void sleep(uint64_t target, double seconds);
};
static_assert(sizeof(Signal) == 64);

} // namespace colossal::rank

#endif // COLOSSAL_RUN_SIGNAL_H
