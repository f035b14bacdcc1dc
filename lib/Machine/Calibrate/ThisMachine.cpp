//===- ThisMachine.cpp - What the operating system says -------------------===//

#include "ThisMachine.h"
#include "colossal/Machine/Calibrate.h"
#include "colossal/Support/Cores.h"
#include "colossal/Support/Files.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <sys/resource.h>
#include <unistd.h>

using namespace colossal;
using namespace colossal::machine;

/// The first integer of a file, or `otherwise` ("max" in a limit).
static int64_t integerIn(const std::string &path, int64_t otherwise) {
  std::string error;
  std::optional<std::string> text = readTextFile(path, error);
  if (!text)
    return otherwise;
  char *end = nullptr;
  int64_t value = std::strtoll(text->c_str(), &end, 10);
  return end == text->c_str() ? otherwise : value;
}

int64_t machine::coresOfThisMachine() { return allowedCores(); }

int64_t machine::defaultThreads(int64_t ranks) {
  return std::max<int64_t>(1,
                           coresOfThisMachine() / std::max<int64_t>(ranks, 1));
}

std::string machine::processorName() {
  std::string error;
  std::string text = readTextFile("/proc/cpuinfo", error).value_or("");
  size_t place = text.find("model name");
  if (place != std::string::npos)
    place = text.find(": ", place);
  if (place == std::string::npos)
    return "unknown processor";
  return text.substr(place + 2, text.find('\n', place) - place - 2);
}

int64_t machine::memoryOfThisMachine() {
  int64_t bytes =
      int64_t(sysconf(_SC_PHYS_PAGES)) * int64_t(sysconf(_SC_PAGESIZE));
  for (const char *limit : {"/sys/fs/cgroup/memory.max",
                            "/sys/fs/cgroup/memory/memory.limit_in_bytes"}) {
    int64_t allowed = integerIn(limit, 0);
    if (allowed > 0)
      bytes = std::min(bytes, allowed);
  }
  return std::max<int64_t>(bytes, 1);
}

int64_t machine::lastCacheBytes() {
  // The system's list knows what a virtual machine was given; sysconf may
  // speak of the whole host.
  int64_t largest = 0;
  for (int index = 0; index < 8; ++index) {
    std::string path = "/sys/devices/system/cpu/cpu0/cache/index" +
                       std::to_string(index) + "/size"; // "32768K"
    largest = std::max(largest, integerIn(path, 0) << 10);
  }
  if (largest > 0)
    return largest;
  for (int level :
       {_SC_LEVEL4_CACHE_SIZE, _SC_LEVEL3_CACHE_SIZE, _SC_LEVEL2_CACHE_SIZE})
    if (int64_t bytes = sysconf(level); bytes > 0)
      return bytes;
  return 0;
}

std::vector<int64_t> machine::cacheSizes(int64_t ranks, int64_t threads) {
  int64_t last = lastCacheBytes() / ranks, own = 0;
  // The second cache, where it is not the last.
  for (int index = 0; index < 8; ++index) {
    std::string path =
        "/sys/devices/system/cpu/cpu0/cache/index" + std::to_string(index);
    if (integerIn(path + "/level", 0) == 2)
      own = (integerIn(path + "/size", 0) << 10) * threads;
  }
  std::vector<int64_t> sizes;
  for (int64_t bytes : {own / 2, own, 2 * own, last / 4, last / 2, last})
    if (bytes > (sizes.empty() ? 0 : sizes.back()) && bytes <= last)
      sizes.push_back(bytes);
  return sizes;
}

/// Seconds that all cores have worked since start, or were taken away from a
/// virtual machine; negative if unknown.
static double busySeconds() {
  std::string error;
  std::string text = readTextFile("/proc/stat", error).value_or("");
  long long user, nice, system, idle, waiting, hard, soft, stolen;
  if (std::sscanf(text.c_str(), "cpu %lld %lld %lld %lld %lld %lld %lld %lld",
                  &user, &nice, &system, &idle, &waiting, &hard, &soft,
                  &stolen) != 8)
    return -1;
  return double(user + nice + system + hard + soft + stolen) /
         double(sysconf(_SC_CLK_TCK));
}

/// CPU time of this process and of those that it has waited for.
static double ownSeconds() {
  double seconds = 0;
  for (int who : {RUSAGE_SELF, RUSAGE_CHILDREN}) {
    rusage usage;
    if (getrusage(who, &usage) == 0)
      for (const timeval &time : {usage.ru_utime, usage.ru_stime})
        seconds += double(time.tv_sec) + 1e-6 * double(time.tv_usec);
  }
  return seconds;
}

static double wallSeconds() {
  return std::chrono::duration<double>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

OtherLoad::OtherLoad()
    : busy(busySeconds()), own(ownSeconds()), wall(wallSeconds()) {}

double OtherLoad::cores() const {
  double elapsed = wallSeconds() - wall;
  if (busy < 0 || elapsed <= 0)
    return 0.0;
  double others = busySeconds() - busy - (ownSeconds() - own);
  return std::max(others / elapsed, 0.0);
}
