//===- Calibrate.h - Measure this machine -----------------------*- C++ -*-===//
//
// `local:N` is a cluster that is measured: N ranks on this machine, each a
// process with a number of threads, all working at the same time. Where ranks
// and threads exceed the cores they share them, and the numbers say so.
//
// Lives in the library ColossalCalibrate, which links the runtime's products;
// the rest of Machine depends on nothing.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_MACHINE_CALIBRATE_H
#define COLOSSAL_MACHINE_CALIBRATE_H

#include "colossal/Machine/Cluster.h"

#include <cstdint>
#include <optional>
#include <string>

namespace colossal::machine {

/// Cores that this process may use.
int64_t coresOfThisMachine();

/// Threads of a rank if nobody says otherwise: max(1, cores / ranks).
int64_t defaultThreads(int64_t ranks);

/// Measures with forked processes, in at most about 10 s: matrix products
/// of the runtime, streaming bandwidth, elementwise arithmetic, start of a
/// kernel, and collectives over shared memory done as the runtime does them.
/// `threadsPerRank` 0: the default. On failure returns nothing and sets
/// `error` to one line. `disturbed` is set to whether ranks share cores and
/// other processes were busy, so that the numbers may be low; ranks with cores
/// of their own are measured in undisturbed moments.
/// \pre this process has not used OpenMP yet (its threads do not survive fork)
std::optional<Cluster> calibrateLocal(int64_t ranks, int64_t threadsPerRank,
                                      std::string &error,
                                      bool *disturbed = nullptr);

/// Where `localCluster` keeps its result:
/// ${XDG_CACHE_HOME:-~/.cache}/colossal/local-<ranks>[x<threads>]-<hash of
/// this machine>.json; empty if neither variable names a folder.
std::string localClusterPath(int64_t ranks, int64_t threadsPerRank);

/// The cached cluster of this machine; measured and kept if there is none (or
/// none that can be read), except where measuring was disturbed: then the next
/// call measures again. A cache that cannot be written is not an error.
std::optional<Cluster> localCluster(int64_t ranks, int64_t threadsPerRank,
                                    std::string &error);

/// What `--cluster` says: `local:N`, or the path of a cluster file.
std::optional<Cluster> clusterOf(const std::string &argument,
                                 std::string &error);

} // namespace colossal::machine

#endif // COLOSSAL_MACHINE_CALIBRATE_H
