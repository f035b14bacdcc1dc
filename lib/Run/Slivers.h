//===- Slivers.h - Operands of a product as its inner loops read them -*- C++
//-*-===//
//
// A sliver is some rows of A (or columns of B) over a piece of k, element by
// element of k: to[i * width + r]. Operands of 16 bits become f32 here, so the
// inner loops are those of f32; or pairs of bf16, for CPUs that multiply them.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_LIB_RUN_SLIVERS_H
#define COLOSSAL_LIB_RUN_SLIVERS_H

#include "TileKernel.h"
#include "colossal/Support/NarrowFloats.h"

namespace colossal::rank {

/// Elements of k in a piece.
constexpr int64_t kDepth = 512;

/// to[i * width + r] = from[r * row + i * step], zeros from `rows` to `width`.
void packSliver(float *to, int64_t width, const float *from, int64_t rows,
                int64_t depth, int64_t row, int64_t step);
/// \pre rows are at most kMostTileColumns, depth at most kDepth.
void packSliver(float *to, int64_t width, const BFloat16 *from, int64_t rows,
                int64_t depth, int64_t row, int64_t step);
void packSliver(float *to, int64_t width, const Float16 *from, int64_t rows,
                int64_t depth, int64_t row, int64_t step);

/// to[i * width + r] = the pair of from[r * row + 2 i * step] (lower half) and
/// from[r * row + (2 i + 1) * step]; zeros from `rows` to `width`, and after an
/// odd depth.
void packPairs(float *to, int64_t width, const BFloat16 *from, int64_t rows,
               int64_t depth, int64_t row, int64_t step);

} // namespace colossal::rank

#endif // COLOSSAL_LIB_RUN_SLIVERS_H
