//===- Slivers.cpp - Operands of a product as its inner loops read them ---===//

#include "Slivers.h"

#include "colossal/Run/NarrowRows.h"

#include <cstring>

namespace colossal::rank {

typedef float Four __attribute__((vector_size(16)));

void packSliver(float *to, int64_t width, const float *from, int64_t rows,
                int64_t depth, int64_t row, int64_t step) {
  if (rows < width)
    for (int64_t i = 0; i < depth; ++i)
      for (int64_t r = rows; r < width; ++r)
        to[i * width + r] = 0;
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
  // Four by four, transposed in registers.
  if (step == 1)
    for (; r + 4 <= rows; r += 4) {
      const float *s = from + r * row;
      int64_t i = 0;
      for (; i + 4 <= depth; i += 4) {
        Four a, b, c, d;
        memcpy(&a, s + i, sizeof(a));
        memcpy(&b, s + i + row, sizeof(b));
        memcpy(&c, s + i + 2 * row, sizeof(c));
        memcpy(&d, s + i + 3 * row, sizeof(d));
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
      for (; i < depth; ++i)
        for (int64_t j = 0; j < 4; ++j)
          to[i * width + r + j] = s[i + j * row];
    }
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

} // namespace colossal::rank
