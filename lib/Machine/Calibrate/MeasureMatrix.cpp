//===- MeasureMatrix.cpp - Rates of matrix products and attention ---------===//

#include "MatrixProduct.h"
#include "Measure.h"
#include "VectorMath.h"

#include <algorithm>
#include <memory>
#include <unistd.h>
#include <vector>

using namespace colossal::machine;

extern "C" void omp_set_num_threads(int);

namespace {
/// Operands in turn from a pool larger than the near caches: in a step every
/// product finds its weights and activations where others have been since.
class OperandPool {
public:
  OperandPool() : data(size_t(poolElements), 0.5f) {}

  float *next(int64_t elements) {
    if (position + elements > poolElements)
      position = 0;
    float *result = data.data() + position;
    position += (elements + 15) / 16 * 16;
    return result;
  }

private:
  static constexpr int64_t poolElements = 6 << 20; // 24 MiB
  std::vector<float> data;
  int64_t position = 0;
};
} // namespace

static double measureProduct(Together &together, OperandPool &pool,
                             const MatrixProduct::Sizes &sizes) {
  MatrixProduct product(sizes);
  if (!product.isValid())
    _exit(1);
  return together.measure(together.ranks(), [&] {
    const float *a = pool.next(sizes.m * sizes.k);
    const float *b = pool.next(sizes.k * sizes.n);
    product.run(a, b, pool.next(sizes.m * sizes.n));
  });
}

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

COLOSSAL_VECTORIZED
static void softmaxRow(float *__restrict row, int64_t count) {
  float maximum = row[0];
  for (int64_t i = 1; i < count; ++i)
    maximum = row[i] > maximum ? row[i] : maximum;
  for (int64_t i = 0; i < count; ++i)
    row[i] = fastExp(0.125f * (row[i] - maximum));
  float lanes[16] = {};
  for (int64_t i = 0; i + 16 <= count; i += 16)
    for (int64_t lane = 0; lane < 16; ++lane)
      lanes[lane] += row[i + lane];
  float sum = 0.0f;
  for (float lane : lanes)
    sum += lane;
  for (int64_t i = 0; i < count; ++i)
    row[i] *= 1.0f / sum;
}

/// ds = p (dp - sum(p dp)), the derivative of softmax, row by row.
COLOSSAL_VECTORIZED
static void softmaxDerivativeRow(float *__restrict dp,
                                 const float *__restrict p, int64_t count) {
  float lanes[16] = {};
  for (int64_t i = 0; i + 16 <= count; i += 16)
    for (int64_t lane = 0; lane < 16; ++lane)
      lanes[lane] += p[i + lane] * dp[i + lane];
  float sum = 0.0f;
  for (float lane : lanes)
    sum += lane;
  for (int64_t i = 0; i < count; ++i)
    dp[i] = p[i] * (dp[i] - sum);
}

namespace {
/// One thread's attention: a (batch, head) pair at a time, scores in full.
class AttentionHead {
public:
  bool isValid() const {
    return scores.isValid() && weighted.isValid() && transposed.isValid();
  }

  void forward() {
    const float *q = pool.next(part), *k = pool.next(part);
    probabilities(q, k);
    const float *v = pool.next(part);
    weighted.run(p.data(), v, pool.next(part));
  }

  /// Recompute p; dv = p' dout, dp = dout v', ds, dq = ds k, dk = ds' q.
  void backward() {
    const float *q = pool.next(part), *k = pool.next(part),
                *v = pool.next(part), *dout = pool.next(part);
    probabilities(q, k);
    transposed.run(p.data(), dout, pool.next(part));
    scores.run(dout, v, dp.data());
    for (int64_t row = 0; row < length; ++row)
      softmaxDerivativeRow(dp.data() + row * length, p.data() + row * length,
                           length);
    weighted.run(dp.data(), k, pool.next(part));
    transposed.run(dp.data(), q, pool.next(part));
  }

  /// Of forward.
  static constexpr double flops() { return 4.0 * length * length * features; }

private:
  static constexpr int64_t length = 256, features = 64;
  static constexpr int64_t part = length * features;

  void probabilities(const float *q, const float *k) {
    scores.run(q, k, p.data());
    for (int64_t row = 0; row < length; ++row)
      softmaxRow(p.data() + row * length, length);
  }

  OperandPool pool;
  MatrixProduct scores{{length, length, features, false, true}};
  MatrixProduct weighted{{length, features, length, false, false}};
  MatrixProduct transposed{{length, features, length, true, false}};
  std::vector<float> p = std::vector<float>(size_t(length * length)), dp = p;
};
} // namespace

static void measureAttention(Together &together, MatrixMeasurement &result) {
  int64_t threads = together.threads();
  // Made on their threads: inside a team a product takes one thread.
  std::vector<std::unique_ptr<AttentionHead>> heads{size_t(threads)};
  onThreads(threads, [&](int64_t thread) {
    heads[size_t(thread)] = std::make_unique<AttentionHead>();
  });
  for (const auto &head : heads)
    if (!head->isValid())
      _exit(1);
  double flops = AttentionHead::flops() * double(threads);
  double forwardNs = together.measure(together.ranks(), [&] {
    onThreads(threads,
              [&](int64_t thread) { heads[size_t(thread)]->forward(); });
  });
  double backwardNs = together.measure(together.ranks(), [&] {
    onThreads(threads,
              [&](int64_t thread) { heads[size_t(thread)]->backward(); });
  });
  result.attentionForward = flops / forwardNs * 1e9;
  result.attentionBackward = 2.5 * flops / backwardNs * 1e9;
}

MatrixMeasurement colossal::machine::measureMatrix(Together &together) {
  omp_set_num_threads(int(together.threads())); // oneDNN's threads too
  OperandPool pool;
  MatrixMeasurement result;
  measureAttention(together, result);
  result.smallCallNs = measureProduct(together, pool, {8, 8, 8});
  for (int64_t dimension : {8, 16, 32, 64, 128, 256, 512}) {
    // The small dimension in each place, with the transposes of forward,
    // gradient of the input and gradient of the weight.
    int64_t large = std::max<int64_t>(dimension, 512);
    const MatrixProduct::Sizes shapes[] = {
        {dimension, large, large, false, false},
        {large, dimension, large, false, true},
        {large, large, dimension, true, false}};
    double flops = 0.0, ns = 0.0;
    for (const MatrixProduct::Sizes &sizes : shapes) {
      flops += sizes.flops();
      ns += std::max(measureProduct(together, pool, sizes) - result.smallCallNs,
                     1.0);
    }
    result.dimension[result.count] = dimension;
    result.flopsPerSecond[result.count] = flops / ns * 1e9;
    ++result.count;
  }
  return result;
}
