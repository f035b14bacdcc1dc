//===- ArenaTest.cpp - Arena plans against slow, obvious checks -----------===//

#include "colossal/Timeline/Arena.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>

using namespace colossal::timeline;

/// Step by step, buffer by buffer.
static int64_t maximumLiveSlowly(const std::vector<LiveRange> &ranges) {
  int64_t maximum = 0;
  for (int64_t step = -20; step < 120; ++step) {
    int64_t live = 0;
    for (const LiveRange &range : ranges)
      if (range.begin <= step && step < range.end)
        live += range.bytes;
    maximum = std::max(maximum, live);
  }
  return maximum;
}

/// Byte by byte: paints every step's arena and looks for a second coat.
static bool isValidSlowly(const std::vector<LiveRange> &ranges,
                          const ArenaPlan &plan) {
  for (int64_t step = -20; step < 120; ++step) {
    std::vector<bool> painted(size_t(plan.totalBytes), false);
    for (size_t i = 0; i < ranges.size(); ++i) {
      if (!(ranges[i].begin <= step && step < ranges[i].end))
        continue;
      if (plan.offsets[i] % ranges[i].alignment != 0)
        return false;
      for (int64_t byte = 0; byte < ranges[i].bytes; ++byte) {
        int64_t place = plan.offsets[i] + byte;
        if (place < 0 || place >= plan.totalBytes || painted[size_t(place)])
          return false;
        painted[size_t(place)] = true;
      }
    }
  }
  return true;
}

TEST(Arena, NothingNeedsNoBytes) {
  EXPECT_EQ(planArena({}).totalBytes, 0);
  EXPECT_EQ(maximumLiveBytes({}), 0);
  std::vector<LiveRange> empty = {{0, 0, 5, 64}, {100, 3, 3, 64}};
  ArenaPlan plan = planArena(empty);
  EXPECT_EQ(plan.totalBytes, 0);
  EXPECT_EQ(plan.offsets, (std::vector<int64_t>{0, 0}));
}

TEST(Arena, ReusesBytesOfDeadBuffers) {
  std::vector<LiveRange> ranges = {{128, 0, 2, 64}, {128, 2, 4, 64}};
  EXPECT_EQ(planArena(ranges).totalBytes, 128);
  ranges[1].begin = 1;
  EXPECT_EQ(planArena(ranges).totalBytes, 256);
}

TEST(Arena, CheckNamesFaults) {
  std::vector<LiveRange> ranges = {{128, 0, 2, 64}, {128, 1, 4, 64}};
  EXPECT_TRUE(checkArena(ranges, {{0, 128}, 256}).empty());
  EXPECT_TRUE(checkArena(ranges, {{128, 0}, 256}).empty());
  EXPECT_EQ(checkArena(ranges, {{0, 64}, 256}),
            std::vector<std::string>{
                "buffer 1 and buffer 0: share bytes while both are live"});
  std::vector<LiveRange> swapped = {ranges[1], ranges[0]};
  EXPECT_EQ(checkArena(swapped, {{64, 0}, 256}).size(), 1u);
  EXPECT_EQ(checkArena(ranges, {{0, 130}, 300}).size(), 1u);
  EXPECT_EQ(checkArena(ranges, {{0, 128}, 255}).size(), 1u);
  EXPECT_EQ(checkArena(ranges, {{-64, 128}, 256}).size(), 1u);
  EXPECT_EQ(checkArena(ranges, {{0}, 256}).size(), 1u);
}

TEST(Arena, ManyBuffersTakeNoQuadraticTime) {
  // What forward makes, backward reads in reverse; between them what dies soon.
  constexpr int64_t steps = 30000;
  std::mt19937 random(1);
  std::vector<LiveRange> ranges;
  for (int64_t step = 0; step < steps; ++step) {
    ranges.push_back({int64_t(64 + random() % 4096), step, 2 * steps - step});
    ranges.push_back({int64_t(64 + random() % 16384), step,
                      step + 1 + int64_t(random() % 4)});
    ranges.push_back({int64_t(64 + random() % 16384), 2 * steps - step,
                      2 * steps - step + 1 + int64_t(random() % 4)});
  }
  ArenaPlan plan = planArena(ranges);
  EXPECT_LE(plan.totalBytes, 1.02 * maximumLiveBytes(ranges));
  // Those of a step against those of all steps would be too many pairs.
  std::vector<LiveRange> some;
  ArenaPlan ofSome{{}, plan.totalBytes};
  for (size_t i = 0; i < ranges.size(); i += 1 + random() % 40) {
    some.push_back(ranges[i]);
    ofSome.offsets.push_back(plan.offsets[i]);
  }
  EXPECT_TRUE(checkArena(some, ofSome).empty());
}

TEST(Arena, ManyRandomRangesNeverOverlap) {
  std::mt19937 random(2);
  std::vector<LiveRange> ranges;
  for (int i = 0; i < 15000; ++i) {
    int64_t begin = int64_t(random() % 20000);
    ranges.push_back({int64_t(random() % 5000), begin,
                      begin + int64_t(random() % 300),
                      int64_t(1) << random() % 9});
  }
  ArenaPlan plan = planArena(ranges);
  EXPECT_TRUE(checkArena(ranges, plan).empty());
  EXPECT_LE(plan.totalBytes, 1.25 * maximumLiveBytes(ranges));
}

TEST(Arena, RandomRangesNeverOverlap) {
  std::mt19937 random(1);
  auto number = [&](int64_t low, int64_t high) {
    return low + int64_t(random() % uint64_t(high - low + 1));
  };
  for (int trial = 0; trial < 150; ++trial) {
    std::vector<LiveRange> ranges(size_t(number(0, 25)));
    for (LiveRange &range : ranges) {
      range.bytes = number(0, 60);
      range.begin = number(-10, 90);
      range.end = range.begin + number(0, 25);
      range.alignment = int64_t(1) << number(0, 4);
    }
    int64_t live = maximumLiveBytes(ranges);
    EXPECT_EQ(live, maximumLiveSlowly(ranges));
    ArenaPlan plan = planArena(ranges);
    EXPECT_GE(plan.totalBytes, live);
    EXPECT_TRUE(isValidSlowly(ranges, plan)) << "trial " << trial;
    EXPECT_TRUE(checkArena(ranges, plan).empty());
    EXPECT_EQ(planArena(ranges).offsets, plan.offsets);
  }
}

/// All orders of placement with the lowest fit contain an optimal one (sort an
/// optimal plan by offset), so trying all is exhaustive.
static int64_t optimumSlowly(const std::vector<LiveRange> &ranges) {
  std::vector<size_t> order(ranges.size());
  std::iota(order.begin(), order.end(), size_t(0));
  int64_t best = INT64_MAX;
  do {
    std::vector<int64_t> offsets(ranges.size());
    int64_t total = 0;
    for (size_t i = 0; i < order.size(); ++i) {
      const LiveRange &range = ranges[order[i]];
      int64_t offset = 0;
      for (bool moved = true; moved;) {
        moved = false;
        for (size_t j = 0; j < i; ++j) {
          const LiveRange &other = ranges[order[j]];
          int64_t at = offsets[order[j]];
          if (range.begin < other.end && other.begin < range.end &&
              offset < at + other.bytes && at < offset + range.bytes) {
            offset = at + other.bytes;
            moved = true;
          }
        }
      }
      offsets[order[i]] = offset;
      total = std::max(total, offset + range.bytes);
    }
    best = std::min(best, total);
  } while (std::next_permutation(order.begin(), order.end()));
  return best;
}

TEST(Arena, SmallCasesAreOptimal) {
  std::mt19937 random(7);
  for (int trial = 0; trial < 60; ++trial) {
    std::vector<LiveRange> ranges(6);
    for (LiveRange &range : ranges) {
      range.bytes = 1 + int64_t(random() % 10);
      range.begin = int64_t(random() % 8);
      range.end = range.begin + 1 + int64_t(random() % 5);
      range.alignment = 1;
    }
    EXPECT_EQ(planArena(ranges).totalBytes, optimumSlowly(ranges))
        << "trial " << trial;
  }
}

/// The buffers of a training step of a transformer: per layer some are kept
/// from forward to backward, some die at once; gradients and optimizer
/// temporaries come and go; state lives throughout.
static std::vector<LiveRange> trainingStep(int64_t layers, int64_t tokens,
                                           int64_t hidden, int64_t vocabulary,
                                           int64_t slots,
                                           std::mt19937 &random) {
  std::vector<LiveRange> ranges;
  const int64_t opsPerLayer = 14;
  int64_t forwardOps = layers * opsPerLayer + 6;
  int64_t last = 3 * forwardOps + 20;
  auto add = [&](int64_t elements, int64_t begin, int64_t end) {
    ranges.push_back({4 * elements, begin, end, 64});
  };
  auto mirrored = [&](int64_t op) {
    return forwardOps + 2 * (forwardOps - op);
  };
  int64_t th = tokens * hidden;
  for (int64_t layer = 0; layer < layers; ++layer) {
    int64_t op = layer * opsPerLayer;
    // Weights, gradient, two moments: in place, for the whole step.
    for (int64_t part : {3, 1, 4, 4})
      for (int copy = 0; copy < 4; ++copy)
        add(part * hidden * hidden, 0, last);
    const int64_t width[opsPerLayer] = {1, 1, 3, 1, 1, 1, 1,
                                        1, 4, 4, 1, 1, 2, 1};
    for (int64_t i = 0; i < opsPerLayer; ++i) {
      bool kept = random() % 2 == 0;
      int64_t end = kept ? mirrored(op + i) + 1 : op + i + 2;
      add(width[i] * th * (kept ? slots : 1), op + i, end);
      add(tokens * (1 + int64_t(random() % 3)), op + i, end + 1);
      // Backward: the gradient of the value and of a weight's partial sums.
      int64_t begin = mirrored(op + i);
      add(width[i] * th, begin, begin + 2 + int64_t(random() % 4));
      if (random() % 3 == 0)
        add(hidden * (1 + int64_t(random() % 16)), begin, begin + 1);
    }
  }
  int64_t head = layers * opsPerLayer;
  add(tokens * vocabulary, head, mirrored(head) - 3);
  add(tokens * vocabulary, head + 2, head + 3);
  add(vocabulary * hidden, 0, last);
  add(vocabulary * hidden, mirrored(head) - 1, last);
  return ranges;
}

TEST(Arena, TrainingStepsWithinFivePercent) {
  std::mt19937 random(3);
  double worst = 1.0;
  for (int64_t layers : {2, 4, 12})
    for (int64_t hidden : {96, 256, 768})
      for (int64_t slots : {1, 2, 4}) {
        std::vector<LiveRange> ranges =
            trainingStep(layers, 1000, hidden, 5003, slots, random);
        ArenaPlan plan = planArena(ranges);
        EXPECT_TRUE(checkArena(ranges, plan).empty());
        double ratio =
            double(plan.totalBytes) / double(maximumLiveBytes(ranges));
        EXPECT_LE(ratio, 1.05) << layers << " layers, hidden " << hidden;
        worst = std::max(worst, ratio);
      }
  RecordProperty("worst", std::to_string(worst));
}

/// Without state: activations alone, where fragmentation shows.
TEST(Arena, ActivationsWithinFivePercent) {
  std::mt19937 random(4);
  for (int trial = 0; trial < 12; ++trial) {
    std::vector<LiveRange> ranges = trainingStep(
        2 + trial, 512 + 37 * trial, 64 + 8 * trial, 1000, 1, random);
    int64_t last = 0;
    for (const LiveRange &range : ranges)
      last = std::max(last, range.end);
    ranges.erase(std::remove_if(
                     ranges.begin(), ranges.end(),
                     [&](const LiveRange &range) { return range.end == last; }),
                 ranges.end());
    ArenaPlan plan = planArena(ranges);
    EXPECT_TRUE(checkArena(ranges, plan).empty());
    EXPECT_LE(double(plan.totalBytes), 1.05 * double(maximumLiveBytes(ranges)))
        << "trial " << trial;
  }
}

/// Sizes over three orders of magnitude with random lifetimes: worse than any
/// program, so that the improvement has work to do.
TEST(Arena, RandomLifetimesWithinFivePercent) {
  std::mt19937 random(11);
  for (int trial = 0; trial < 5; ++trial) {
    std::vector<LiveRange> ranges(150);
    for (LiveRange &range : ranges) {
      range.bytes = int64_t(64) << (random() % 11);
      range.bytes += int64_t(random() % uint64_t(range.bytes));
      range.begin = int64_t(random() % 200);
      range.end = range.begin + 1 + int64_t(random() % 60);
    }
    ArenaPlan plan = planArena(ranges);
    EXPECT_TRUE(checkArena(ranges, plan).empty());
    EXPECT_LE(double(plan.totalBytes), 1.05 * double(maximumLiveBytes(ranges)))
        << "trial " << trial;
  }
}
