//===- CoresTest.cpp - Cores that a process may use -----------------------===//

#include "colossal/Support/Cores.h"
#include "colossal/Support/Files.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <sched.h>
#include <thread>

using namespace colossal;

namespace {

/// A root with files of its own.
class Root {
public:
  Root() {
    char name[] = "/tmp/cores-XXXXXX";
    path = mkdtemp(name);
  }
  ~Root() { std::filesystem::remove_all(path); }
  void write(const std::string &file, const std::string &text) {
    std::string error, whole = path + file;
    std::filesystem::create_directories(whole.substr(0, whole.rfind('/')));
    ASSERT_TRUE(writeTextFile(whole, text, error)) << error;
  }
  std::string path;
};

TEST(Cores, ControlGroups) {
  int64_t all = allowedCores("/nowhere");
  ASSERT_GE(all, 1);
  {
    Root root; // no limit anywhere
    root.write("/proc/self/cgroup", "0::/a/b\n");
    root.write("/sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
    EXPECT_EQ(allowedCores(root.path), all);
    // A group above limits too.
    root.write("/sys/fs/cgroup/a/cpu.max", "150000 100000\n");
    EXPECT_EQ(allowedCores(root.path), 1);
  }
  {
    Root root; // in a container: the path is the host's
    root.write("/proc/self/cgroup", "0::/docker/1234\n");
    root.write("/sys/fs/cgroup/cpu.max", "50000 100000\n");
    EXPECT_EQ(allowedCores(root.path), 1);
  }
  {
    Root root; // version 1
    root.write("/proc/self/cgroup", "3:memory:/x\n2:cpu,cpuacct:/x\n");
    root.write("/sys/fs/cgroup/cpu/x/cpu.cfs_period_us", "100000\n");
    root.write("/sys/fs/cgroup/cpu/x/cpu.cfs_quota_us", "-1\n");
    EXPECT_EQ(allowedCores(root.path), all);
    root.write("/sys/fs/cgroup/cpu/x/cpu.cfs_quota_us", "100000\n");
    EXPECT_EQ(allowedCores(root.path), 1);
  }
}

TEST(Cores, Affinity) {
  int64_t found = 0;
  std::thread([&] {
    cpu_set_t all, one;
    sched_getaffinity(0, sizeof all, &all);
    CPU_ZERO(&one);
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
      if (CPU_ISSET(cpu, &all)) {
        CPU_SET(cpu, &one);
        break;
      }
    sched_setaffinity(0, sizeof one, &one);
    found = allowedCores("/nowhere");
  }).join();
  EXPECT_EQ(found, 1);
}

} // namespace
