//===- Routine.cpp - Pools over rows of the batch -------------------------===//

#include "Routine.h"

#include "Lines.h"

#include <cmath>
#include <cstring>

namespace colossal::rank {

/// Lanes that one thread takes at a time.
static constexpr int64_t kChunk = 64;

PoolRoutine::PoolRoutine(const Pool &given, const Threads &threads)
    : pool(given), threads(threads) {
  size_t count = pool.dims.size(), batch = pool.batch.size();
  for (size_t d = 0; d < count; ++d)
    dims[3 - count + d] = pool.dims[d];
  for (size_t t = 0; t < pool.strides.size(); ++t)
    for (size_t d = 0; d < count; ++d)
      strides[t][3 - count + d] = pool.strides[t][batch + d];
  for (size_t d = 0; d < 3; ++d)
    for (int64_t o = 0; o < dims[d].output; ++o)
      windows[d].push_back(windowOf(dims[d], o));
  // Channels that are innermost.
  bool inner = batch > 0 && pool.batch.back() > 1;
  for (const std::vector<int64_t> &own : pool.strides)
    inner = inner && own[batch - 1] == 1;
  if (inner) {
    lanes = pool.batch.back();
    pool.batch.pop_back();
    chunks = (lanes + kChunk - 1) / kChunk;
  }
  units = chunks;
  for (int64_t extent : pool.batch)
    units *= extent;
  // A line, its numbers of rows, a line without gaps; or places of lanes.
  line = (dims[2].input + 15) / 16 * 16;
  threadBytes = lanes ? kChunk * 12 : line * 12;
}

float PoolRoutine::divisorOf(int64_t outer, int64_t middle,
                             int64_t inner) const {
  if (pool.divisor != 0)
    return float(pool.divisor);
  auto of = [&](const PoolWindow &window) {
    return double(pool.countPadding ? window.padded : window.size());
  };
  return float(of(windows[0][size_t(outer)]) * of(windows[1][size_t(middle)]) *
               of(windows[2][size_t(inner)]));
}

float *PoolRoutine::lineOf(const Image &image, const Rows &rows, int64_t row) {
  int64_t per = rows.middle->size();
  int64_t outer = rows.outer->begin + row / per * rows.outer->step,
          middle = rows.middle->begin + row % per * rows.middle->step;
  return image.data + outer * image.strides[0] + middle * image.strides[1];
}

const float *PoolRoutine::denseLine(const Piece &piece, const Rows &rows,
                                    int64_t row, float *place) const {
  const float *from = lineOf(piece.x, rows, row);
  int64_t stride = piece.x.strides[2];
  if (stride == 1)
    return from;
  for (int64_t w = 0; w < dims[2].input; ++w)
    place[w] = from[w * stride];
  return place;
}

template <class Combine>
void PoolRoutine::combineRows(const Piece &piece, const Rows &rows, float *into,
                              float *dense, Combine &&combine) const {
  for (int64_t row = 0, count = rows.count(); row < count; ++row) {
    const float *x = denseLine(piece, rows, row, dense);
    if (row == 0)
      memcpy(into, x, size_t(dims[2].input) * sizeof(float));
    else
      combine(into, x, dims[2].input);
  }
}

/// visit(outer, middle, rows) for every row of windows.
template <class F> void PoolRoutine::forEachRow(F &&visit) const {
  for (int64_t outer = 0; outer < dims[0].output; ++outer)
    for (int64_t middle = 0; middle < dims[1].output; ++middle)
      visit(outer, middle,
            Rows{&windows[0][size_t(outer)], &windows[1][size_t(middle)]});
}

void PoolRoutine::clear(const Image &image, int64_t count) const {
  for (int64_t d = 0; d < dims[0].input; ++d)
    for (int64_t h = 0; h < dims[1].input; ++h) {
      float *to = image.data + d * image.strides[0] + h * image.strides[1];
      if (image.strides[2] == 1 && count == 1) {
        memset(to, 0, size_t(dims[2].input) * sizeof(float));
        continue;
      }
      for (int64_t w = 0; w < dims[2].input; ++w)
        memset(to + w * image.strides[2], 0, size_t(count) * sizeof(float));
    }
}

//===----------------------------------------------------------------------===//
// Along lines
//===----------------------------------------------------------------------===//

void PoolRoutine::maximumForward(const Piece &piece) const {
  float *largest = reinterpret_cast<float *>(piece.scratch);
  float *dense = largest + 2 * line;
  forEachRow([&](int64_t outer, int64_t middle, const Rows &rows) {
    int64_t count = rows.count();
    combineRows(piece, rows, largest, dense, maximumLine);
    float *y =
        piece.y.data + outer * piece.y.strides[0] + middle * piece.y.strides[1];
    for (const PoolWindow &window : windows[2]) {
      float best = -INFINITY;
      if (count > 0)
        for (int64_t w = window.begin; w < window.end; w += window.step)
          best = takesPlace(largest[w], best) ? largest[w] : best;
      *y = best;
      y += piece.y.strides[2];
    }
  });
}

void PoolRoutine::averageForward(const Piece &piece) const {
  float *sum = reinterpret_cast<float *>(piece.scratch);
  float *dense = sum + 2 * line;
  forEachRow([&](int64_t outer, int64_t middle, const Rows &rows) {
    int64_t count = rows.count();
    combineRows(piece, rows, sum, dense, addLine);
    float *y =
        piece.y.data + outer * piece.y.strides[0] + middle * piece.y.strides[1];
    for (int64_t o = 0; o < dims[2].output; ++o) {
      const PoolWindow &window = windows[2][size_t(o)];
      float total = 0;
      if (count > 0)
        for (int64_t w = window.begin; w < window.end; w += window.step)
          total += sum[w];
      bool empty = count == 0 || window.size() == 0;
      y[o * piece.y.strides[2]] =
          empty ? 0.0f : total / divisorOf(outer, middle, o);
    }
  });
}

void PoolRoutine::maximumBackward(const Piece &piece) const {
  float *largest = reinterpret_cast<float *>(piece.scratch);
  auto *rowOf = reinterpret_cast<int32_t *>(largest + line);
  float *dense = largest + 2 * line;
  clear(piece.dx, 1);
  forEachRow([&](int64_t outer, int64_t middle, const Rows &rows) {
    int64_t count = rows.count();
    if (count == 0)
      return;
    for (int64_t row = 0; row < count; ++row) {
      const float *x = denseLine(piece, rows, row, dense);
      if (row == 0) {
        memcpy(largest, x, size_t(dims[2].input) * sizeof(float));
        memset(rowOf, 0, size_t(dims[2].input) * sizeof(int32_t));
      } else {
        numberedMaximumLine(largest, rowOf, x, int32_t(row), dims[2].input);
      }
    }
    const float *dy =
        piece.y.data + outer * piece.y.strides[0] + middle * piece.y.strides[1];
    for (const PoolWindow &window : windows[2]) {
      // In the order of rows: the first of equals, the last NaN.
      int64_t best = -1;
      for (int64_t w = window.begin; w < window.end; w += window.step) {
        if (best < 0) {
          best = w;
          continue;
        }
        float value = largest[w], old = largest[best];
        bool takes =
            value > old || (value == old && rowOf[w] < rowOf[best]) ||
            (value != value && (old == old || rowOf[w] >= rowOf[best]));
        best = takes ? w : best;
      }
      if (best >= 0)
        lineOf(piece.dx, rows, rowOf[best])[best * piece.dx.strides[2]] += *dy;
      dy += piece.y.strides[2];
    }
  });
}

void PoolRoutine::averageBackward(const Piece &piece) const {
  float *gradient = reinterpret_cast<float *>(piece.scratch);
  int64_t stride = piece.dx.strides[2];
  clear(piece.dx, 1);
  forEachRow([&](int64_t outer, int64_t middle, const Rows &rows) {
    int64_t count = rows.count();
    if (count == 0)
      return;
    memset(gradient, 0, size_t(dims[2].input) * sizeof(float));
    const float *dy =
        piece.y.data + outer * piece.y.strides[0] + middle * piece.y.strides[1];
    for (int64_t o = 0; o < dims[2].output; ++o) {
      const PoolWindow &window = windows[2][size_t(o)];
      if (window.size() == 0)
        continue;
      float own = dy[o * piece.y.strides[2]] / divisorOf(outer, middle, o);
      for (int64_t w = window.begin; w < window.end; w += window.step)
        gradient[w] += own;
    }
    for (int64_t row = 0; row < count; ++row) {
      float *dx = lineOf(piece.dx, rows, row);
      if (stride == 1)
        addLine(dx, gradient, dims[2].input);
      else
        for (int64_t w = 0; w < dims[2].input; ++w)
          dx[w * stride] += gradient[w];
    }
  });
}

//===----------------------------------------------------------------------===//
// Along lanes
//===----------------------------------------------------------------------===//

void PoolRoutine::alongLanes(const Piece &piece) const {
  int64_t lanes = piece.lanes;
  float *largest = reinterpret_cast<float *>(piece.scratch);
  auto *places = reinterpret_cast<int32_t *>(largest + kChunk);
  if (pool.backward)
    clear(piece.dx, lanes);
  forEachRow([&](int64_t outer, int64_t middle, const Rows &rows) {
    for (int64_t o = 0; o < dims[2].output; ++o) {
      const PoolWindow &window = windows[2][size_t(o)];
      float *y = piece.y.data + outer * piece.y.strides[0] +
                 middle * piece.y.strides[1] + o * piece.y.strides[2];
      int64_t perRow = window.size(), count = rows.count() * perRow;
      auto element = [&](const Image &image, int64_t number) {
        int64_t w = window.begin + number % perRow * window.step;
        return lineOf(image, rows, number / perRow) + w * image.strides[2];
      };
      float divisor = divisorOf(outer, middle, o);
      if (count == 0 && !pool.backward)
        for (int64_t l = 0; l < lanes; ++l)
          y[l] = pool.max ? -INFINITY : 0.0f;
      if (count == 0)
        continue;
      if (!pool.max && pool.backward) {
        memcpy(largest, y, size_t(lanes) * sizeof(float));
        divideLine(largest, divisor, lanes);
        for (int64_t i = 0; i < count; ++i)
          addLine(element(piece.dx, i), largest, lanes);
        continue;
      }
      // Forward: the result itself gathers.
      float *gathered = pool.backward ? largest : y;
      memcpy(gathered, element(piece.x, 0), size_t(lanes) * sizeof(float));
      if (pool.backward)
        memset(places, 0, size_t(lanes) * sizeof(int32_t));
      for (int64_t i = 1; i < count; ++i) {
        const float *x = element(piece.x, i);
        if (!pool.max)
          addLine(gathered, x, lanes);
        else if (!pool.backward)
          maximumLine(gathered, x, lanes);
        else
          numberedMaximumLine(gathered, places, x, int32_t(i), lanes);
      }
      if (!pool.max)
        divideLine(y, divisor, lanes);
      else if (pool.backward)
        for (int64_t l = 0; l < lanes; ++l)
          element(piece.dx, places[l])[l] += y[l];
    }
  });
}

//===----------------------------------------------------------------------===//
// The call
//===----------------------------------------------------------------------===//

void PoolRoutine::run(char *const *operands, const int64_t *, size_t,
                      char *scratch) const {
  size_t count = pool.strides.size();
  // Numbers of x, y or dy, and dx; a piece without one has that of y there.
  size_t y = pool.backward ? count - 2 : 1,
         x = pool.max || !pool.backward ? 0 : y,
         dx = pool.backward ? count - 1 : y;
  threads.split(units, 1, [&](int thread, int64_t begin, int64_t end) {
    for (int64_t unit = begin; unit < end; ++unit) {
      int64_t rest = unit / chunks, lane = unit % chunks * kChunk;
      std::array<int64_t, kMostOperands> offsets;
      offsets.fill(lane);
      for (size_t b = pool.batch.size(); b-- > 0; rest /= pool.batch[b])
        for (size_t t = 0; t < count; ++t)
          offsets[t] += rest % pool.batch[b] * pool.strides[t][b];
      auto image = [&](size_t t) {
        return Image{reinterpret_cast<float *>(operands[t]) + offsets[t],
                     strides[t].data()};
      };
      Piece piece{image(x), image(y), image(dx), scratch + thread * threadBytes,
                  std::min(kChunk, lanes - lane)};
      if (lanes)
        alongLanes(piece);
      else if (pool.max)
        pool.backward ? maximumBackward(piece) : maximumForward(piece);
      else
        pool.backward ? averageBackward(piece) : averageForward(piece);
    }
  });
}

std::unique_ptr<LibraryRoutine> makePool(const Op &op, const Threads &threads,
                                         KernelFunction) {
  return std::make_unique<PoolRoutine>(poolOf(op.library), threads);
}

} // namespace colossal::rank
