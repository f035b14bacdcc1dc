//===- MeasureKernels.cpp - Streaming, elementwise work, kernel starts ----===//

#include "HugePages.h"
#include "Measure.h"
#include "VectorMath.h"

#include <algorithm>
#include <vector>

using namespace colossal::machine;

COLOSSAL_VECTORIZED
static void addArrays(float *__restrict result, const float *__restrict a,
                      const float *__restrict b, int64_t count) {
  for (int64_t i = 0; i < count; ++i)
    result[i] = a[i] + b[i];
}

namespace {
/// One thread's three arrays, walked a piece at a time.
class Arrays {
public:
  explicit Arrays(int64_t bytes)
      : count(std::max<int64_t>(bytes / 12 / piece * piece, piece)),
        a(count, 1.0f), b(count, 2.0f), result(count, 0.0f) {}

  void addPiece() {
    addArrays(result.data() + position, a.data() + position,
              b.data() + position, piece);
    position = position + piece == count ? 0 : position + piece;
  }

  static constexpr int64_t piece = 32768;
  static constexpr double bytesOfPiece = 12.0 * piece;

private:
  int64_t count, position = 0;
  HugePages a, b, result;
};
} // namespace

/// Bytes per second of one rank while `active` ranks stream over `bytes` each.
static double stream(Together &together, int64_t active, int64_t bytes) {
  int64_t threads = together.threads();
  std::vector<Arrays> arrays;
  if (together.rank() < active)
    for (int64_t thread = 0; thread < threads; ++thread)
      arrays.emplace_back(bytes / threads);
  constexpr int64_t pieces = 8; // a call takes longer than its start
  double ns = together.measure(active, [&] {
    onThreads(threads, [&](int64_t thread) {
      for (int64_t i = 0; i < pieces; ++i)
        arrays[size_t(thread)].addPiece();
    });
  });
  return Arrays::bytesOfPiece * double(pieces * threads) / ns * 1e9;
}

StreamingMeasurement colossal::machine::measureStreaming(Together &together,
                                                         int64_t bytes,
                                                         int64_t cacheBytes) {
  StreamingMeasurement result;
  int64_t most = together.independentRanks();
  for (int64_t active = 1; result.count < maximumPoints; active *= 2) {
    active = std::min(active, most);
    result.ranks[result.count] = active;
    result.bytesPerSecond[result.count] = stream(together, active, bytes);
    ++result.count;
    if (active == most)
      break;
  }
  result.cacheBytesPerSecond = stream(together, most, cacheBytes);
  return result;
}

//===----------------------------------------------------------------------===//
// Elementwise arithmetic
//===----------------------------------------------------------------------===//

/// GELU with tanh: x/2 (1 + tanh(0.8 (x + 0.04 x^3))): 8 flops and a tanh,
/// which counts 16.
constexpr double flopsOfGelu = 8.0 + 16.0;

COLOSSAL_VECTORIZED
static void gelu(float *__restrict result, const float *__restrict x,
                 int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    float v = x[i];
    float inner = 0.7978845608f * (v + 0.044715f * v * v * v);
    float tanh = 1.0f - 2.0f / (fastExp(2.0f * inner) + 1.0f);
    result[i] = 0.5f * v * (1.0f + tanh);
  }
}

double colossal::machine::measureElementwise(Together &together) {
  constexpr int64_t count = 4096; // both arrays in the first cache
  int64_t threads = together.threads();
  std::vector<std::vector<float>> x(size_t(threads),
                                    std::vector<float>(size_t(count), 0.5f)),
      y = x;
  constexpr int64_t repeats = 16;
  double ns = together.measure(together.independentRanks(), [&] {
    onThreads(threads, [&](int64_t thread) {
      for (int64_t i = 0; i < repeats; ++i)
        gelu(y[size_t(thread)].data(), x[size_t(thread)].data(), count);
    });
  });
  return flopsOfGelu * double(count * repeats * threads) / ns * 1e9;
}

double colossal::machine::measureForkJoin(Together &together) {
  return together.measure(
      together.ranks(), [&] { onThreads(together.threads(), [](int64_t) {}); });
}
