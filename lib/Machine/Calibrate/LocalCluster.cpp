//===- LocalCluster.cpp - The cached cluster of this machine --------------===//

#include "ThisMachine.h"
#include "colossal/Machine/Calibrate.h"
#include "colossal/Support/CpuGeneration.h"
#include "colossal/Support/Files.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <sys/stat.h>

using namespace colossal;
using namespace colossal::machine;

/// Changes when measuring changes, so that old files are not taken.
static const char *const measuringVersion = "5";

/// FNV-1a (Fowler, Noll, Vo), 64 bits.
static uint64_t hash(const std::string &text) {
  uint64_t value = 14695981039346656037u;
  for (char c : text)
    value = (value ^ uint8_t(c)) * 1099511628211u;
  return value;
}

std::string machine::localClusterPath(int64_t ranks, int64_t threadsPerRank) {
  std::string folder;
  const char *cache = std::getenv("XDG_CACHE_HOME");
  const char *home = std::getenv("HOME");
  if (cache && *cache)
    folder = cache;
  else if (home && *home)
    folder = std::string(home) + "/.cache";
  else
    return "";
  std::string machine = processorName() + "|" + nameOf(cpuGeneration()) + "|" +
                        std::to_string(coresOfThisMachine()) + "|" +
                        std::to_string(memoryOfThisMachine()) + "|" +
                        std::to_string(lastCacheBytes()) + "|" +
                        measuringVersion;
  char digits[17];
  std::snprintf(digits, sizeof digits, "%016llx",
                static_cast<unsigned long long>(hash(machine)));
  std::string name = "local-" + std::to_string(ranks);
  if (threadsPerRank > 0 && threadsPerRank != defaultThreads(ranks))
    name += "x" + std::to_string(threadsPerRank);
  return folder + "/colossal/" + name + "-" + digits + ".json";
}

/// Creates the folders above a file; false if one cannot be made.
static bool createFolders(const std::string &path) {
  for (size_t i = 1; i < path.size(); ++i)
    if (path[i] == '/' && mkdir(path.substr(0, i).c_str(), 0777) != 0 &&
        errno != EEXIST)
      return false;
  return true;
}

std::optional<Cluster> machine::localCluster(int64_t ranks,
                                             int64_t threadsPerRank,
                                             std::string &error,
                                             std::string *warning) {
  std::string path = localClusterPath(ranks, threadsPerRank), ignored;
  if (!path.empty())
    if (std::optional<Cluster> kept = readClusterFile(path, ignored))
      return kept;
  std::string disturbed;
  std::optional<Cluster> cluster =
      calibrateLocal(ranks, threadsPerRank, error, &disturbed);
  if (!cluster)
    return std::nullopt;
  bool keep = !path.empty() && createFolders(path);
  std::string beside = path + ".disturbed";
  if (disturbed.empty()) {
    if (keep && writeClusterFile(*cluster, path, ignored))
      std::remove(beside.c_str());
    return cluster;
  }
  if (keep) {
    if (std::optional<Cluster> before = readClusterFile(beside, ignored))
      cluster = bestOf(*before, *cluster);
    writeClusterFile(*cluster, beside, ignored);
  }
  if (warning)
    *warning = disturbed;
  return cluster;
}

std::optional<Cluster> machine::clusterOf(const std::string &argument,
                                          std::string &error,
                                          std::string *warning) {
  const std::string prefix = "local:";
  if (argument.compare(0, prefix.size(), prefix) != 0)
    return readClusterFile(argument, error);
  std::string count = argument.substr(prefix.size());
  bool isNumber = !count.empty() && count.size() <= 4 &&
                  count.find_first_not_of("0123456789") == std::string::npos;
  int64_t ranks = isNumber ? std::atoll(count.c_str()) : 0;
  if (ranks < 1 || ranks > 1024) {
    error = "cluster \"" + argument + "\": found \"" + count +
            "\", expected a number of ranks from 1 to 1024, as in local:2";
    return std::nullopt;
  }
  return localCluster(ranks, 0, error, warning);
}
