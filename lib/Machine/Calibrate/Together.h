//===- Together.h - Forked processes that measure together ------*- C++ -*-===//
//
// Every rank runs the same function, in a process of its own, and calls
// `measure` in the same order. A measurement lasts from a barrier to a barrier
// over all ranks that take part, so that ranks which share a core, a cache or
// the memory slow each other down exactly as they do in training.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_LIB_MACHINE_CALIBRATE_TOGETHER_H
#define COLOSSAL_LIB_MACHINE_CALIBRATE_TOGETHER_H

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace colossal::machine {

/// The largest result that `runTogether` brings back.
constexpr size_t resultBytes = 4096;

class Together {
public:
  int64_t rank() const { return theRank; }
  int64_t ranks() const { return theRanks; }
  int64_t threads() const { return theThreads; }
  /// How many ranks can work at the same time on cores of their own; at least
  /// one. Where there are more, computing is measured with these: all ranks
  /// together take `ranks / independentRanks` times as long.
  int64_t independentRanks() const;

  /// Waits for the ranks below `active`; spins briefly, then yields. Returns
  /// when the last of them arrived (ns), the same on all: a rank that wakes
  /// late does not measure less.
  /// \pre rank() < active
  double barrier(int64_t active);

  /// Nanoseconds of one call of `work` on the ranks below `active` at the same
  /// time: the best of several trials, each of many calls between two barriers.
  /// Takes 200 ms at most, less where trials agree. The other ranks sleep. The
  /// same result on every rank. Ranks that share cores are measured over
  /// several time slices, and what other processes do then counts.
  double measure(int64_t active, const std::function<void()> &work);

  /// One turn of a spinning wait.
  static void relax();

  /// Shared memory, one part per rank.
  float *window(int64_t rank) const;
  size_t windowBytes() const { return theWindowBytes; }

private:
  friend bool runTogether(int64_t, int64_t, size_t, double,
                          const std::function<void(Together &, void *)> &,
                          void *, std::string &);
  struct Shared;

  /// Waits until all ranks are here, asleep.
  void meet();

  int64_t theRank = 0, theRanks = 1, theThreads = 1;
  int64_t cores = 1;
  size_t theWindowBytes = 0;
  double deadline = 0.0; ///< seconds after start when one trial must do
  Shared *shared = nullptr;
  char *windows = nullptr;
};

/// Runs `body` in `ranks` processes. `seconds`: how long measuring should take
/// at most; after three times as long the processes are ended. Rank 0's
/// `resultBytes` are copied to `result`.
bool runTogether(int64_t ranks, int64_t threads, size_t windowBytes,
                 double seconds,
                 const std::function<void(Together &, void *result)> &body,
                 void *result, std::string &error);

/// Calls `work(thread)` on a number of threads and waits for them, through
/// libgomp as the runtime does: oneDNN uses the same threads.
void onThreads(int64_t threads, const std::function<void(int64_t)> &work);

} // namespace colossal::machine

#endif // COLOSSAL_LIB_MACHINE_CALIBRATE_TOGETHER_H
