//===- Threads.h - The threads of a rank ------------------------*- C++ -*-===//
//
// One pool for kernels and for the library: Debian's oneDNN runs on libgomp, so
// the runtime asks libgomp too (through the entry that compilers call), and no
// second pool spins beside it. Work is split statically: the same rank, threads
// and range give the same pieces, hence the same bits.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_RUN_THREADS_H
#define COLOSSAL_RUN_THREADS_H

#include <cstdint>

namespace colossal::rank {

/// How often a thread that waits looks before it sleeps, and the variable that
/// says so to libgomp. Its own number, some milliseconds, makes a rank of two
/// threads many times slower where another process wants a core: the thread
/// that waits has used its share of time when it is needed. Some microseconds
/// cover what lies between two kernels.
constexpr const char *kSpinVariable = "GOMP_SPINCOUNT", *kSpins = "300";

class Threads {
public:
  /// Sets the number of threads of the process, also for the library.
  explicit Threads(int count);
  /// Does not touch the process: one thread for work inside another's piece.
  static Threads alone() { return Threads(); }
  int count() const { return threads; }

  /// Calls work(piece, begin, end) for the pieces of [0, range), none shorter
  /// than `grain` but the only one.
  template <class F> void split(int64_t range, int64_t grain, F &&work) const {
    int64_t pieces = range / (grain > 0 ? grain : 1);
    if (pieces > threads)
      pieces = threads;
    if (pieces <= 1) {
      if (range > 0)
        work(0, int64_t(0), range);
      return;
    }
    struct Closure {
      F &work;
      int64_t range, pieces;
    } closure{work, range, pieces};
    parallel(
        int(pieces),
        [](void *data, int piece) {
          Closure &c = *static_cast<Closure *>(data);
          c.work(piece, c.range * piece / c.pieces,
                 c.range * (piece + 1) / c.pieces);
        },
        &closure);
  }

private:
  using Body = void (*)(void *data, int piece);
  Threads() = default;
  void parallel(int pieces, Body body, void *data) const;
  int threads = 1;
};

} // namespace colossal::rank

#endif // COLOSSAL_RUN_THREADS_H
