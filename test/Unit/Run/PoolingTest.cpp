//===- PoolingTest.cpp - Pools against loops over all elements ------------===//

#include "Colossal/Ops/Pooling/Run/Call.h"
#include "Engine.h"
#include "OneRank.h"
#include "ProgramBuilder.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

using namespace colossal::rank;
using namespace colossal::rank::test;

namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN(),
                kInfinity = std::numeric_limits<float>::infinity();

/// Many equal ones.
float value(int64_t i) { return float((i * 7919 + 3) % 11) - 5.0f; }
float gradient(int64_t i) { return float(std::sin(0.37 * double(i) + 1)); }

int64_t inputsOf(const Pool &pool) {
  int64_t count = 1;
  for (const PoolDim &dim : pool.dims)
    count *= dim.input;
  return count;
}
int64_t outputsOf(const Pool &pool) {
  int64_t count = 1;
  for (const PoolDim &dim : pool.dims)
    count *= dim.output;
  return count;
}
int64_t imagesOf(const Pool &pool) {
  int64_t count = 1;
  for (int64_t extent : pool.batch)
    count *= extent;
  return count;
}

/// The elements of one window, in order, and what an average divides by.
struct Elements {
  std::vector<int64_t> numbers;
  double divisor = 1;
};
Elements elementsOf(const Pool &pool, int64_t output) {
  Elements all;
  all.numbers = {0};
  std::vector<int64_t> at(pool.dims.size());
  for (size_t d = pool.dims.size(); d-- > 0; output /= pool.dims[d].output)
    at[d] = output % pool.dims[d].output;
  for (size_t d = 0; d < pool.dims.size(); ++d) {
    const PoolDim &dim = pool.dims[d];
    std::vector<int64_t> own, finer;
    int64_t padded = 0;
    if (dim.kernel == 0) {
      for (int64_t i = 0; i < dim.input; ++i)
        if ((i + 1) * dim.output > at[d] * dim.input &&
            i * dim.output < (at[d] + 1) * dim.input)
          own.push_back(i);
      padded = int64_t(own.size());
    }
    for (int64_t k = 0; k < dim.kernel; ++k) {
      int64_t i = at[d] * dim.stride - dim.padding + k * dim.dilation;
      padded += i < dim.input + dim.padding;
      if (i >= 0 && i < dim.input)
        own.push_back(i);
    }
    all.divisor *= double(pool.countPadding ? padded : int64_t(own.size()));
    for (int64_t outer : all.numbers)
      for (int64_t i : own)
        finer.push_back(outer * dim.input + i);
    all.numbers = finer;
  }
  if (pool.divisor)
    all.divisor = double(pool.divisor);
  return all;
}

/// y, or dx, of images that lie one behind the other.
std::vector<double> expected(const Pool &pool, const std::vector<float> &x,
                             const std::vector<float> &dy) {
  int64_t inputs = inputsOf(pool), outputs = outputsOf(pool);
  std::vector<double> result(
      size_t(imagesOf(pool) * (pool.backward ? inputs : outputs)), 0.0);
  for (int64_t image = 0; image < imagesOf(pool); ++image)
    for (int64_t o = 0; o < outputs; ++o) {
      Elements window = elementsOf(pool, o);
      int64_t best = -1;
      double sum = 0;
      for (int64_t number : window.numbers) {
        int64_t i = image * inputs + number;
        sum += x[size_t(i)];
        // The first of equals, the last NaN.
        if (best < 0 || x[size_t(i)] > x[size_t(best)] ||
            std::isnan(x[size_t(i)]))
          best = i;
        if (pool.backward && !pool.max)
          result[size_t(i)] += dy[size_t(image * outputs + o)] / window.divisor;
      }
      if (pool.backward && pool.max && best >= 0)
        result[size_t(best)] += dy[size_t(image * outputs + o)];
      if (pool.backward)
        continue;
      bool empty = window.numbers.empty();
      result[size_t(image * outputs + o)] =
          pool.max ? (empty ? -kInfinity : x[size_t(best)])
                   : (empty ? 0.0 : sum / window.divisor);
    }
  return result;
}

/// Where element `i` of [batch..., positions...] is if the last batch extent is
/// innermost in memory.
int64_t placeOf(const Pool &pool, bool lanes, int64_t points, int64_t i) {
  if (!lanes)
    return i;
  int64_t channels = pool.batch.back(), image = i / points;
  return (image / channels * points + i % points) * channels + image % channels;
}

/// Elements per step of batch and positions.
std::vector<int64_t> stridesOf(const Pool &pool, bool lanes, bool ofOutput) {
  std::vector<int64_t> strides(pool.batch.size() + pool.dims.size());
  int64_t step = lanes ? pool.batch.back() : 1;
  for (size_t d = pool.dims.size(); d-- > 0;) {
    strides[pool.batch.size() + d] = step;
    step *= ofOutput ? pool.dims[d].output : pool.dims[d].input;
  }
  for (size_t b = pool.batch.size(); b-- > 0;) {
    if (lanes && b + 1 == pool.batch.size()) {
      strides[b] = 1;
      continue;
    }
    strides[b] = step;
    step *= pool.batch[b];
  }
  return strides;
}

/// One call, the result as [batch..., positions...].
std::vector<float> execute(Pool pool, bool lanes, const std::vector<float> &x,
                           const std::vector<float> &dy, int threads) {
  struct Operand {
    const std::vector<float> *values; ///< null: the result
    bool ofOutput;
  };
  std::vector<Operand> operands;
  if (pool.max || !pool.backward)
    operands.push_back({&x, false});
  if (pool.backward)
    operands.push_back({&dy, true});
  operands.push_back({nullptr, !pool.backward});
  ProgramBuilder b({});
  std::vector<int64_t> ids;
  for (const Operand &operand : operands) {
    int64_t elements =
        imagesOf(pool) * (operand.ofOutput ? outputsOf(pool) : inputsOf(pool));
    std::string name = "t" + std::to_string(ids.size());
    ids.push_back(operand.values ? b.state(name, {b.cut(elements)})
                                 : b.buffer(name, elements));
    pool.strides.push_back(stridesOf(pool, lanes, operand.ofOutput));
  }
  b.segment("forward");
  Op &op = b.op(OpKind::Library, "pool", ids, 1);
  op.library = callOf(pool);
  b.schedule("forward");
  std::unique_ptr<Engine> engine = engineOf(b.program, threads);
  for (size_t i = 0; i + 1 < operands.size(); ++i) {
    float *data = dataOf(*engine, ids[i]);
    int64_t points = operands[i].ofOutput ? outputsOf(pool) : inputsOf(pool);
    for (size_t j = 0; j < operands[i].values->size(); ++j)
      data[placeOf(pool, lanes, points, int64_t(j))] = (*operands[i].values)[j];
  }
  runStepWithoutAllocating(*engine);
  int64_t points = pool.backward ? inputsOf(pool) : outputsOf(pool);
  float *data = dataOf(*engine, ids.back());
  std::vector<float> found(size_t(imagesOf(pool) * points));
  for (size_t i = 0; i < found.size(); ++i)
    found[i] = data[placeOf(pool, lanes, points, int64_t(i))];
  return found;
}

void check(Pool pool, const std::vector<float> &x) {
  std::vector<float> dy;
  for (int64_t i = 0; i < imagesOf(pool) * outputsOf(pool); ++i)
    dy.push_back(gradient(i));
  for (bool max : {false, true})
    for (bool backward : {false, true})
      for (bool lanes : {false, true}) {
        SCOPED_TRACE(testing::Message() << (max ? "maximum" : "average")
                                        << (backward ? ", backward" : "")
                                        << (lanes ? ", channels last" : ""));
        pool.max = max;
        pool.backward = backward;
        std::vector<double> want = expected(pool, x, dy);
        std::vector<float> found = execute(pool, lanes, x, dy, 1);
        ASSERT_EQ(found.size(), want.size());
        for (size_t i = 0; i < found.size(); ++i) {
          if (std::isnan(want[i]) || std::isinf(want[i]))
            ASSERT_TRUE(std::isnan(want[i]) ? std::isnan(found[i])
                                            : found[i] == float(want[i]))
                << "element " << i << ": " << found[i] << ", " << want[i];
          else
            ASSERT_NEAR(found[i], want[i], 1e-6 * (1 + std::fabs(want[i])))
                << "element " << i;
        }
        for (int threads : {2, 3}) {
          std::vector<float> again = execute(pool, lanes, x, dy, threads);
          for (size_t i = 0; i < found.size(); ++i)
            ASSERT_TRUE(again[i] == found[i] ||
                        (std::isnan(again[i]) && std::isnan(found[i])))
                << threads << " threads, element " << i;
        }
      }
}

Pool poolOf(std::vector<int64_t> batch, std::vector<PoolDim> dims) {
  Pool pool;
  pool.batch = std::move(batch);
  pool.dims = std::move(dims);
  return pool;
}

TEST(Pooling, ForwardAndBackward) {
  // Per dimension: input, output, kernel (0: adaptive), stride, padding,
  // dilation.
  const Pool pools[] = {
      poolOf({1}, {{1, 1, 1, 1, 0, 1}}),
      poolOf({2, 3}, {{9, 4, 2, 2, 0, 1}}),
      // Windows that overlap, padding; as in residual networks.
      poolOf({2, 5}, {{9, 5, 3, 2, 1, 1}, {8, 4, 3, 2, 1, 1}}),
      // Windows that leave gaps; the last reaches beyond the end.
      poolOf({3, 2}, {{10, 4, 2, 3, 0, 1}, {7, 4, 3, 2, 0, 1}}),
      // Holes in windows, some windows without an element.
      poolOf({2, 2}, {{5, 3, 3, 1, 2, 2}, {2, 2, 2, 1, 1, 2}}),
      // More channels than one thread takes at a time, with a rest.
      poolOf({1, 70}, {{6, 3, 2, 2, 0, 1}, {5, 5, 3, 1, 1, 1}}),
      poolOf({2, 3},
             {{4, 2, 2, 2, 0, 1}, {5, 3, 3, 2, 1, 1}, {6, 3, 2, 2, 0, 1}}),
      // Adaptive: less than the input, one, more than the input.
      poolOf({2, 3}, {{7, 3, 0, 1, 0, 1}, {5, 1, 0, 1, 0, 1}}),
      poolOf({2, 3}, {{3, 5, 0, 1, 0, 1}}),
  };
  for (Pool pool : pools) {
    SCOPED_TRACE(testing::Message()
                 << pool.dims.size() << " dimensions, first of "
                 << pool.dims[0].input << " with a window of "
                 << pool.dims[0].kernel);
    std::vector<float> x;
    for (int64_t i = 0; i < imagesOf(pool) * inputsOf(pool); ++i)
      x.push_back(value(i));
    check(pool, x);
    pool.countPadding = true;
    check(pool, x);
    pool.divisor = 3;
    check(pool, x);
  }
}

TEST(Pooling, SpecialNumbers) {
  Pool pool = poolOf({2, 3}, {{6, 3, 3, 2, 1, 1}, {7, 4, 3, 2, 1, 1}});
  std::vector<float> x;
  const float special[] = {kNaN, kInfinity, -kInfinity, 0.0f, -0.0f, 1.0f};
  for (int64_t i = 0; i < imagesOf(pool) * inputsOf(pool); ++i)
    x.push_back(i % 3 ? value(i) : special[i * 31 % 6]);
  // Windows of nothing but -infinity have a maximum, too.
  for (size_t i = 0; i < 42; ++i)
    x[i] = -kInfinity;
  check(pool, x);
}

} // namespace
