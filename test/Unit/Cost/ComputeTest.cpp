//===- ComputeTest.cpp - Times of kernels and library calls ---------------===//

#include "ExampleCluster.h"
#include "colossal/Cost/Cost.h"

#include <gtest/gtest.h>

#include <random>

using namespace colossal::cost;

TEST(Compute, Stream) {
  Cluster cluster = exampleCluster();
  EXPECT_EQ(streamTime(cluster, 0), 0);
  EXPECT_EQ(streamTime(cluster, 500), 5);
  EXPECT_EQ(streamTime(cluster, 1000), 10);
  EXPECT_EQ(streamTime(cluster, 5000), 1250);
  EXPECT_EQ(streamTime(cluster, 5000, 1), 625);
  EXPECT_EQ(streamTime(cluster, 5000, 4), 1250);
  EXPECT_EQ(streamTime(cluster, 5000, 9), 1250);
  // Between: linear in the bandwidth, 8 - 4/3 bytes per ns.
  EXPECT_EQ(streamTime(cluster, 5000, 2), 750);
}

TEST(Compute, ByteByReuseDistance) {
  Cluster cluster = exampleCluster();
  EXPECT_DOUBLE_EQ(byteTime(cluster, 0), 0.01);
  EXPECT_DOUBLE_EQ(byteTime(cluster, 1000), 0.01);
  EXPECT_DOUBLE_EQ(byteTime(cluster, 1500), 0.015);
  EXPECT_DOUBLE_EQ(byteTime(cluster, 2000), 0.02);
  EXPECT_DOUBLE_EQ(byteTime(cluster, 3000), 0.135); // halfway to memory
  EXPECT_DOUBLE_EQ(byteTime(cluster, 4000), 0.25);
  EXPECT_DOUBLE_EQ(byteTime(cluster, 1 << 30), 0.25);
  EXPECT_DOUBLE_EQ(byteTime(cluster, 1 << 30, 1), 0.125);
  cluster.device.caches.clear();
  EXPECT_DOUBLE_EQ(byteTime(cluster, 0), 0.25);
}

TEST(Compute, Kernel) {
  Cluster cluster = exampleCluster();
  EXPECT_EQ(kernelTime(cluster, 0, 0), 0);
  EXPECT_EQ(kernelTime(cluster, 0, 1250), 1250 + 500);
  EXPECT_EQ(kernelTime(cluster, 100000, 0), 10000 + 500);
  EXPECT_EQ(kernelTime(cluster, 100000, 1250), 10000 + 500);
  EXPECT_EQ(kernelTime(cluster, 100, 1250), 1250 + 500);
  cluster.device.overlap = 0.6;
  EXPECT_EQ(kernelTime(cluster, 100000, 1250), 10000 + 500 + 500);
  EXPECT_EQ(kernelTime(cluster, 100, 1250), 1250 + 4 + 500);
}

TEST(Compute, Gemm) {
  Cluster cluster = exampleCluster();
  // Only compute counts.
  cluster.device.caches = {{1 << 30, 1'000'000'000'000'000'000}};
  auto time = [&](int64_t m, int64_t n, int64_t k, int64_t batch) {
    return gemmTime(cluster, m, n, k, batch, DataType::F32) - 500;
  };
  // 2 * 256^3 / (1000 * 0.8)
  EXPECT_EQ(time(256, 256, 256, 1), 41944);   // 41943.04
  EXPECT_EQ(time(1024, 64, 1024, 1), 268436); // 134217728 / 500
  EXPECT_EQ(time(64, 1024, 1024, 2), 536871); // 536870.9
  EXPECT_EQ(time(1024, 1024, 64, 1), 268436);
  // Halfway between 64 and 256: 0.65.
  EXPECT_EQ(time(160, 160, 160, 1), 12604); // 8192000 / 650 = 12603.08
  // Below the table: proportional, so the time is that of 16.
  EXPECT_EQ(time(4, 1024, 1024, 1), time(16, 1024, 1024, 1));
  EXPECT_EQ(gemmTime(cluster, 0, 5, 5, 1, DataType::F32), 0);
  EXPECT_EQ(gemmTime(cluster, 5, 5, 5, 1, DataType::F8), unreachable);
  // Without a rate of its own one of 16 bits has that of f32; with one, that.
  EXPECT_EQ(gemmTime(cluster, 256, 256, 256, 1, DataType::F16) - 500, 41944);
  EXPECT_EQ(gemmTime(cluster, 256, 256, 256, 1, DataType::BF16) - 500, 41944);
  cluster.device.matrix.push_back(cluster.device.matrix[0]);
  cluster.device.matrix.back().type = DataType::BF16;
  cluster.device.matrix.back().peakFlopsPerSecond *= 2;
  EXPECT_EQ(gemmTime(cluster, 256, 256, 256, 1, DataType::BF16) - 500, 20972);
  EXPECT_EQ(gemmTime(cluster, 256, 256, 256, 1, DataType::F16) - 500, 41944);
}

TEST(Compute, GemmIsBoundByMemory) {
  Cluster cluster = exampleCluster();
  // 4 * (256 * 4096 + 4096 + 256) bytes = 4211712 against 2.1 Mflop.
  EXPECT_EQ(gemmTime(cluster, 256, 1, 4096, 1, DataType::F32),
            4211712 / 4 + 500);
}

TEST(Compute, LibraryCall) {
  Cluster cluster = exampleCluster();
  cluster.device.caches.clear();
  // Memory is slower: 691200 bytes at 4 per ns; compute 46080.
  EXPECT_EQ(libraryTime(cluster, "attention", 23040000, 691200, DataType::F32),
            172800 + 500);
  double flops = 2.0 * 6 * 4096 * 4096 * 96;
  EXPECT_EQ(libraryTime(cluster, "attention", flops, 0, DataType::F32),
            (int64_t(flops) + 499) / 500 + 500);
  EXPECT_EQ(libraryTime(cluster, "attention_backward", flops, 0, DataType::F32),
            (int64_t(flops) + 249) / 250 + 500);
  // A rate that the cluster does not know: 0.3 of the peak.
  EXPECT_EQ(libraryTime(cluster, "sorting", 300000, 0, DataType::F32),
            1000 + 500);
  EXPECT_EQ(libraryTime(cluster, "attention", 0, 0, DataType::F32), 0);
}

TEST(Compute, FlopsOfALibraryCallUnderCuts) {
  Work work;
  work.kind = Work::Kind::Library;
  work.terms = {{2, {0, 1, 2}}, {4, {0, 1}}};
  work.neededShare = 0.5;
  work.uncut = {1};
  EXPECT_EQ(libraryFlops(work, {3, 5, 7}, {3, 5, 7}), 135);
  EXPECT_EQ(libraryFlops(work, {1, 5, 7}, {3, 5, 7}), 45);
  // What is hidden from one rank is not hidden from another.
  EXPECT_EQ(libraryFlops(work, {3, 4, 7}, {3, 5, 7}), 216);
}

TEST(Compute, LargerNeverTakesLess) {
  Cluster cluster = exampleCluster();
  std::mt19937 random(1);
  auto number = [&] { return 1 + int64_t(random() % (1u << (random() % 12))); };
  for (int trial = 0; trial < 3000; ++trial) {
    int64_t sizes[4] = {number(), number(), number(), number()};
    auto time = [&] {
      return gemmTime(cluster, sizes[0], sizes[1], sizes[2], sizes[3],
                      DataType::F32);
    };
    int64_t before = time();
    sizes[random() % 4] += number();
    EXPECT_GE(time(), before);
    int64_t bytes = number() * number();
    EXPECT_GE(streamTime(cluster, bytes + number()),
              streamTime(cluster, bytes));
  }
}

TEST(Compute, HugeSizesSaturate) {
  Cluster cluster = exampleCluster();
  int64_t huge = int64_t(1) << 62;
  EXPECT_EQ(gemmTime(cluster, huge, huge, huge, huge, DataType::F32),
            unreachable);
  EXPECT_EQ(kernelTime(cluster, huge, huge), int64_t(1) << 60);
  EXPECT_EQ(libraryTime(cluster, "attention", 1e300, 0, DataType::F32),
            unreachable);
}
