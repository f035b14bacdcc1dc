//===- Signal.cpp - A counter that ranks of a node wait on ----------------===//

#include "colossal/Run/Signal.h"

#include <climits>
#include <ctime>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace colossal::rank {

// The kernel compares 32 bits: the low half of the counter.
static uint32_t *lowHalf(std::atomic<uint64_t> &value) {
  return reinterpret_cast<uint32_t *>(&value);
}

void Signal::raise(uint64_t to) {
  // Raise, then look for sleepers; a sleeper announces itself, then looks at
  // the counter. In one total order at least one of them sees the other.
  value.store(to, std::memory_order_seq_cst);
  if (sleepers.load(std::memory_order_seq_cst) > 0)
    syscall(SYS_futex, lowHalf(value), FUTEX_WAKE, INT_MAX, nullptr, nullptr,
            0);
}

void Signal::sleep(uint64_t target, double seconds) {
  sleepers.fetch_add(1, std::memory_order_seq_cst);
  uint64_t seen = value.load(std::memory_order_seq_cst);
  if (seen < target) {
    timespec limit;
    limit.tv_sec = time_t(seconds);
    limit.tv_nsec = long((seconds - double(limit.tv_sec)) * 1e9);
    syscall(SYS_futex, lowHalf(value), FUTEX_WAIT, uint32_t(seen), &limit,
            nullptr, 0);
  }
  sleepers.fetch_sub(1, std::memory_order_seq_cst);
}

} // namespace colossal::rank
