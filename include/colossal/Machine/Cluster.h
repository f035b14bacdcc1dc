//===- Cluster.h - What a cluster can do, as plain numbers ------*- C++ -*-===//
//
// A cluster is `devices` equal devices joined by a hierarchy of links. Rank r
// of a program runs on device r. The description holds what the cost model
// needs and nothing else; its text form is JSON (docs/Machine.md).
//
// Links. Level 0 joins groups of `levels[0].groupSize` consecutive devices (a
// node), level 1 joins consecutive level-0 groups into groups of
// `levels[1].groupSize` *devices*, and so on; the last level joins all. Two
// devices communicate over the lowest level that joins them.
//
// Units: ns, bytes, flop per second, bytes per second; all integers. Shares
// and efficiencies are numbers in (0, 1].
//
// Numbers are per device and are those that hold while all devices work at
// the same time, since all ranks of a program do the same at the same time;
// the streaming bandwidth is also known for fewer.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_MACHINE_CLUSTER_H
#define COLOSSAL_MACHINE_CLUSTER_H

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace colossal::machine {

enum class DataType { F64, F32, BF16, F16, F8 };

/// Bytes of one element.
int64_t bytesOf(DataType type);
/// "f64", "f32", "bf16", "f16", "f8".
const char *nameOf(DataType type);

/// Efficiency of a matrix product whose smallest dimension (of m, n, k) is
/// `smallestDimension`, as a share of the peak rate.
struct EfficiencyPoint {
  int64_t smallestDimension = 1;
  double efficiency = 1.0;
};

/// Rate of matrix products in one data type. Between points the efficiency is
/// linear in the dimension; below the first it is proportional to the
/// dimension (the time stays), above the last it is constant. It never grows
/// faster than the dimension: a larger product never takes less time.
struct MatrixRate {
  DataType type = DataType::F32;
  int64_t peakFlopsPerSecond = 1;
  std::vector<EfficiencyPoint> efficiency; ///< by rising dimension
};

/// Streaming (read and write) bandwidth of each of `ranks` devices while
/// `ranks` devices work together on one node.
struct StreamingPoint {
  int64_t ranks = 1;
  int64_t bytesPerSecond = 1;
};

/// How fast data moves that was last touched so long ago that a device has
/// touched `bytes` (its reuse distance) since.
struct CachePoint {
  int64_t bytes = 1;
  int64_t bytesPerSecond = 1;
};

/// How fast the library call of one kind of op is, as a share of the peak rate
/// of its data type, counted on the flops that are needed (those that a mask
/// hides are not).
struct LibraryRate {
  std::string name; ///< what the op calls its rate, "attention_backward"
  double efficiency = 0.3;
};

struct Device {
  std::string kind;    ///< "cpu" or "cuda"
  std::string name;    ///< for people: "AMD EPYC", "A100-SXM4-80GB"
  int64_t threads = 1; ///< threads that one rank uses (1 for GPUs)
  int64_t memoryBytes = 1;
  std::vector<MatrixRate> matrix; ///< one per data type
  /// Flop per second of elementwise arithmetic (Cost.h says how it is
  /// counted), from registers.
  int64_t elementwiseFlopsPerSecond = 1;
  std::vector<StreamingPoint> streaming; ///< by rising ranks
  /// By rising bytes and falling bandwidth; empty: no cache. The time of a byte
  /// is linear in the reuse distance between points, and from the last point to
  /// that of the streaming bandwidth at twice its bytes.
  std::vector<CachePoint> caches;
  /// Of the time in which a kernel computes and that in which it moves data,
  /// the share of the shorter that is hidden behind the longer. 0: they add up.
  double overlap = 1.0;
  /// Start of one kernel or library call.
  int64_t kernelOverheadNs = 0;
  /// Fixed time of a step: controls, metrics, bookkeeping.
  int64_t stepOverheadNs = 0;
  std::vector<LibraryRate> library; ///< each name once
  /// Of a library call; one that was not measured has LibraryRate's default.
  double libraryEfficiency(const std::string &name) const;
};

/// Whose bandwidth a level's `bytesPerSecond` is.
enum class Sharing {
  PerRank, ///< every device has it for itself
  Shared,  ///< a group of the level below has it (a node's network card) and
           ///< its devices divide it equally, since all of them communicate
           ///< at the same time; at level 0 this is the same as PerRank
};

struct LinkLevel {
  std::string name;      ///< "node", "network"
  int64_t groupSize = 1; ///< devices that this level joins
  /// One message, or the fixed part of a collective.
  int64_t latencyNs = 0;
  /// Added to a collective for every participant after the first.
  int64_t hopNs = 0;
  /// Bus bandwidth of an all-reduce (Cost.h).
  int64_t bytesPerSecond = 1;
  Sharing sharing = Sharing::PerRank;
  /// Share of `bytesPerSecond` that all-gather, reduce-scatter and all-to-all
  /// reach, and that a send reaches.
  double gatherEfficiency = 1.0;
  double sendEfficiency = 1.0;
};

struct Cluster {
  std::string name;
  int64_t devices = 1;
  Device device;
  std::vector<LinkLevel> levels;
  /// Whether collectives run beside kernels. False: they add up.
  bool overlapsCommunication = false;

  /// The rate for a data type; null where the device has none.
  const MatrixRate *matrixRate(DataType type) const;
};

/// One message per fault: "<field>: found ..., expected ...".
std::vector<std::string> check(const Cluster &cluster);

/// JSON text: stable order, two spaces, a final newline.
std::string writeCluster(const Cluster &cluster);

/// Parses and checks. On failure returns nothing and sets `error` to one line
/// "<file>: <field>: found ..., expected ...".
std::optional<Cluster> readCluster(const std::string &text,
                                   const std::string &file, std::string &error);
/// The same from a file.
std::optional<Cluster> readClusterFile(const std::string &path,
                                       std::string &error);
/// Writes through a temporary file in the same folder. False with `error` set
/// on failure.
bool writeClusterFile(const Cluster &cluster, const std::string &path,
                      std::string &error);

} // namespace colossal::machine

#endif // COLOSSAL_MACHINE_CLUSTER_H
