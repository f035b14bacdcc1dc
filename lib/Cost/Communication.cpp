//===- Communication.cpp - Times of collectives and messages --------------===//

#include "Nanoseconds.h"

#include <algorithm>

using namespace colossal;
using namespace colossal::cost;
using machine::LinkLevel;
using machine::Sharing;

namespace {
/// One level of a span, with what a collective needs to know about it.
struct Hop {
  double ways;
  double lower;          ///< product of the ways of lower levels
  double bytesPerSecond; ///< of one rank
  const LinkLevel *level;

  double latency() const { return double(level->latencyNs); }
  double hops() const { return double(level->hopNs) * (ways - 1.0); }
  /// Share of a buffer that is not a rank's own slice.
  double foreignShare() const { return (ways - 1.0) / ways; }
  double gatherBandwidth() const {
    return bytesPerSecond * level->gatherEfficiency;
  }
};
} // namespace

/// The levels with more than one way, lowest first.
static std::vector<Hop> hopsOf(const Cluster &cluster, const Span &span) {
  std::vector<Hop> hops;
  double lower = 1.0;
  for (size_t i = 0; i < span.ways.size() && i < cluster.levels.size(); ++i) {
    const LinkLevel &level = cluster.levels[i];
    double share = 1.0;
    if (level.sharing == Sharing::Shared && i > 0)
      share = double(cluster.levels[i - 1].groupSize);
    double ways = double(span.ways[i]);
    if (span.ways[i] > 1)
      hops.push_back(
          {ways, lower, double(level.bytesPerSecond) / share, &level});
    lower *= ways;
  }
  return hops;
}

/// Rounds log2 up.
static int64_t treeDepth(double ways) {
  int64_t depth = 0;
  for (double reached = 1.0; reached < ways; reached *= 2.0)
    ++depth;
  return depth;
}

int64_t cost::allReduceTime(const Cluster &cluster, const Span &span,
                            int64_t bytes) {
  if (bytes <= 0)
    return 0;
  double slices = 0.0, tree = 0.0;
  for (const Hop &hop : hopsOf(cluster, span)) {
    slices +=
        hop.latency() + 2.0 * hop.hops() +
        nanosecondsOf(2.0 * hop.foreignShare() * double(bytes) / hop.lower,
                      hop.bytesPerSecond);
    tree += double(treeDepth(hop.ways)) *
            (hop.latency() + nanosecondsOf(double(bytes), hop.bytesPerSecond));
  }
  return roundUp(std::min(slices, tree));
}

/// Reduce-scatter and all-gather move the same bytes in opposite directions.
static int64_t gatherTime(const Cluster &cluster, const Span &span,
                          int64_t bytes) {
  if (bytes <= 0)
    return 0;
  double total = 0.0;
  for (const Hop &hop : hopsOf(cluster, span))
    total += hop.latency() + hop.hops() +
             nanosecondsOf(hop.foreignShare() * double(bytes) / hop.lower,
                           hop.gatherBandwidth());
  return roundUp(total);
}

int64_t cost::reduceScatterTime(const Cluster &cluster, const Span &span,
                                int64_t bytes) {
  return gatherTime(cluster, span, bytes);
}

int64_t cost::allGatherTime(const Cluster &cluster, const Span &span,
                            int64_t bytes) {
  return gatherTime(cluster, span, bytes);
}

int64_t cost::allToAllTime(const Cluster &cluster, const Span &span,
                           int64_t bytes) {
  if (bytes <= 0)
    return 0;
  double size = double(span.size()), total = 0.0;
  for (const Hop &hop : hopsOf(cluster, span)) {
    double share = (hop.ways - 1.0) * hop.lower / size;
    total += hop.latency() + hop.hops() +
             nanosecondsOf(share * double(bytes), hop.gatherBandwidth());
  }
  return roundUp(total);
}

int64_t cost::sendRecvTime(const Cluster &cluster, const Span &span,
                           int64_t bytes) {
  std::vector<Hop> hops = hopsOf(cluster, span);
  if (bytes <= 0 || hops.empty())
    return 0;
  const Hop &hop = hops.back();
  return roundUp(hop.latency() +
                 nanosecondsOf(double(bytes),
                               hop.bytesPerSecond * hop.level->sendEfficiency));
}
