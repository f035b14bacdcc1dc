//===- Compute.cpp - Times of kernels and library calls -------------------===//

#include "Nanoseconds.h"

#include <algorithm>

using namespace colossal;
using namespace colossal::cost;
using machine::EfficiencyPoint;
using machine::StreamingPoint;

/// Value at `x` on the line through (x0, y0) and (x1, y1). Written so that the
/// ends are exact.
static double interpolate(double x, double x0, double y0, double x1,
                          double y1) {
  return (y0 * (x1 - x) + y1 * (x - x0)) / (x1 - x0);
}

static double efficiencyAt(const std::vector<EfficiencyPoint> &points,
                           int64_t dimension) {
  const EfficiencyPoint &first = points.front(), &last = points.back();
  if (dimension <= first.smallestDimension)
    return first.efficiency * double(dimension) /
           double(first.smallestDimension);
  if (dimension >= last.smallestDimension)
    return last.efficiency;
  size_t i = 1;
  while (points[i].smallestDimension < dimension)
    ++i;
  return interpolate(double(dimension), double(points[i - 1].smallestDimension),
                     points[i - 1].efficiency,
                     double(points[i].smallestDimension), points[i].efficiency);
}

static double streamingBandwidth(const std::vector<StreamingPoint> &points,
                                 int64_t ranks) {
  const StreamingPoint &first = points.front(), &last = points.back();
  if (ranks <= 0 || ranks >= last.ranks)
    return double(last.bytesPerSecond);
  if (ranks <= first.ranks)
    return double(first.bytesPerSecond);
  size_t i = 1;
  while (points[i].ranks < ranks)
    ++i;
  return interpolate(double(ranks), double(points[i - 1].ranks),
                     double(points[i - 1].bytesPerSecond),
                     double(points[i].ranks), double(points[i].bytesPerSecond));
}

static double byteTimeAt(const Cluster &cluster, double distance,
                         int64_t ranksTogether) {
  const std::vector<machine::CachePoint> &caches = cluster.device.caches;
  double memory = nanosecondsOf(
      1.0, streamingBandwidth(cluster.device.streaming, ranksTogether));
  // Fewer ranks may stream faster than all move data in their caches.
  double lastBytes = 0.0, lastTime = 0.0;
  for (const machine::CachePoint &point : caches) {
    double bytes = double(point.bytes);
    double time =
        std::min(memory, nanosecondsOf(1.0, double(point.bytesPerSecond)));
    if (distance <= bytes)
      return lastBytes > 0.0
                 ? interpolate(distance, lastBytes, lastTime, bytes, time)
                 : time;
    lastBytes = bytes;
    lastTime = time;
  }
  if (distance >= 2.0 * lastBytes)
    return memory;
  return interpolate(distance, lastBytes, lastTime, 2.0 * lastBytes, memory);
}

double cost::byteTime(const Cluster &cluster, int64_t distance,
                      int64_t ranksTogether) {
  return byteTimeAt(cluster, double(distance), ranksTogether);
}

static double streamNanoseconds(const Cluster &cluster, double bytes,
                                int64_t ranksTogether) {
  return bytes * byteTimeAt(cluster, bytes, ranksTogether);
}

int64_t cost::streamTime(const Cluster &cluster, int64_t bytes,
                         int64_t ranksTogether) {
  if (bytes <= 0)
    return 0;
  return roundUp(streamNanoseconds(cluster, double(bytes), ranksTogether));
}

/// Of products in a type. Without a rate of its own one of 16 bits has that of
/// f32: it is widened on the way.
static const machine::MatrixRate *rateOf(const Cluster &cluster,
                                         DataType type) {
  const machine::MatrixRate *rate = cluster.matrixRate(type);
  bool isNarrow = type == DataType::BF16 || type == DataType::F16;
  return rate || !isNarrow ? rate : cluster.matrixRate(DataType::F32);
}

int64_t cost::gemmTime(const Cluster &cluster, int64_t m, int64_t n, int64_t k,
                       int64_t batch, DataType type) {
  if (m <= 0 || n <= 0 || k <= 0 || batch <= 0)
    return 0;
  const machine::MatrixRate *rate = rateOf(cluster, type);
  if (!rate)
    return unreachable;
  double flops = 2.0 * double(m) * double(n) * double(k) * double(batch);
  double elements =
      (double(m) * double(k) + double(k) * double(n) + double(m) * double(n)) *
      double(batch);
  double efficiency = efficiencyAt(rate->efficiency, std::min({m, n, k}));
  double compute =
      nanosecondsOf(flops, double(rate->peakFlopsPerSecond) * efficiency);
  double stream =
      streamNanoseconds(cluster, elements * double(bytesOf(type)), 0);
  return roundUp(std::max(compute, stream) +
                 double(cluster.device.kernelOverheadNs));
}

int64_t cost::kernelTime(const Cluster &cluster, int64_t flops,
                         double movingNs) {
  if (flops <= 0 && !(movingNs > 0.0))
    return 0;
  double computing =
      nanosecondsOf(double(std::max<int64_t>(flops, 0)),
                    double(cluster.device.elementwiseFlopsPerSecond));
  double moving = std::max(movingNs, 0.0);
  return roundUp(std::max(computing, moving) +
                 (1.0 - cluster.device.overlap) * std::min(computing, moving) +
                 double(cluster.device.kernelOverheadNs));
}

int64_t cost::libraryTime(const Cluster &cluster, const std::string &name,
                          double flops, double bytes, DataType type) {
  if (!(flops > 0))
    return 0;
  const machine::MatrixRate *rate = rateOf(cluster, type);
  if (!rate)
    return unreachable;
  double compute =
      nanosecondsOf(flops, double(rate->peakFlopsPerSecond) *
                               cluster.device.libraryEfficiency(name));
  double stream = streamNanoseconds(cluster, bytes, 0);
  return roundUp(std::max(compute, stream) +
                 double(cluster.device.kernelOverheadNs));
}
