//===- Arena.h - Offsets for buffers with known lifetimes -------*- C++ -*-===//
//
// Dynamic storage allocation, offline: every buffer is live in a half-open
// interval of steps; two buffers that are live at the same step must not share
// a byte. No arena is smaller than the largest sum of live bytes
// (`maximumLiveBytes`); `planArena` comes within a few percent of it.
//
// Units: bytes; steps are any integers.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_TIMELINE_ARENA_H
#define COLOSSAL_TIMELINE_ARENA_H

#include <cstdint>
#include <string>
#include <vector>

namespace colossal::timeline {

/// A buffer live in the steps [begin, end). Empty buffers (no bytes or no
/// steps) are allowed and get offset 0.
struct LiveRange {
  int64_t bytes = 0;
  int64_t begin = 0;
  int64_t end = 0;
  int64_t alignment = 64; ///< a power of two
};

struct ArenaPlan {
  std::vector<int64_t> offsets; ///< one per range
  int64_t totalBytes = 0;
};

/// The largest sum of bytes live at one step.
int64_t maximumLiveBytes(const std::vector<LiveRange> &ranges);

/// Deterministic: places by several orders (size, lifetime, area, time),
/// each buffer into the tightest gap that fits, then moves buffers that set
/// the peak to the front and places again, a bounded number of rounds; the
/// smallest total wins. O(rounds * n * overlapping buffers), and the rounds are
/// as many as some 10^8 pairs allow: of more than 7 000 buffers an allocator
/// that meets them in order of time comes first, beyond 14 000 it is all.
ArenaPlan planArena(const std::vector<LiveRange> &ranges);

/// One message per fault: overlapping live buffers, misaligned or negative
/// offsets, a total below the end of a buffer.
std::vector<std::string> checkArena(const std::vector<LiveRange> &ranges,
                                    const ArenaPlan &plan);

} // namespace colossal::timeline

#endif // COLOSSAL_TIMELINE_ARENA_H
