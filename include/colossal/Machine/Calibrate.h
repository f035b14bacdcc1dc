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
/// `error` to one line. `disturbed` is set to one line if other processes were
/// busy, so that the numbers may be low, otherwise to nothing.
/// \pre this process has not used OpenMP yet (its threads do not survive fork)
std::optional<Cluster> calibrateLocal(int64_t ranks, int64_t threadsPerRank,
                                      std::string &error,
                                      std::string *disturbed = nullptr);

/// Where `localCluster` keeps its result:
/// ${XDG_CACHE_HOME:-~/.cache}/colossal/local-<ranks>[x<threads>]-<hash of
/// this machine>.json; empty if neither variable names a folder.
std::string localClusterPath(int64_t ranks, int64_t threadsPerRank);

/// The better of two measurements of the same machine, number by number: others
/// only make it slower. `second` where they are not alike.
Cluster bestOf(const Cluster &first, const Cluster &second);

/// The cached cluster of this machine; measured and kept if there is none (or
/// none that can be read). Where measuring was disturbed, `warning` is set to
/// one line, and the best of all disturbed measurements is kept beside until
/// one is not disturbed: the next call measures again. A cache that cannot be
/// written is not an error.
std::optional<Cluster> localCluster(int64_t ranks, int64_t threadsPerRank,
                                    std::string &error,
                                    std::string *warning = nullptr);

/// What `--cluster` says: `local:N`, or the path of a cluster file.
std::optional<Cluster> clusterOf(const std::string &argument,
                                 std::string &error,
                                 std::string *warning = nullptr);

} // namespace colossal::machine

#endif // COLOSSAL_MACHINE_CALIBRATE_H
