//===- TileKernel.cpp - Inner loops of the blocked product ----------------===//

#include "TileKernel.h"

#include "colossal/Support/CpuGeneration.h"

#include <cstring>
#if defined(__x86_64__)
#include <immintrin.h>
#endif
#include <utility>

namespace colossal::rank {

namespace {

#define COLOSSAL_INLINE __attribute__((always_inline)) inline

typedef float Vector4 __attribute__((vector_size(16)));
typedef float Vector8 __attribute__((vector_size(32)));
typedef float Vector16 __attribute__((vector_size(64)));

template <int Rows> COLOSSAL_INLINE void prefetch(const Tile &t) {
#pragma clang loop unroll(full)
  for (int r = 0; r < Rows; ++r)
    __builtin_prefetch(t.c + r * t.cRow, 1);
}

/// C (+)= the sums.
template <class Vector, int Rows, int Vectors>
COLOSSAL_INLINE void store(const Tile &t, Vector (&sum)[Rows][Vectors]) {
  constexpr int lanes = sizeof(Vector) / sizeof(float);
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

/// Step: distance of the elements of a packed A in k, 0 if it is not packed.
template <class Vector, int Rows, int Vectors, int Step>
COLOSSAL_INLINE void multiply(const Tile &t) {
  const float *a = t.a, *b = t.b;
  int64_t aRow = Step ? 1 : t.aRow, aStep = Step ? Step : t.aStep;
  Vector sum[Rows][Vectors] = {};
  prefetch<Rows>(t);
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
  store(t, sum);
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

#if defined(__x86_64__)
/// The same loop where an element is a pair of bf16, by VDPBF16PS: both
/// products and their sums are f32, bf16 and sums that are subnormal count as
/// zero (Intel, Architecture Instruction Set Extensions, AVX512_BF16).
struct Pairs {
#define COLOSSAL_PAIRS __attribute__((target("avx512f,avx512bf16,avx2,fma")))
  static constexpr int rows = 14, columns = 32;
  template <int Rows> COLOSSAL_PAIRS static void packed(const Tile &t) {
    constexpr int vectors = 2;
    const float *a = t.a, *b = t.b;
    Vector16 sum[Rows][vectors] = {};
    prefetch<Rows>(t);
#pragma clang loop unroll_count(4)
    for (int64_t i = 0; i < t.k; ++i) {
      __m512bh row[vectors];
      memcpy(row, b, sizeof(row));
#pragma clang loop unroll(full)
      for (int r = 0; r < Rows; ++r) {
        auto pair = (__m512bh)_mm512_set1_ps(a[r]);
#pragma clang loop unroll(full)
        for (int v = 0; v < vectors; ++v)
          sum[r][v] = _mm512_dpbf16_ps(sum[r][v], row[v], pair);
      }
      a += rows;
      b += t.bStep;
    }
    store(t, sum);
  }
  template <int> static constexpr void (*direct)(const Tile &) = nullptr;
#undef COLOSSAL_PAIRS
};
#endif

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

const TileKernels *pairKernels() {
#if defined(__x86_64__)
  static const TileKernels kernels = table<Pairs>("blocked:avx512_bf16");
  if (computesBFloat16())
    return &kernels;
#endif
  return nullptr;
}

const TileKernels &tileKernels() {
  static const TileKernels kernels = choose();
  return kernels;
}

} // namespace colossal::rank
