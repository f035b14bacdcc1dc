//===- BestOf.cpp - The better of two measurements ------------------------===//

#include "colossal/Machine/Calibrate.h"

#include <algorithm>

using namespace colossal::machine;

/// Shares of two rates, as the share of the larger that the better one is.
static double bestShare(double first, int64_t firstRate, double second,
                        int64_t secondRate) {
  double rate =
      std::max(first * double(firstRate), second * double(secondRate));
  return std::min(rate / double(std::max(firstRate, secondRate)), 1.0);
}

template <class T> static void raise(T &value, T other) {
  value = std::max(value, other);
}
template <class T> static void lower(T &value, T other) {
  value = std::min(value, other);
}

static bool areAlike(const Cluster &first, const Cluster &second) {
  const Device &a = first.device, &b = second.device;
  bool alike = first.devices == second.devices && a.threads == b.threads &&
               a.caches.size() == b.caches.size() &&
               a.matrix.size() == b.matrix.size() &&
               a.streaming.size() == b.streaming.size() &&
               first.levels.size() == second.levels.size();
  for (size_t i = 0; alike && i < a.matrix.size(); ++i)
    alike = a.matrix[i].type == b.matrix[i].type &&
            a.matrix[i].efficiency.size() == b.matrix[i].efficiency.size();
  for (size_t i = 0; alike && i < a.matrix.size(); ++i)
    for (size_t j = 0; alike && j < a.matrix[i].efficiency.size(); ++j)
      alike = a.matrix[i].efficiency[j].smallestDimension ==
              b.matrix[i].efficiency[j].smallestDimension;
  for (size_t i = 0; alike && i < a.streaming.size(); ++i)
    alike = a.streaming[i].ranks == b.streaming[i].ranks;
  for (size_t i = 0; alike && i < a.caches.size(); ++i)
    alike = a.caches[i].bytes == b.caches[i].bytes;
  for (size_t i = 0; alike && i < first.levels.size(); ++i)
    alike = first.levels[i].groupSize == second.levels[i].groupSize;
  return alike;
}

Cluster colossal::machine::bestOf(const Cluster &first, const Cluster &second) {
  if (!areAlike(first, second))
    return second;
  Cluster best = second;
  Device &device = best.device;
  const Device &a = first.device, &b = second.device;
  int64_t rateA = 1, rateB = 1;
  for (size_t i = 0; i < a.matrix.size(); ++i) {
    MatrixRate &matrix = device.matrix[i];
    int64_t peakA = a.matrix[i].peakFlopsPerSecond,
            peakB = b.matrix[i].peakFlopsPerSecond;
    raise(matrix.peakFlopsPerSecond, peakA);
    for (size_t j = 0; j < matrix.efficiency.size(); ++j)
      matrix.efficiency[j].efficiency =
          bestShare(a.matrix[i].efficiency[j].efficiency, peakA,
                    b.matrix[i].efficiency[j].efficiency, peakB);
    if (i == 0)
      rateA = peakA, rateB = peakB;
  }
  raise(device.elementwiseFlopsPerSecond, a.elementwiseFlopsPerSecond);
  for (size_t i = 0; i < a.streaming.size(); ++i)
    raise(device.streaming[i].bytesPerSecond, a.streaming[i].bytesPerSecond);
  for (size_t i = 0; i < a.caches.size(); ++i)
    raise(device.caches[i].bytesPerSecond,
          std::max(a.caches[i].bytesPerSecond,
                   device.streaming.back().bytesPerSecond));
  raise(device.overlap, a.overlap);
  lower(device.kernelOverheadNs, a.kernelOverheadNs);
  for (LibraryRate &rate : device.library)
    rate.efficiency = bestShare(a.libraryEfficiency(rate.name), rateA,
                                b.libraryEfficiency(rate.name), rateB);
  for (size_t i = 0; i < first.levels.size(); ++i) {
    LinkLevel &level = best.levels[i];
    const LinkLevel &x = first.levels[i], &y = second.levels[i];
    lower(level.latencyNs, x.latencyNs);
    lower(level.hopNs, x.hopNs);
    raise(level.bytesPerSecond, x.bytesPerSecond);
    level.gatherEfficiency = bestShare(x.gatherEfficiency, x.bytesPerSecond,
                                       y.gatherEfficiency, y.bytesPerSecond);
    level.sendEfficiency = bestShare(x.sendEfficiency, x.bytesPerSecond,
                                     y.sendEfficiency, y.bytesPerSecond);
  }
  return check(best).empty() ? best : second;
}
