//===- Cores.cpp - Cores that a process may use ---------------------------===//

#include "colossal/Support/Cores.h"
#include "colossal/Support/Files.h"

#include <algorithm>
#include <cstdlib>
#include <sched.h>
#include <sstream>
#include <unistd.h>

using namespace colossal;

/// Lowers `cores` to quota / period. Without a limit the quota is "max" or -1.
static void limit(int64_t &cores, const std::string &quota,
                  const std::string &period) {
  int64_t time = std::atoll(quota.c_str()), of = std::atoll(period.c_str());
  if (time > 0 && of > 0)
    cores = std::min(cores, std::max<int64_t>(time / of, 1));
}

/// Of a folder of the second version of control groups, or of the first.
static void limitByGroup(int64_t &cores, const std::string &folder) {
  std::string error;
  if (auto text = readTextFile(folder + "/cpu.max", error)) {
    std::istringstream words(*text);
    std::string quota, period;
    words >> quota >> period;
    limit(cores, quota, period);
  }
  auto quota = readTextFile(folder + "/cpu.cfs_quota_us", error);
  auto period = readTextFile(folder + "/cpu.cfs_period_us", error);
  if (quota && period)
    limit(cores, *quota, *period);
}

int64_t colossal::allowedCores(const std::string &root) {
  int64_t cores = std::max<int64_t>(sysconf(_SC_NPROCESSORS_ONLN), 1);
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) == 0)
    cores = std::min<int64_t>(cores, std::max(CPU_COUNT(&allowed), 1));
  // Lines "number:controllers:/path"; each group above limits too. Inside a
  // container the path may be that of the host: then only the root is there.
  std::string error, line;
  std::istringstream lines(
      readTextFile(root + "/proc/self/cgroup", error).value_or("0::/\n"));
  while (std::getline(lines, line)) {
    size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos)
      continue;
    std::string controllers = line.substr(first + 1, second - first - 1);
    std::string path = line.substr(second + 1);
    std::string top = root + "/sys/fs/cgroup";
    if (!controllers.empty()) {
      if (("," + controllers + ",").find(",cpu,") == std::string::npos)
        continue;
      top += "/cpu";
    }
    for (;; path = path.substr(0, path.rfind('/'))) {
      limitByGroup(cores, top + (path == "/" ? "" : path));
      if (path.find('/') == std::string::npos || path == "/")
        break;
    }
  }
  return cores;
}
