//===- RandomTest.cpp - Counter-based random numbers ----------------------===//

#include "colossal/Support/Random.h"

#include <cmath>
#include <gtest/gtest.h>
#include <vector>

using namespace colossal::random;

/// Numbers of a tensor.
static std::vector<double> draw(uint64_t stream, int64_t seed, int64_t step,
                                int64_t first, int64_t count) {
  std::vector<double> numbers;
  for (int64_t i = 0; i < count; ++i)
    numbers.push_back(uniform(stream, seed, step, first + i));
  return numbers;
}

static constexpr int64_t kCount = 1 << 16;

/// Of uniform numbers, in standard deviations from the expected: the mean, and
/// the correlation of two sequences.
static double offMean(const std::vector<double> &x) {
  double sum = 0;
  for (double v : x)
    sum += v - 0.5;
  return std::fabs(sum) / std::sqrt(double(x.size()) / 12);
}
static double correlated(const std::vector<double> &x,
                         const std::vector<double> &y, size_t lag = 0) {
  double sum = 0;
  size_t count = x.size() - lag;
  for (size_t i = 0; i < count; ++i)
    sum += (x[i + lag] - 0.5) * (y[i] - 0.5);
  return std::fabs(sum) / (std::sqrt(double(count)) / 12);
}

// Below 5 standard deviations everywhere: one in two million misses by chance,
// and the numbers never change.
TEST(Random, LooksIndependent) {
  uint64_t one = streamOf("h.0/dropout.0"), other = streamOf("h.1/dropout.0");
  for (int64_t step : {1, 2, 3, 1000}) {
    std::vector<double> x = draw(one, 0, step, 0, kCount);
    EXPECT_LT(offMean(x), 5);
    for (size_t lag : {1, 2, 3, 64, 768, 1024})
      EXPECT_LT(correlated(x, x, lag), 5) << step << " " << lag;
    EXPECT_LT(correlated(x, draw(one, 0, step + 1, 0, kCount)), 5) << step;
    EXPECT_LT(correlated(x, draw(one, 1, step, 0, kCount)), 5) << step;
    EXPECT_LT(correlated(x, draw(other, 0, step, 0, kCount)), 5) << step;
    EXPECT_LT(correlated(x, draw(one, 0, step, int64_t(1) << 32, kCount)), 5);
  }
}

// Each of the 24 bits is set half of the time.
TEST(Random, HasFairBits) {
  uint64_t stream = streamOf("drop");
  for (unsigned bit = 0; bit < 32; ++bit) {
    int64_t set = 0;
    for (int64_t i = 0; i < kCount; ++i)
      set += bits(stream, 3, 17, i) >> bit & 1;
    EXPECT_LT(std::fabs(double(set) - kCount / 2.0), 5 * std::sqrt(kCount) / 2)
        << bit;
  }
}

TEST(Random, StaysBelowOne) {
  for (int64_t i = 0; i < kCount; ++i) {
    float number = uniform(7, 0, 1, i);
    EXPECT_GE(number, 0.0f);
    EXPECT_LT(number, 1.0f);
    EXPECT_EQ(number * 0x1p24f, std::floor(number * 0x1p24f));
  }
}

// Moments of the normal distribution, and how much lies beyond 2.
TEST(Random, NormalNumbers) {
  double sum[5] = {}, neighbours = 0, last = 0;
  int64_t beyond = 0;
  for (int64_t i = 0; i < kCount; ++i) {
    double x = normal(streamOf("h.0.weight"), 0, i);
    ASSERT_TRUE(std::isfinite(x));
    for (int power = 1; power < 5; ++power)
      sum[power] += std::pow(x, power);
    neighbours += x * last;
    beyond += std::fabs(x) > 2;
    last = x;
  }
  double deviation = 5 / std::sqrt(double(kCount));
  EXPECT_LT(std::fabs(sum[1] / kCount), deviation);
  EXPECT_LT(std::fabs(sum[2] / kCount - 1), deviation * std::sqrt(2));
  EXPECT_LT(std::fabs(sum[3] / kCount), deviation * std::sqrt(15));
  EXPECT_LT(std::fabs(sum[4] / kCount - 3), deviation * std::sqrt(96));
  EXPECT_LT(std::fabs(neighbours / kCount), deviation);
  EXPECT_LT(std::fabs(double(beyond) / kCount - 0.0455), deviation * 0.21);
  EXPECT_NE(normal(streamOf("a"), 0, 7), normal(streamOf("b"), 0, 7));
  EXPECT_NE(normal(streamOf("a"), 0, 7), normal(streamOf("a"), 1, 7));
}
