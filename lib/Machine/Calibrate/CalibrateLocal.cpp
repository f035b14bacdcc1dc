//===- CalibrateLocal.cpp - From measurements to a cluster ----------------===//

#include "Measure.h"
#include "ThisMachine.h"
#include "colossal/Machine/Calibrate.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <optional>
#include <unistd.h>

using namespace colossal::machine;

namespace {
/// What rank 0 brings back.
struct Measurements {
  double forkJoinNs;
  double elementwise;
  RowsMeasurement rows;
  CacheMeasurement caches;
  MatrixMeasurement matrix;
  LibraryMeasurement library;
  StreamingMeasurement streaming;
  CollectiveMeasurement collectives;
  int64_t independentRanks;
};
static_assert(sizeof(Measurements) <= resultBytes);
} // namespace

static int64_t whole(double value) {
  return std::max<int64_t>(std::llround(value), 1);
}

/// Four significant digits: more would be noise in the file.
static double rounded(double value) {
  if (!(value > 0.0))
    return 0.0;
  double unit = std::pow(10.0, std::floor(std::log10(value)) - 3.0);
  return std::round(value / unit) * unit;
}

/// Three decimals, above zero, at most one.
static double share(double value) {
  return std::min(std::max(std::round(value * 1000.0) / 1000.0, 0.001), 1.0);
}

/// `coreShare`: of its time that a rank has a core.
static MatrixRate matrixRate(const MatrixMeasurement &measured,
                             double coreShare) {
  double peak = 1.0;
  for (int i = 0; i < measured.count; ++i)
    peak = std::max(peak, measured.flopsPerSecond[i]);
  MatrixRate rate;
  rate.type = DataType::F32;
  rate.peakFlopsPerSecond = whole(rounded(peak * coreShare));
  for (int i = 0; i < measured.count; ++i) {
    EfficiencyPoint point{measured.dimension[i],
                          share(measured.flopsPerSecond[i] / peak)};
    // Disturbances only slow down, so a larger product that seems less
    // efficient was disturbed. And check() asks that efficiency grows no
    // faster than the dimension.
    if (!rate.efficiency.empty()) {
      const EfficiencyPoint &last = rate.efficiency.back();
      point.efficiency = std::max(point.efficiency, last.efficiency);
      double most = last.efficiency * double(point.smallestDimension) /
                    double(last.smallestDimension);
      point.efficiency = std::min(point.efficiency, most);
    }
    rate.efficiency.push_back(point);
  }
  return rate;
}

/// The same curve below another peak. Nothing where the CPU has no products of
/// bf16: they take the time of f32 then, and need no entry.
static std::optional<MatrixRate> narrowRate(const MatrixMeasurement &measured,
                                            const MatrixRate &wide,
                                            double coreShare) {
  if (!(measured.narrowFlopsPerSecond > 0.0))
    return std::nullopt;
  MatrixRate rate = wide;
  rate.type = DataType::BF16;
  rate.peakFlopsPerSecond =
      whole(rounded(measured.narrowFlopsPerSecond * coreShare));
  return rate;
}

static std::vector<StreamingPoint>
streamingPoints(const StreamingMeasurement &measured, int64_t ranks,
                double coreShare) {
  std::vector<StreamingPoint> points;
  for (int i = 0; i < measured.count; ++i) {
    StreamingPoint point{measured.ranks[i],
                         whole(rounded(measured.bytesPerSecond[i]))};
    // More ranks never have more each; noise may say so.
    if (!points.empty())
      point.bytesPerSecond =
          std::min(point.bytesPerSecond, points.back().bytesPerSecond);
    points.push_back(point);
  }
  if (points.back().ranks < ranks)
    points.push_back(
        {ranks, whole(double(points.back().bytesPerSecond) * coreShare)});
  return points;
}

static std::vector<CachePoint> cachePoints(const CacheMeasurement &measured,
                                           double coreShare,
                                           int64_t fromMemory) {
  std::vector<CachePoint> points;
  // Disturbances only slow down: what seems slower than something larger was
  // disturbed.
  double best = double(fromMemory);
  for (int i = measured.count; i-- > 0;) {
    best = std::max(best, rounded(measured.bytesPerSecond[i] * coreShare));
    points.insert(points.begin(), {measured.bytes[i], whole(best)});
  }
  return points;
}

/// Solves Cost's formula for a kernel that takes its data from memory.
static double overlapOf(const RowsMeasurement &measured, double streaming) {
  // Shares of the kernel's time.
  double computing = measured.fromMemory / measured.fromCache;
  double moving = measured.fromMemory / streaming;
  double hidden = (computing + moving - 1.0) / std::min(computing, moving);
  return std::clamp(std::round(hidden * 1000.0) / 1000.0, 0.0, 1.0);
}

/// Solves Cost's formulas for the parameters of the one level.
static LinkLevel nodeLevel(int64_t ranks,
                           const CollectiveMeasurement &measured) {
  LinkLevel level;
  level.name = "node";
  level.groupSize = ranks;
  int64_t depth = 0;
  for (int64_t reached = 1; reached < ranks; reached *= 2)
    ++depth;
  // A scalar takes one wait, and costs depth * latency as a tree. A large
  // all-reduce waits twice, and costs latency + 2 hops each besides its bytes.
  double latency = measured.scalarNs / double(depth);
  double hop = (2.0 * measured.scalarNs - latency) / (2.0 * double(ranks - 1));
  level.latencyNs = whole(latency);
  level.hopNs = int64_t(std::llround(hop));
  double foreign = double(ranks - 1) / double(ranks);
  double bus = 2.0 * foreign * measured.allReduce;
  double gather =
      2.0 * foreign / (1.0 / measured.allGather + 1.0 / measured.reduceScatter);
  level.bytesPerSecond = whole(rounded(bus * 1e9));
  level.gatherEfficiency = share(gather / bus);
  level.sendEfficiency = share(measured.send / bus);
  return level;
}

/// What is wrong if others kept `others` cores busy while `threads` threads
/// measured; empty if three quarters of what these wanted was theirs.
static std::string describe(double others, int64_t threads) {
  double online = double(sysconf(_SC_NPROCESSORS_ONLN));
  double wanted = double(std::min(threads, coresOfThisMachine()));
  if (online - others >= 0.75 * wanted)
    return "";
  char text[160];
  std::snprintf(text, sizeof text,
                "other processes kept %.1f of %.0f cores busy while this "
                "machine was measured; its numbers may be low",
                others, online);
  return text;
}

std::optional<Cluster>
colossal::machine::calibrateLocal(int64_t ranks, int64_t threadsPerRank,
                                  std::string &error, std::string *disturbed) {
  if (ranks < 1 || ranks > 1024) {
    error = "ranks: found " + std::to_string(ranks) +
            ", expected a number from 1 to 1024";
    return std::nullopt;
  }
  if (threadsPerRank < 0 || threadsPerRank > 1024) {
    error = "threads: found " + std::to_string(threadsPerRank) +
            ", expected a number from 1 to 1024";
    return std::nullopt;
  }
  int64_t threads = threadsPerRank > 0 ? threadsPerRank : defaultThreads(ranks);
  std::vector<int64_t> sizes = cacheSizes(ranks, threads);
  // Four times a rank's share of the cache, in limits.
  int64_t streamBytes = std::clamp<int64_t>(
      4 * lastCacheBytes() / ranks, int64_t(16) << 20, int64_t(96) << 20);
  OtherLoad load;
  Measurements measured;
  auto body = [&](Together &together, void *result) {
    Measurements own;
    own.forkJoinNs = measureForkJoin(together);
    own.streaming = measureStreaming(together, streamBytes);
    own.caches = measureCaches(together, sizes);
    own.collectives = measureCollectives(together);
    own.elementwise = measureElementwise(together);
    own.rows = measureRows(together, streamBytes);
    own.matrix = measureMatrix(together);
    own.library = measureLibrary(together);
    own.independentRanks = together.independentRanks();
    if (together.rank() == 0)
      std::memcpy(result, &own, sizeof own);
  };
  alignas(Measurements) char result[resultBytes];
  if (!runTogether(ranks, threads, collectiveWindowBytes, 7.0, body, result,
                   error))
    return std::nullopt;
  std::memcpy(&measured, result, sizeof measured);
  if (disturbed)
    *disturbed = describe(load.cores(), ranks * threads);

  Cluster cluster;
  cluster.name = "local:" + std::to_string(ranks);
  cluster.devices = ranks;
  Device &device = cluster.device;
  device.kind = "cpu";
  device.name =
      processorName() + ", " + std::to_string(coresOfThisMachine()) + " cores";
  device.threads = threads;
  // The rest is for the system and for what ranks need beside their arenas.
  device.memoryBytes = memoryOfThisMachine() / 10 * 9 / ranks;
  // Ranks that share cores have one for a part of the time.
  double coreShare = double(measured.independentRanks) / double(ranks);
  device.matrix = {matrixRate(measured.matrix, coreShare)};
  if (auto rate = narrowRate(measured.matrix, device.matrix[0], coreShare))
    device.matrix.push_back(*rate);
  device.elementwiseFlopsPerSecond =
      whole(rounded(measured.elementwise * coreShare));
  device.streaming = streamingPoints(measured.streaming, ranks, coreShare);
  device.caches = cachePoints(measured.caches, coreShare,
                              device.streaming.back().bytesPerSecond);
  const StreamingMeasurement &streaming = measured.streaming;
  device.overlap =
      overlapOf(measured.rows, streaming.bytesPerSecond[streaming.count - 1]);
  // On a busy machine a team waits for a time slice, which is no overhead.
  double startNs =
      std::max(measured.forkJoinNs, measured.matrix.smallCallNs) / coreShare;
  device.kernelOverheadNs = std::min<int64_t>(whole(startNs), 50000);
  device.stepOverheadNs = 20000;
  double peak = double(device.matrix[0].peakFlopsPerSecond) / coreShare;
  device.library = {
      {"attention", share(measured.matrix.attentionForward / peak)},
      {"attention_backward", share(measured.matrix.attentionBackward / peak)}};
  std::vector<std::string> names = libraryNames();
  for (size_t i = 0; i < names.size(); ++i)
    device.library.push_back(
        {names[i], share(measured.library.flopsPerSecond[i] / peak)});
  if (ranks > 1)
    cluster.levels = {nodeLevel(ranks, measured.collectives)};

  std::vector<std::string> faults = check(cluster);
  if (!faults.empty()) {
    error = "measured an impossible cluster: " + faults.front();
    return std::nullopt;
  }
  return cluster;
}
