//===- TileKernel.h - Inner loops of the blocked product --------*- C++ -*-===//
//
// A tile of C is held in registers while a row of B and an element of each row
// of A enter at a time. Written on vectors, compiled for three generations of
// x86-64; which one runs is decided at the first call (CpuGeneration.h). All of
// them add the terms of an element in the order of k.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_LIB_RUN_TILEKERNEL_H
#define COLOSSAL_LIB_RUN_TILEKERNEL_H

#include <cstdint>

namespace colossal::rank {

/// C[r][j] (+)= sum over i < k of A[r][i] B[i][j].
struct Tile {
  int64_t k;
  const float *a;
  int64_t aRow, aStep; ///< A[r][i] at a + r * aRow + i * aStep
  const float *b;
  int64_t bStep; ///< B[i][j] at b + i * bStep + j
  float *c;
  int64_t cRow; ///< C[r][j] at c + r * cRow + j
  bool add;
};

/// Largest extents of a tile, of all generations.
constexpr int64_t kMostTileRows = 14, kMostTileColumns = 32;

struct TileKernels {
  /// Rows of a full tile; all tiles have `columns` columns.
  int64_t rows, columns;
  /// By the number of rows, from 1: with A packed (aRow 1, aStep `rows`) and
  /// with A as it lies.
  void (*packed[kMostTileRows + 1])(const Tile &);
  void (*direct[kMostTileRows + 1])(const Tile &);
  const char *name;
};

/// Those of this CPU.
const TileKernels &tileKernels();

/// Those where an element of A and B is a pair of bf16, of two neighbours in k
/// (the first in the lower half): C[r][j] (+)= sum over i < k of
/// A[r][i].0 B[i][j].0 + A[r][i].1 B[i][j].1. Operands are packed, and tiles
/// have the extents of those of f32. Null where the CPU does not multiply them.
const TileKernels *pairKernels();

} // namespace colossal::rank

#endif // COLOSSAL_LIB_RUN_TILEKERNEL_H
