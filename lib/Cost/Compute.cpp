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

static double streamNanoseconds(const Cluster &cluster, double bytes,
                                int64_t ranksTogether) {
  double cached = std::min(bytes, double(cluster.device.cacheBytes));
  return nanosecondsOf(cached, double(cluster.device.cacheBytesPerSecond)) +
         nanosecondsOf(
             bytes - cached,
             streamingBandwidth(cluster.device.streaming, ranksTogether));
}

int64_t cost::streamTime(const Cluster &cluster, int64_t bytes,
                         int64_t ranksTogether) {
  if (bytes <= 0)
    return 0;
  return roundUp(streamNanoseconds(cluster, double(bytes), ranksTogether));
}

int64_t cost::gemmTime(const Cluster &cluster, int64_t m, int64_t n, int64_t k,
                       int64_t batch, DataType type) {
  if (m <= 0 || n <= 0 || k <= 0 || batch <= 0)
    return 0;
  const machine::MatrixRate *rate = cluster.matrixRate(type);
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

int64_t cost::kernelTime(const Cluster &cluster, int64_t flops, int64_t bytes) {
  if (flops <= 0 && bytes <= 0)
    return 0;
  double compute =
      nanosecondsOf(double(std::max<int64_t>(flops, 0)),
                    double(cluster.device.elementwiseFlopsPerSecond));
  double stream =
      streamNanoseconds(cluster, double(std::max<int64_t>(bytes, 0)), 0);
  return roundUp(std::max(compute, stream) +
                 double(cluster.device.kernelOverheadNs));
}

int64_t cost::libraryTime(const Cluster &cluster, const std::string &name,
                          double flops, double bytes, DataType type) {
  if (!(flops > 0))
    return 0;
  const machine::MatrixRate *rate = cluster.matrixRate(type);
  if (!rate)
    return unreachable;
  double compute =
      nanosecondsOf(flops, double(rate->peakFlopsPerSecond) *
                               cluster.device.libraryEfficiency(name));
  double stream = streamNanoseconds(cluster, bytes, 0);
  return roundUp(std::max(compute, stream) +
                 double(cluster.device.kernelOverheadNs));
}
