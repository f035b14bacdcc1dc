//===- MeasureCollectives.cpp - Collectives over shared memory ------------===//
//
// What the runtime does inside a node: tensors are private; chunks go through
// two halves of a staging window that the peers can read. Each rank reduces
// its slice in rank order, then slices are gathered; small tensors are reduced
// by everyone after one wait. A message is copied into the window by one side
// and out of it by the other.
//
//===----------------------------------------------------------------------===//

#include "HugePages.h"
#include "Measure.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <new>
#include <sched.h>

using namespace colossal::machine;

namespace {
constexpr int64_t headElements = 1024; ///< the counter, on a page of its own
constexpr int64_t halfElements =
    int64_t(collectiveWindowBytes - 4 * headElements) / 8;
constexpr int64_t smallElements = 4096;

class Collectives {
public:
  Collectives(Together &together, int64_t largest)
      : together(together), ranks(together.ranks()), input(largest, 1.0f),
        output(largest, 0.0f) {
    new (together.window(together.rank())) std::atomic<int64_t>(0);
    together.barrier(ranks);
  }

  void allReduce(int64_t elements) {
    int64_t rank = together.rank();
    wait(); // the peers have read what was there
    for (int64_t first = 0; first < elements; first += halfElements) {
      int64_t count = std::min(halfElements, elements - first);
      int64_t half = (first / halfElements) % 2;
      float *own = staging(rank, half), *target = output.data() + first;
      copy(own, input.data() + first, count);
      signal();
      wait();
      bool isSmall = count <= smallElements;
      int64_t slice = isSmall ? count : (count / ranks + 64) / 64 * 64;
      int64_t begin = isSmall ? 0 : std::min(count, rank * slice);
      int64_t end = std::min(count, begin + slice);
      reduce(target, begin, end, half);
      if (isSmall)
        continue;
      copy(own + begin, target + begin, end - begin);
      signal();
      wait();
      for (int64_t peer = 0; peer < ranks; ++peer)
        if (peer != rank)
          copySlice(target, staging(peer, half), peer * slice, slice, count);
    }
    signal();
  }

  /// `elements`: of the whole tensor.
  void reduceScatter(int64_t elements) {
    wait();
    for (int64_t first = 0; first < elements; first += halfElements) {
      int64_t count = std::min(halfElements, elements - first);
      int64_t half = (first / halfElements) % 2;
      copy(staging(together.rank(), half), input.data() + first, count);
      signal();
      wait();
      int64_t slice = count / ranks;
      int64_t begin = together.rank() * slice;
      reduce(output.data() + first, begin, begin + slice, half);
    }
    signal();
  }

  void allGather(int64_t elements) {
    wait();
    int64_t part = elements / ranks;
    for (int64_t first = 0; first < part; first += halfElements) {
      int64_t count = std::min(halfElements, part - first);
      int64_t half = (first / halfElements) % 2;
      copy(staging(together.rank(), half), input.data() + first, count);
      signal();
      wait();
      for (int64_t peer = 0; peer < ranks; ++peer)
        copy(output.data() + peer * part + first, staging(peer, half), count);
    }
    signal();
  }

  /// Every rank sends to the next, as the stages of a full pipeline do.
  void send(int64_t elements) {
    for (int64_t first = 0; first < elements; first += halfElements) {
      int64_t count = std::min(halfElements, elements - first);
      int64_t half = (first / halfElements) % 2;
      copy(staging(together.rank(), half), input.data() + first, count);
      signal();
      wait();
      copy(output.data() + first, staging((together.rank() + 1) % ranks, half),
           count);
    }
    signal();
    wait();
  }

private:
  std::atomic<int64_t> &counter(int64_t rank) const {
    return *reinterpret_cast<std::atomic<int64_t> *>(together.window(rank));
  }
  float *staging(int64_t rank, int64_t half) const {
    return together.window(rank) + headElements + half * halfElements;
  }
  void signal() {
    counter(together.rank()).store(++phase, std::memory_order_release);
  }
  /// Until all ranks have signalled as often as this one.
  void wait() const {
    for (int64_t rank = 0; rank < ranks; ++rank)
      for (int spin = 0; counter(rank).load(std::memory_order_acquire) < phase;
           ++spin) {
        if (spin < 2000)
          together.relax();
        else
          sched_yield();
      }
  }

  static void copy(float *to, const float *from, int64_t count) {
    if (count > 0)
      std::memcpy(to, from, size_t(count) * 4);
  }
  static void copySlice(float *to, const float *from, int64_t begin,
                        int64_t slice, int64_t count) {
    begin = std::min(begin, count);
    copy(to + begin, from + begin, std::min(slice, count - begin));
  }
  void reduce(float *target, int64_t begin, int64_t end, int64_t half) const {
    copy(target + begin, staging(0, half) + begin, end - begin);
    for (int64_t rank = 1; rank < ranks; ++rank) {
      const float *from = staging(rank, half);
      for (int64_t i = begin; i < end; ++i)
        target[i] += from[i];
    }
  }

  Together &together;
  int64_t ranks;
  int64_t phase = 0;
  HugePages input, output;
};
} // namespace

CollectiveMeasurement
colossal::machine::measureCollectives(Together &together) {
  CollectiveMeasurement result;
  int64_t ranks = together.ranks();
  if (ranks < 2)
    return result;
  const int64_t sizes[] = {int64_t(1) << 16, int64_t(1) << 19}; // .25, 2 MiB
  Collectives collectives(together, sizes[1]);
  result.scalarNs = together.measure(ranks, [&] { collectives.allReduce(1); });

  // Bytes over time, summed over the sizes of gradients and activations; the
  // waits are counted apart.
  double bytes = 0.0, reduceNs = 0.0, scatterNs = 0.0, gatherNs = 0.0,
         sendNs = 0.0;
  for (int64_t elements : sizes) {
    auto net = [&](double waits, const std::function<void()> &work) {
      return std::max(together.measure(ranks, work) - waits * result.scalarNs,
                      1.0);
    };
    bytes += 4.0 * double(elements);
    reduceNs += net(2.0, [&] { collectives.allReduce(elements); });
    scatterNs += net(1.0, [&] { collectives.reduceScatter(elements); });
    gatherNs += net(1.0, [&] { collectives.allGather(elements); });
    sendNs += net(1.0, [&] { collectives.send(elements); });
  }
  result.allReduce = bytes / reduceNs;
  result.reduceScatter = bytes / scatterNs;
  result.allGather = bytes / gatherNs;
  result.send = bytes / sendNs;
  return result;
}
