//===- CalibrateTest.cpp - Measuring this machine and its cache -----------===//
//
// Times depend on the machine and its load, so that bounds here are wide; what
// must always hold is that the result is a valid cluster.
//
//===----------------------------------------------------------------------===//

#include "colossal/Machine/Calibrate.h"
#include "../../../lib/Machine/Calibrate/Together.h"

#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace colossal::machine;

TEST(Calibrate, TwoRanks) {
  auto begin = std::chrono::steady_clock::now();
  std::string error;
  std::optional<Cluster> cluster = calibrateLocal(2, 1, error);
  ASSERT_TRUE(cluster.has_value()) << error;
  std::chrono::duration<double> seconds =
      std::chrono::steady_clock::now() - begin;
  EXPECT_LT(seconds.count(), 20.0);
  EXPECT_TRUE(check(*cluster).empty());
  EXPECT_EQ(cluster->devices, 2);
  EXPECT_EQ(cluster->device.threads, 1);
  ASSERT_EQ(cluster->levels.size(), 1u);
  EXPECT_EQ(cluster->levels[0].groupSize, 2);
  // Slower or faster than any machine that runs this: units are wrong.
  EXPECT_GT(cluster->device.matrix[0].peakFlopsPerSecond, 100000000);
  EXPECT_LT(cluster->device.matrix[0].peakFlopsPerSecond, 100000000000000);
  EXPECT_GT(cluster->device.streaming.back().bytesPerSecond, 100000000);
  EXPECT_LT(cluster->device.streaming.back().bytesPerSecond, 10000000000000);
  EXPECT_GT(cluster->levels[0].bytesPerSecond, 1000000);
}

TEST(Calibrate, RefusesImpossibleNumbers) {
  std::string error;
  EXPECT_FALSE(calibrateLocal(0, 1, error).has_value());
  EXPECT_EQ(error, "ranks: found 0, expected a number from 1 to 1024");
  EXPECT_FALSE(calibrateLocal(2, -1, error).has_value());
  EXPECT_EQ(error, "threads: found -1, expected a number from 1 to 1024");
  EXPECT_FALSE(clusterOf("local:two", error).has_value());
  EXPECT_EQ(error, "cluster \"local:two\": found \"two\", expected a number of "
                   "ranks from 1 to 1024, as in local:2");
  EXPECT_FALSE(clusterOf("/nowhere.json", error).has_value());
  EXPECT_EQ(error, "/nowhere.json: cannot read: No such file or directory");
}

TEST(Calibrate, CacheIsTakenWithoutMeasuring) {
  std::string folder = testing::TempDir() + "colossal-calibrate-test";
  mkdir(folder.c_str(), 0777);
  mkdir((folder + "/colossal").c_str(), 0777);
  setenv("XDG_CACHE_HOME", folder.c_str(), 1);
  std::string path = localClusterPath(4, 0), error;
  EXPECT_EQ(path.rfind(folder + "/colossal/local-4-", 0), 0u) << path;
  EXPECT_NE(localClusterPath(4, defaultThreads(4) + 1), path);
  EXPECT_EQ(localClusterPath(4, defaultThreads(4)), path);
  std::optional<Cluster> example = readClusterFile(
      std::string(COLOSSAL_EXAMPLES) + "/clusters/fast-links-4.json", error);
  ASSERT_TRUE(example.has_value()) << error;
  ASSERT_TRUE(writeClusterFile(*example, path, error)) << error;
  std::optional<Cluster> cached = clusterOf("local:4", error);
  ASSERT_TRUE(cached.has_value()) << error;
  EXPECT_EQ(cached->name, example->name);
  std::remove(path.c_str());
}

TEST(Calibrate, BestOfTwoMeasurements) {
  std::string error;
  std::optional<Cluster> first = readClusterFile(
      std::string(COLOSSAL_EXAMPLES) + "/clusters/fast-links-4.json", error);
  ASSERT_TRUE(first.has_value()) << error;
  // The second was disturbed in one half of its numbers, the first in the
  // other.
  Cluster second = *first;
  Device &a = first->device, &b = second.device;
  b.matrix[0].peakFlopsPerSecond /= 2;
  b.kernelOverheadNs *= 3;
  b.streaming.back().bytesPerSecond /= 4;
  b.caches.back().bytesPerSecond /= 4;
  b.overlap = 0.25;
  second.levels[0].latencyNs *= 2;
  Device undisturbed = a;
  LinkLevel level = first->levels[0];
  a.elementwiseFlopsPerSecond /= 2;
  a.library[0].efficiency /= 8;
  first->levels[0].bytesPerSecond /= 2;
  for (bool swapped : {false, true}) {
    Cluster best = swapped ? bestOf(second, *first) : bestOf(*first, second);
    EXPECT_TRUE(check(best).empty());
    EXPECT_EQ(best.device.matrix[0].peakFlopsPerSecond,
              undisturbed.matrix[0].peakFlopsPerSecond);
    EXPECT_NEAR(best.device.matrix[0].efficiency.back().efficiency,
                undisturbed.matrix[0].efficiency.back().efficiency, 1e-9);
    EXPECT_EQ(best.device.kernelOverheadNs, undisturbed.kernelOverheadNs);
    EXPECT_EQ(best.device.streaming.back().bytesPerSecond,
              undisturbed.streaming.back().bytesPerSecond);
    EXPECT_EQ(best.device.caches.back().bytesPerSecond,
              undisturbed.caches.back().bytesPerSecond);
    EXPECT_EQ(best.device.overlap, undisturbed.overlap);
    EXPECT_EQ(best.device.elementwiseFlopsPerSecond,
              undisturbed.elementwiseFlopsPerSecond);
    // Known of the slower machine alone: half of its peak.
    EXPECT_NEAR(best.device.library[0].efficiency,
                undisturbed.library[0].efficiency / 2, 1e-9);
    EXPECT_EQ(best.levels[0].latencyNs, level.latencyNs);
    EXPECT_EQ(best.levels[0].bytesPerSecond, level.bytesPerSecond);
  }
  // Of another number of devices: the newer one.
  Cluster other = second;
  other.device.threads += 1;
  EXPECT_EQ(bestOf(*first, other).device.kernelOverheadNs,
            other.device.kernelOverheadNs);
}

TEST(Calibrate, SaysThatOthersAreBusy) {
  // Whoever computes without end on every core is somebody else.
  std::vector<pid_t> others;
  for (long i = 0; i < 2 * sysconf(_SC_NPROCESSORS_ONLN); ++i) {
    pid_t child = fork();
    if (child == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      for (volatile int turn = 0;;)
        turn = turn + 1;
    }
    others.push_back(child);
  }
  std::string folder = testing::TempDir() + "colossal-busy-test", error,
              warning;
  setenv("XDG_CACHE_HOME", folder.c_str(), 1);
  std::string path = localClusterPath(2, 1);
  std::optional<Cluster> first = localCluster(2, 1, error, &warning);
  for (pid_t other : others)
    kill(other, SIGKILL);
  for (pid_t other : others)
    waitpid(other, nullptr, 0);
  if (!first && error.find("the machine may be busy") != std::string::npos)
    GTEST_SKIP() << error;
  ASSERT_TRUE(first.has_value()) << error;
  EXPECT_NE(warning.find("other processes kept "), std::string::npos);
  // Not taken for the truth, and not forgotten.
  EXPECT_NE(access(path.c_str(), F_OK), 0);
  EXPECT_TRUE(readClusterFile(path + ".disturbed", error).has_value()) << error;
  std::remove((path + ".disturbed").c_str());
}

TEST(Calibrate, AllRanksMeasureTheSame) {
  double result[resultBytes / sizeof(double)] = {};
  std::string error;
  auto body = [](Together &together, void *out) {
    // A call of rank 1 takes 2 ms: so long take both.
    double ns = together.measure(2, [&] {
      if (together.rank() == 1)
        usleep(2000);
    });
    together.window(together.rank())[0] = float(ns);
    together.barrier(3);
    if (together.rank() == 0)
      for (int64_t rank = 0; rank < 3; ++rank)
        static_cast<double *>(out)[rank] = double(together.window(rank)[0]);
    together.barrier(3);
  };
  ASSERT_TRUE(runTogether(3, 1, 4096, 5.0, body, result, error)) << error;
  EXPECT_GE(result[0], 2e6);
  EXPECT_EQ(result[0], result[1]);
  EXPECT_EQ(result[0], result[2]);
}

TEST(Calibrate, ProcessThatDiesIsOneMessage) {
  char result[resultBytes];
  std::string error;
  auto dies = [](Together &together, void *) {
    if (together.rank() == 1)
      _exit(3);
    together.barrier(2);
  };
  EXPECT_FALSE(runTogether(2, 1, 4096, 5.0, dies, result, error));
  EXPECT_EQ(error, "a measuring process failed");
  auto hangs = [](Together &together, void *) {
    if (together.rank() == 0)
      together.barrier(2);
  };
  EXPECT_FALSE(runTogether(2, 1, 4096, 0.1, hangs, result, error));
  EXPECT_EQ(error, "measuring took longer than 0 s; the machine may be busy");
}
