//===- Measure.h - What is measured on a machine ----------------*- C++ -*-===//
//
// Each function is called by all ranks together and returns the same on all.
// Computing is measured on the ranks that have cores of their own
// (Together::independentRanks), collectives on all.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_LIB_MACHINE_CALIBRATE_MEASURE_H
#define COLOSSAL_LIB_MACHINE_CALIBRATE_MEASURE_H

#include "Together.h"

#include <cstdint>
#include <string>
#include <vector>

namespace colossal::machine {

constexpr int maximumPoints = 16;

/// Rates of library matrix products by smallest dimension, flop per second.
struct MatrixMeasurement {
  int count = 0;
  int64_t dimension[maximumPoints] = {};
  double flopsPerSecond[maximumPoints] = {};
  /// Of the largest product, of bf16; 0 where the CPU does not compute it.
  double narrowFlopsPerSecond = 0.0;
  double smallCallNs = 0.0; ///< a product too small to take time
  /// (batch, head) pairs of attention as two products and a softmax between.
  double attentionForward = 0.0;  ///< flop per second
  double attentionBackward = 0.0; ///< flop per second
};
MatrixMeasurement measureMatrix(Together &together);

/// Rates of the runtime's library calls but attention, flop per second.
struct LibraryMeasurement {
  int count = 0;
  double flopsPerSecond[maximumPoints] = {}; ///< in the order of the names
};
LibraryMeasurement measureLibrary(Together &together);
/// What ops call these rates.
std::vector<std::string> libraryNames();

/// Bytes read and written per second and rank.
struct StreamingMeasurement {
  int count = 0;
  int64_t ranks[maximumPoints] = {};
  double bytesPerSecond[maximumPoints] = {};
};
/// `bytes`: of one rank's arrays, well above its share of the caches.
StreamingMeasurement measureStreaming(Together &together, int64_t bytes);

/// The same over arrays that fit into caches.
struct CacheMeasurement {
  int count = 0;
  int64_t bytes[maximumPoints] = {}; ///< of one rank's arrays, rising
  double bytesPerSecond[maximumPoints] = {};
};
/// `sizes`: at most maximumPoints, rising.
CacheMeasurement measureCaches(Together &together,
                               const std::vector<int64_t> &sizes);

/// Flops of elementwise arithmetic (counted as Cost.h says) per second.
double measureElementwise(Together &together);

/// Bytes per second that a kernel reads and writes which sums along each row
/// before it computes, as norms and softmax do: in the first cache, and in
/// arrays of `bytes` of a rank.
struct RowsMeasurement {
  double fromCache = 0.0, fromMemory = 0.0;
};
RowsMeasurement measureRows(Together &together, int64_t bytes);

/// Start and end of a kernel on the rank's threads, ns.
double measureForkJoin(Together &together);

/// Shared memory that measureCollectives needs per rank.
constexpr size_t collectiveWindowBytes = (2 << 20) + 4096;

/// Collectives over shared memory.
struct CollectiveMeasurement {
  double scalarNs = 0.0; ///< all-reduce of one number by all ranks
  /// Bytes of the tensor per ns of a large all-reduce, all-gather and
  /// reduce-scatter among all ranks, and of a message.
  double allReduce = 0.0, allGather = 0.0, reduceScatter = 0.0, send = 0.0;
};
CollectiveMeasurement measureCollectives(Together &together);

} // namespace colossal::machine

#endif // COLOSSAL_LIB_MACHINE_CALIBRATE_MEASURE_H
