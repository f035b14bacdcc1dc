//===- MeasureMatrix.cpp - Rates of matrix products and attention ---------===//

#include "HugePages.h"
#include "MatrixProduct.h"
#include "Measure.h"
#include "VectorMath.h"
#include "colossal/Support/CpuGeneration.h"

#include <algorithm>
#include <memory>
#include <vector>

using namespace colossal::machine;

extern "C" void omp_set_num_threads(int);

namespace {
/// Operands in turn from a pool larger than the near caches: in a step every
/// product finds its weights and activations where others have been since.
class OperandPool {
public:
  OperandPool() : memory(poolElements, 0.5f) {}

  float *next(int64_t elements) {
    if (position + elements > poolElements)
      position = 0;
    float *result = memory.data() + position;
    position += (elements + 15) / 16 * 16;
    return result;
  }

private:
  static constexpr int64_t poolElements = 6 << 20; // 24 MiB
  HugePages memory;
  int64_t position = 0;
};
} // namespace

static double measureProduct(Together &together, OperandPool &pool,
                             const MatrixProduct::Sizes &sizes) {
  MatrixProduct product(sizes, together.threads());
  return together.measure(together.independentRanks(), [&] {
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
/// One thread's causal attention: a (batch, head) pair at a time, in blocks of
/// queries against the keys that they may see.
class AttentionHead {
public:
  AttentionHead() {
    for (int64_t keys = rows; keys <= length; keys += rows)
      blocks.push_back({keys,
                        MatrixProduct({rows, keys, features, false, true}),
                        MatrixProduct({rows, features, keys, false, false}),
                        MatrixProduct({keys, features, rows, true, false})});
  }

  void forward() {
    const float *q = pool.next(part), *k = pool.next(part),
                *v = pool.next(part);
    float *out = pool.next(part);
    for (const Block &block : blocks) {
      probabilities(block, q, k);
      block.weighted.run(p.data(), v, out + block.offset());
    }
  }

  /// The probabilities again; dv = p' dout, dp = dout v', ds, dq = ds k,
  /// dk = ds' q.
  void backward() {
    const float *q = pool.next(part), *k = pool.next(part),
                *v = pool.next(part), *dout = pool.next(part);
    float *dq = pool.next(part), *dk = pool.next(part), *dv = pool.next(part);
    for (const Block &block : blocks) {
      probabilities(block, q, k);
      block.transposed.run(p.data(), dout + block.offset(), dv);
      block.scores.run(dout + block.offset(), v, dp.data());
      for (int64_t row = 0; row < rows; ++row)
        softmaxDerivativeRow(dp.data() + row * block.keys,
                             p.data() + row * block.keys, block.keys);
      block.weighted.run(dp.data(), k, dq + block.offset());
      block.transposed.run(dp.data(), q + block.offset(), dk);
    }
  }

  /// Of forward, as Cost counts them: half of all pairs.
  static constexpr double flops() { return 2.0 * length * length * features; }

private:
  static constexpr int64_t length = 256, features = 64, rows = 64;
  static constexpr int64_t part = length * features;

  struct Block {
    int64_t keys;
    MatrixProduct scores, weighted, transposed;
    /// Of its first query in an array of queries.
    int64_t offset() const { return (keys - rows) * features; }
  };

  void probabilities(const Block &block, const float *q, const float *k) {
    block.scores.run(q + block.offset(), k, p.data());
    for (int64_t row = 0; row < rows; ++row)
      softmaxRow(p.data() + row * block.keys, block.keys);
  }

  OperandPool pool;
  std::vector<Block> blocks;
  std::vector<float> p = std::vector<float>(size_t(rows * length)), dp = p;
};
} // namespace

static void measureAttention(Together &together, MatrixMeasurement &result) {
  int64_t threads = together.threads();
  // Made on their threads: inside a team a product takes one thread.
  std::vector<std::unique_ptr<AttentionHead>> heads{size_t(threads)};
  onThreads(threads, [&](int64_t thread) {
    heads[size_t(thread)] = std::make_unique<AttentionHead>();
  });
  double flops = AttentionHead::flops() * double(threads);
  double forwardNs = together.measure(together.independentRanks(), [&] {
    onThreads(threads,
              [&](int64_t thread) { heads[size_t(thread)]->forward(); });
  });
  double backwardNs = together.measure(together.independentRanks(), [&] {
    onThreads(threads,
              [&](int64_t thread) { heads[size_t(thread)]->backward(); });
  });
  result.attentionForward = flops / forwardNs * 1e9;
  result.attentionBackward = 2.5 * flops / backwardNs * 1e9;
}

MatrixMeasurement colossal::machine::measureMatrix(Together &together) {
  omp_set_num_threads(int(together.threads())); // the products' threads too
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
  if (colossal::computesBFloat16()) {
    MatrixProduct::Sizes sizes{512, 512, 512};
    sizes.isNarrow = true;
    double ns = measureProduct(together, pool, sizes) - result.smallCallNs;
    result.narrowFlopsPerSecond = sizes.flops() / std::max(ns, 1.0) * 1e9;
  }
  return result;
}
