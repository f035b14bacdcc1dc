//===- Slivers.cpp - Operands of a product as its inner loops read them ---===//

#include "Slivers.h"

#include "colossal/Run/NarrowRows.h"

#include <cstring>

namespace colossal::rank {

typedef float Four __attribute__((vector_size(16)));

/// to[i * width + r] = word i of row r, of 4 bytes each; a row begins `pitch`
/// bytes behind the one before. Four by four, transposed in registers.
/// \returns the rows that are done, a multiple of four.
static int64_t transposeWords(float *to, int64_t width, const char *from,
                              int64_t rows, int64_t words, int64_t pitch) {
  int64_t r = 0;
  for (; r + 4 <= rows; r += 4) {
    const char *s = from + r * pitch;
    int64_t i = 0;
    for (; i + 4 <= words; i += 4) {
      Four a, b, c, d;
      memcpy(&a, s + i * 4, sizeof(a));
      memcpy(&b, s + i * 4 + pitch, sizeof(b));
      memcpy(&c, s + i * 4 + 2 * pitch, sizeof(c));
      memcpy(&d, s + i * 4 + 3 * pitch, sizeof(d));
      Four ab0 = __builtin_shufflevector(a, b, 0, 4, 1, 5);
      Four ab1 = __builtin_shufflevector(a, b, 2, 6, 3, 7);
      Four cd0 = __builtin_shufflevector(c, d, 0, 4, 1, 5);
      Four cd1 = __builtin_shufflevector(c, d, 2, 6, 3, 7);
      a = __builtin_shufflevector(ab0, cd0, 0, 1, 4, 5);
      b = __builtin_shufflevector(ab0, cd0, 2, 3, 6, 7);
      c = __builtin_shufflevector(ab1, cd1, 0, 1, 4, 5);
      d = __builtin_shufflevector(ab1, cd1, 2, 3, 6, 7);
      float *t = to + i * width + r;
      memcpy(t, &a, sizeof(a));
      memcpy(t + width, &b, sizeof(b));
      memcpy(t + 2 * width, &c, sizeof(c));
      memcpy(t + 3 * width, &d, sizeof(d));
    }
    for (; i < words; ++i)
      for (int64_t j = 0; j < 4; ++j)
        memcpy(to + i * width + r + j, s + i * 4 + j * pitch, 4);
  }
  return r;
}

static void clear(float *to, int64_t width, int64_t rows, int64_t depth) {
  if (rows < width)
    for (int64_t i = 0; i < depth; ++i)
      for (int64_t r = rows; r < width; ++r)
        to[i * width + r] = 0;
}

void packSliver(float *to, int64_t width, const float *from, int64_t rows,
                int64_t depth, int64_t row, int64_t step) {
  clear(to, width, rows, depth);
  if (row == 1) {
    if (rows == 16)
      for (int64_t i = 0; i < depth; ++i)
        memcpy(to + i * width, from + i * step, 16 * sizeof(float));
    else if (rows == 32)
      for (int64_t i = 0; i < depth; ++i)
        memcpy(to + i * width, from + i * step, 32 * sizeof(float));
    else
      for (int64_t i = 0; i < depth; ++i)
        for (int64_t r = 0; r < rows; ++r)
          to[i * width + r] = from[i * step + r];
    return;
  }
  int64_t r = 0;
  if (step == 1)
    r = transposeWords(to, width, reinterpret_cast<const char *>(from), rows,
                       depth, row * int64_t(sizeof(float)));
  for (; r < rows; ++r)
    for (int64_t i = 0; i < depth; ++i)
      to[i * width + r] = from[r * row + i * step];
}

/// By way of the same rows in f32, on the stack.
template <class Narrow>
static void packNarrow(float *to, int64_t width, const Narrow *from,
                       int64_t rows, int64_t depth, int64_t row, int64_t step) {
  float wide[kMostTileColumns * kDepth];
  if (step == 1) {
    for (int64_t r = 0; r < rows; ++r)
      widenRow(wide + r * depth, from + r * row, depth);
    return packSliver(to, width, wide, rows, depth, depth, 1);
  }
  for (int64_t i = 0; i < depth; ++i)
    if (row == 1)
      widenRow(wide + i * rows, from + i * step, rows);
    else
      for (int64_t r = 0; r < rows; ++r)
        wide[i * rows + r] = from[i * step + r * row];
  packSliver(to, width, wide, rows, depth, 1, rows);
}

void packSliver(float *to, int64_t width, const BFloat16 *from, int64_t rows,
                int64_t depth, int64_t row, int64_t step) {
  packNarrow(to, width, from, rows, depth, row, step);
}

void packSliver(float *to, int64_t width, const Float16 *from, int64_t rows,
                int64_t depth, int64_t row, int64_t step) {
  packNarrow(to, width, from, rows, depth, row, step);
}

/// to[r] = the pair of first[r] and second[r].
static void interleave(float *to, const BFloat16 *first, const BFloat16 *second,
                       int64_t count) {
  auto pair = [&](int64_t r) {
    uint32_t bits = first[r].bits | uint32_t(second[r].bits) << 16;
    memcpy(to + r, &bits, sizeof(bits));
  };
  // So many are columns of a full tile.
  if (count == 32)
    for (int64_t r = 0; r < 32; ++r)
      pair(r);
  else
    for (int64_t r = 0; r < count; ++r)
      pair(r);
}

void packPairs(float *to, int64_t width, const BFloat16 *from, int64_t rows,
               int64_t depth, int64_t row, int64_t step) {
  int64_t pairs = depth / 2;
  clear(to, width, rows, (depth + 1) / 2);
  static const BFloat16 zeros[kMostTileColumns];
  if (row == 1) {
    for (int64_t i = 0; i < pairs; ++i)
      interleave(to + i * width, from + 2 * i * step, from + (2 * i + 1) * step,
                 rows);
    if (depth % 2)
      interleave(to + pairs * width, from + 2 * pairs * step, zeros, rows);
    return;
  }
  int64_t r = 0;
  if (step == 1)
    r = transposeWords(to, width, reinterpret_cast<const char *>(from), rows,
                       pairs, row * int64_t(sizeof(BFloat16)));
  for (int64_t other = r; other < rows; ++other)
    for (int64_t i = 0; i < pairs; ++i) {
      const BFloat16 *pair = from + other * row + 2 * i * step;
      interleave(to + i * width + other, pair, pair + step, 1);
    }
  if (depth % 2)
    for (r = 0; r < rows; ++r)
      interleave(to + pairs * width + r, from + r * row + (depth - 1) * step,
                 zeros, 1);
}

} // namespace colossal::rank
