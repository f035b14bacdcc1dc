//===- Cost.h - How long operations take on a cluster -----------*- C++ -*-===//
//
// Pure functions from sizes to nanoseconds. Sizes are those of one rank (local
// shapes); all ranks are taken to do the same at the same time. Results are
// integers, rounded up, and saturate at `unreachable`. Only additions,
// multiplications, divisions and comparisons of doubles are used, so a result
// is the same on every machine.
//
// Every function is monotonic: larger sizes never take less time. Docs and
// sources of the formulas: docs/Cost.md.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_COST_COST_H
#define COLOSSAL_COST_COST_H

#include "colossal/Cost/Work.h"
#include "colossal/Machine/Cluster.h"
#include "colossal/Machine/Span.h"

#include <cstdint>
#include <string>

namespace colossal::cost {

using machine::Cluster;
using machine::DataType;
using machine::Span;

/// The largest time; also that of a data type the device has no rate for.
inline constexpr int64_t unreachable = int64_t(1) << 60;

//===----------------------------------------------------------------------===//
// Compute
//===----------------------------------------------------------------------===//

/// A library matrix product, `batch` times [m, k] x [k, n]:
///   max(2 m n k batch / (peak * efficiency(min(m, n, k))),
///       streamTime(batch (m k + k n + m n) elements)) + kernel overhead.
/// Zero if a size is zero.
int64_t gemmTime(const Cluster &cluster, int64_t m, int64_t n, int64_t k,
                 int64_t batch, DataType type);

/// Of one byte that was last touched `distance` bytes ago, ns: linear between
/// the points of the caches, that of the streaming bandwidth from twice the
/// last one's bytes on. `ranksTogether`: how many devices of a node stream at
/// the same time; 0: all.
double byteTime(const Cluster &cluster, int64_t distance,
                int64_t ranksTogether = 0);

/// Moving `bytes` (read and written together) that are touched in turn, again
/// and again: bytes * byteTime(bytes).
int64_t streamTime(const Cluster &cluster, int64_t bytes,
                   int64_t ranksTogether = 0);

/// A generated kernel that moves data for `movingNs`: with c = flops /
/// elementwise rate and m = movingNs,
///   max(c, m) + (1 - overlap) min(c, m) + kernel overhead.
/// Zero if both are zero.
int64_t kernelTime(const Cluster &cluster, int64_t flops, double movingNs);

/// The library call of a whole op on local sizes, by the name that its work
/// gives its rate:
///   max(flops / (peak * efficiency of the rate), streamTime(bytes)) +
///   kernel overhead.
/// `flops`: those that are needed; `bytes`: of operands and results. Zero if
/// there are no flops.
int64_t libraryTime(const Cluster &cluster, const std::string &rate,
                    double flops, double bytes, DataType type);

//===----------------------------------------------------------------------===//
// Communication
//===----------------------------------------------------------------------===//
// Over a span with w ways at a level, S bytes, B bytes/s of one rank there.
// All are zero for a group of one and for no bytes. Collectives run level by
// level: on level l only S_l = S / (product of lower ways) bytes of a rank are
// left. fixed(w) = latency + hop * (w - 1).

/// `bytes`: the tensor, equal on every rank before and after. The lesser of
///   sum_l fixed(w) + hop * (w - 1) + 2 (w-1)/w S_l / B      slices
///   sum_l ceil(log2 w) * (latency + S / B)                  tree
/// A scalar costs one latency tree.
int64_t allReduceTime(const Cluster &cluster, const Span &span, int64_t bytes);

/// `bytes`: the whole tensor, each rank's input. A rank keeps 1/size of it.
///   sum_l fixed(w) + (w-1)/w S_l / (B * gather efficiency)
int64_t reduceScatterTime(const Cluster &cluster, const Span &span,
                          int64_t bytes);

/// `bytes`: the whole tensor, each rank's result. The same formula.
int64_t allGatherTime(const Cluster &cluster, const Span &span, int64_t bytes);

/// `bytes`: one rank's local tensor, of which 1/size stays.
///   sum_l fixed(w) + share_l S / (B * gather efficiency),
/// share_l: of the peers, those first joined at level l.
int64_t allToAllTime(const Cluster &cluster, const Span &span, int64_t bytes);

/// One message over the span's worst level: latency + S / (B * send
/// efficiency).
int64_t sendRecvTime(const Cluster &cluster, const Span &span, int64_t bytes);

} // namespace colossal::cost

#endif // COLOSSAL_COST_COST_H
