//===- TileKernel.cpp - Inner loops of the blocked product ----------------===//

#include "TileKernel.h"

#include "colossal/Support/CpuGeneration.h"

#include <cstring>
#include <utility>

namespace colossal::rank {

namespace {

#define COLOSSAL_INLINE __attribute__((always_inline)) inline

typedef float Vector4 __attribute__((vector_size(16)));
typedef float Vector8 __attribute__((vector_size(32)));
typedef float Vector16 __attribute__((vector_size(64)));

/// Step: distance of the elements of a packed A in k, 0 if it is not packed.
template <class Vector, int Rows, int Vectors, int Step>
COLOSSAL_INLINE void multiply(const Tile &t) {
  constexpr int lanes = sizeof(Vector) / sizeof(float);
  const float *a = t.a, *b = t.b;
  int64_t aRow = Step ? 1 : t.aRow, aStep = Step ? Step : t.aStep;
  Vector sum[Rows][Vectors] = {};
#pragma clang loop unroll(full)
  for (int r = 0; r < Rows; ++r)
    __builtin_prefetch(t.c + r * t.cRow, 1);
#pragma clang loop unroll_count(4)
  for (int64_t i = 0; i < t.k; ++i) {
    Vector row[Vectors];
    memcpy(row, b, sizeof(row));
#pragma clang loop unroll(full)
    for (int r = 0; r < Rows; ++r)
#pragma clang loop unroll(full)
      for (int v = 0; v < Vectors; ++v)
        sum[r][v] += row[v] * a[r * aRow];
    a += aStep;
    b += t.bStep;
  }
#pragma clang loop unroll(full)
  for (int r = 0; r < Rows; ++r)
#pragma clang loop unroll(full)
    for (int v = 0; v < Vectors; ++v) {
      float *c = t.c + r * t.cRow + v * lanes;
      if (t.add) {
        Vector before;
        memcpy(&before, c, sizeof(before));
        sum[r][v] += before;
      }
      memcpy(c, &sum[r][v], sizeof(Vector));
    }
}

#define COLOSSAL_GENERATION(Name, Target, Vector, Rows, Vectors)               \
  struct Name {                                                                \
    template <int R> Target static void packed(const Tile &t) {                \
      multiply<Vector, R, Vectors, Rows>(t);                                   \
    }                                                                          \
    template <int R> Target static void direct(const Tile &t) {                \
      multiply<Vector, R, Vectors, 0>(t);                                      \
    }                                                                          \
    static constexpr int rows = Rows,                                          \
                         columns = Vectors * int(sizeof(Vector) / 4);          \
  };

COLOSSAL_GENERATION(Baseline, , Vector4, 6, 2)
COLOSSAL_GENERATION(Avx2, __attribute__((target("avx2,fma"))), Vector8, 6, 2)
COLOSSAL_GENERATION(Avx512, __attribute__((target("avx512f,avx2,fma"))),
                    Vector16, 14, 2)

template <class Generation, int... R>
TileKernels table(const char *name, std::integer_sequence<int, R...>) {
  static_assert(Generation::rows <= kMostTileRows &&
                Generation::columns <= kMostTileColumns);
  TileKernels kernels = {Generation::rows, Generation::columns, {}, {}, name};
  ((kernels.packed[R + 1] = Generation::template packed<R + 1>,
    kernels.direct[R + 1] = Generation::template direct<R + 1>),
   ...);
  return kernels;
}

template <class Generation> TileKernels table(const char *name) {
  return table<Generation>(name,
                           std::make_integer_sequence<int, Generation::rows>());
}

TileKernels choose() {
  switch (cpuGeneration()) {
  case CpuGeneration::Avx512:
    return table<Avx512>("blocked:avx512");
  case CpuGeneration::Avx2:
    return table<Avx2>("blocked:avx2");
  case CpuGeneration::Baseline:
    break;
  }
  return table<Baseline>("blocked:sse2");
}

} // namespace

const TileKernels &tileKernels() {
  static const TileKernels kernels = choose();
  return kernels;
}

} // namespace colossal::rank
