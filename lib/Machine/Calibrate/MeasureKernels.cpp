//===- MeasureKernels.cpp - Streaming, elementwise work, kernel starts ----===//

#include "HugePages.h"
#include "Measure.h"
#include "VectorMath.h"

#include <algorithm>
#include <functional>
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
      : piece(std::clamp<int64_t>(bytes / 12 / 64 * 64, 64, largestPiece)),
        count(std::max<int64_t>(bytes / 12 / piece * piece, piece)),
        a(count, 1.0f), b(count, 2.0f), result(count, 0.0f) {}

  void addPiece() {
    addArrays(result.data() + position, a.data() + position,
              b.data() + position, piece);
    position = position + piece == count ? 0 : position + piece;
  }

  int64_t pieceSize() const { return piece; }

  static constexpr int64_t largestPiece = 32768;

private:
  int64_t piece, count, position = 0;
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
  int64_t piece = arrays.empty() ? Arrays::largestPiece : arrays[0].pieceSize();
  // A call takes longer than its start.
  int64_t pieces = 8 * Arrays::largestPiece / piece;
  double ns = together.measure(active, [&] {
    onThreads(threads, [&](int64_t thread) {
      for (int64_t i = 0; i < pieces; ++i)
        arrays[size_t(thread)].addPiece();
    });
  });
  return 12.0 * double(piece * pieces * threads) / ns * 1e9;
}

StreamingMeasurement colossal::machine::measureStreaming(Together &together,
                                                         int64_t bytes) {
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
  return result;
}

CacheMeasurement
colossal::machine::measureCaches(Together &together,
                                 const std::vector<int64_t> &sizes) {
  CacheMeasurement result;
  for (int64_t bytes : sizes) {
    result.bytes[result.count] = bytes;
    result.bytesPerSecond[result.count] =
        stream(together, together.independentRanks(), bytes);
    ++result.count;
  }
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

/// Elements per second of one rank, where `work(thread, place)` does `piece`
/// elements of the `count` that each thread has.
static double elementRate(Together &together, int64_t piece, int64_t count,
                          const std::function<void(int64_t, int64_t)> &work) {
  int64_t threads = together.threads();
  int64_t repeats = 65536 / piece; // a call takes longer than its start
  std::vector<int64_t> places(size_t(threads), 0);
  double ns = together.measure(together.independentRanks(), [&] {
    onThreads(threads, [&](int64_t thread) {
      int64_t &place = places[size_t(thread)];
      for (int64_t i = 0; i < repeats; ++i) {
        work(thread, place);
        place = place + piece == count ? 0 : place + piece;
      }
    });
  });
  return double(piece * repeats * threads) / ns * 1e9;
}

double colossal::machine::measureElementwise(Together &together) {
  constexpr int64_t count = 4096; // both arrays in the first cache
  std::vector<std::vector<float>> x(size_t(together.threads()),
                                    std::vector<float>(size_t(count), 0.5f)),
      y = x;
  return flopsOfGelu *
         elementRate(together, count, count, [&](int64_t thread, int64_t) {
           gelu(y[size_t(thread)].data(), x[size_t(thread)].data(), count);
         });
}

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

/// Shaped like a norm's gradient and the GELU before it: a sum over the row,
/// and only then the arithmetic; three arrays are read, two written.
COLOSSAL_VECTORIZED
static void rowKernel(float *__restrict first, float *__restrict second,
                      const float *__restrict x, const float *__restrict y,
                      const float *__restrict z, int64_t count) {
  constexpr int64_t lanes = 64;
  float parts[lanes] = {};
  for (int64_t i = 0; i + lanes <= count; i += lanes)
    for (int64_t lane = 0; lane < lanes; ++lane)
      parts[lane] += x[i + lane] * y[i + lane];
  float mean = 0.0f;
  for (float part : parts)
    mean += part / float(count);
  for (int64_t i = 0; i < count; ++i) {
    float v = x[i] - mean * y[i];
    float inner = 0.7978845608f * (v + 0.044715f * v * v * v);
    float tanh = 1.0f - 2.0f / (fastExp(2.0f * inner) + 1.0f);
    first[i] = v;
    second[i] = 0.5f * v * (1.0f + tanh) + z[i];
  }
}

/// `count`: of each array of a thread.
static double rowsRate(Together &together, int64_t count) {
  constexpr int64_t row = 1024, streams = 5;
  count = std::max(count / row * row, row);
  std::vector<HugePages> arrays;
  if (together.rank() < together.independentRanks())
    for (int64_t i = 0; i < streams * together.threads(); ++i)
      arrays.emplace_back(count, 0.5f);
  double rate =
      elementRate(together, row, count, [&](int64_t thread, int64_t place) {
        HugePages *own = &arrays[size_t(thread * streams)];
        rowKernel(own[0].data() + place, own[1].data() + place,
                  own[2].data() + place, own[3].data() + place,
                  own[4].data() + place, row);
      });
  return 4.0 * double(streams) * rate;
}

RowsMeasurement colossal::machine::measureRows(Together &together,
                                               int64_t bytes) {
  return {rowsRate(together, 0),
          rowsRate(together, bytes / together.threads() / 20)};
}

double colossal::machine::measureForkJoin(Together &together) {
  return together.measure(
      together.ranks(), [&] { onThreads(together.threads(), [](int64_t) {}); });
}
