//===- BlockedProduct.cpp - A matrix product of our own -------------------===//

#include "BlockedProduct.h"

#include "Slivers.h"
#include "colossal/Run/NarrowRows.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

namespace colossal::rank {

namespace {

/// Blocks: kRows x kDepth of A stay in the second cache, kDepth x kColumns of B
/// in the third. Deep ones: C is read and written once for each, and a tile's
/// beginning and end cost as much as ten steps of its depth.
constexpr int64_t kRows = 84, kColumns = 1024;

/// A block of C that is summed over all of k before it is rounded.
constexpr int64_t kSumRows = 8 * kRows, kSumColumns = 512;

/// Fewer multiplications than this are not worth a second thread.
constexpr int64_t kGrain = 1 << 20;

/// A product without a batch of operands of T as a result of R; offsets are in
/// the pointers.
template <class T, class R> struct Flat {
  int64_t m, n, k, aM, aK, bK, bN, cM, cN;
  bool add;
  const T *a, *b;
  R *c;

  Flat rows(int64_t begin, int64_t end) const {
    Flat part = *this;
    part.m = end - begin;
    part.a += begin * aM;
    part.c += begin * cM;
    return part;
  }
  Flat columns(int64_t begin, int64_t end) const {
    Flat part = *this;
    part.n = end - begin;
    part.b += begin * bN;
    part.c += begin * cN;
    return part;
  }
  /// C^T = B^T A^T.
  Flat transposed() const {
    return {n, m, k, bN, bK, aK, aM, cN, cM, add, b, a, c};
  }
};

/// Pieces of at most `most`, about equal and multiples of `unit`.
int64_t balanced(int64_t extent, int64_t most, int64_t unit) {
  int64_t pieces = (extent + most - 1) / most;
  int64_t size = (extent + pieces - 1) / pieces;
  return std::min(most, (size + unit - 1) / unit * unit);
}

int64_t roundUp(int64_t value, int64_t unit) {
  return (value + unit - 1) / unit * unit;
}

/// How operands of T enter the inner loops: as f32, or as pairs of bf16.
template <class T> struct Form {
  const TileKernels *pairs =
      std::is_same_v<T, BFloat16> ? pairKernels() : nullptr;
  const TileKernels &kernels = pairs ? *pairs : tileKernels();
  /// Elements of k in a step of a tile.
  int64_t perStep = pairs ? 2 : 1;

  int64_t steps(int64_t k) const { return (k + perStep - 1) / perStep; }
  int64_t depth(int64_t k) const {
    return balanced(k, kDepth * perStep, 16 * perStep);
  }
  void pack(float *to, int64_t width, const T *from, int64_t rows,
            int64_t depth, int64_t row, int64_t step) const {
    if constexpr (std::is_same_v<T, BFloat16>)
      if (pairs)
        return packPairs(to, width, from, rows, depth, row, step);
    packSliver(to, width, from, rows, depth, row, step);
  }
};

void runTile(const TileKernels &kernels, Tile tile, bool packed, int64_t rows,
             int64_t columns, float *c, int64_t cM, int64_t cN) {
  auto run = packed ? kernels.packed[rows] : kernels.direct[rows];
  if (columns == kernels.columns && cN == 1) {
    tile.c = c;
    tile.cRow = cM;
    return run(tile);
  }
  float whole[kMostTileRows * kMostTileColumns];
  bool add = tile.add;
  tile.c = whole;
  tile.cRow = kernels.columns;
  tile.add = false;
  run(tile);
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t j = 0; j < columns; ++j) {
      float &to = c[r * cM + j * cN];
      float value = whole[r * kernels.columns + j];
      to = add ? to + value : value;
    }
}

/// On this thread. Operands of 16 bits are always copied.
template <class T>
void multiply(const Flat<T, float> &p, float *packedA, float *packedB,
              float *) {
  constexpr bool isNarrow = isNarrowNumber<T>;
  const Form<T> form;
  const TileKernels &kernels = form.kernels;
  int64_t tall = kernels.rows, wide = kernels.columns;
  int64_t depth = form.depth(p.k);
  int64_t height = balanced(p.m, kRows, tall);
  int64_t width = balanced(p.n, kColumns, wide);
  // A copy pays where it is read often, and where lines would be read in part.
  bool packA = isNarrow || p.n > 4 * wide || (p.aK != 1 && p.aM != 1);
  bool packB = isNarrow || p.m > 2 * tall || p.bN != 1;
  for (int64_t j0 = 0; j0 < p.n; j0 += width) {
    int64_t j1 = std::min(p.n, j0 + width);
    for (int64_t k0 = 0; k0 < p.k; k0 += depth) {
      int64_t k = std::min(depth, p.k - k0), steps = form.steps(k);
      for (int64_t j = j0; j < j1; j += wide) {
        int64_t columns = std::min(wide, j1 - j);
        if (packB || columns < wide)
          form.pack(packedB + (j - j0) * steps, wide,
                    p.b + k0 * p.bK + j * p.bN, columns, k, p.bN, p.bK);
      }
      for (int64_t i0 = 0; i0 < p.m; i0 += height) {
        int64_t i1 = std::min(p.m, i0 + height);
        if (packA)
          for (int64_t i = i0; i < i1; i += tall)
            form.pack(packedA + (i - i0) * steps, tall,
                      p.a + i * p.aM + k0 * p.aK, std::min(tall, i1 - i), k,
                      p.aM, p.aK);
        for (int64_t j = j0; j < j1; j += wide) {
          int64_t columns = std::min(wide, j1 - j);
          bool copied = packB || columns < wide;
          Tile tile;
          tile.k = steps;
          if constexpr (isNarrow)
            tile.b = packedB + (j - j0) * steps;
          else
            tile.b = copied ? packedB + (j - j0) * steps : p.b + k0 * p.bK + j;
          tile.bStep = copied ? wide : p.bK;
          tile.add = p.add || k0 > 0;
          for (int64_t i = i0; i < i1; i += tall) {
            if constexpr (isNarrow)
              tile.a = packedA + (i - i0) * steps;
            else
              tile.a = packA ? packedA + (i - i0) * steps
                             : p.a + i * p.aM + k0 * p.aK;
            tile.aRow = packA ? 1 : p.aM;
            tile.aStep = packA ? tall : p.aK;
            runTile(kernels, tile, packA, std::min(tall, i1 - i), columns,
                    p.c + i * p.cM + j * p.cN, p.cM, p.cN);
          }
        }
      }
    }
  }
}

/// C (+)= sums, rounded; dense rows of as many columns as C has.
template <class T> void roundSums(const Flat<T, T> &p, const float *sums) {
  for (int64_t r = 0; r < p.m; ++r) {
    T *c = p.c + r * p.cM;
    const float *from = sums + r * p.n;
    if (p.cN == 1 && !p.add) {
      narrowRow(c, from, p.n);
      continue;
    }
    for (int64_t j = 0; j < p.n; ++j) {
      T &to = c[j * p.cN];
      to = p.add ? float(to) + from[j] : from[j];
    }
  }
}

/// On this thread, with a rounded result: a block of C is summed over all of k
/// in f32 before it is stored.
template <class T, class = std::enable_if_t<isNarrowNumber<T>>>
void multiply(const Flat<T, T> &p, float *packedA, float *packedB,
              float *sums) {
  int64_t height = balanced(p.m, kSumRows, kMostTileRows);
  int64_t width = balanced(p.n, kSumColumns, kMostTileColumns);
  for (int64_t j = 0; j < p.n; j += width)
    for (int64_t i = 0; i < p.m; i += height) {
      Flat<T, T> block = p.columns(j, std::min(p.n, j + width))
                             .rows(i, std::min(p.m, i + height));
      Flat<T, float> sum = {block.m,  block.n,  block.k, block.aM, block.aK,
                            block.bK, block.bN, block.n, 1,        false,
                            block.a,  block.b,  sums};
      multiply(sum, packedA, packedB, nullptr);
      roundSums(block, sums);
    }
}

/// Bytes of one piece. A piece may be cut from either side, and the transposed
/// product may be the one that is made: both operands have room for the longer.
struct Room {
  explicit Room(const Gemm &gemm) {
    int64_t extent = std::max(gemm.m, gemm.n);
    int64_t depth = std::min(kDepth, roundUp(gemm.k, 16));
    int64_t rows = std::min(extent, kRows) + kMostTileRows;
    a = roundUp(rows * depth, 16) * 4;
    b = (std::min(extent, kColumns) + kMostTileColumns) * depth * 4;
    if (isNarrow(gemm.result))
      sums = roundUp(std::min(extent, kSumRows) * std::min(extent, kSumColumns),
                     16) *
             4;
  }
  int64_t bytes() const { return a + b + sums; }
  int64_t a, b, sums = 0;
};

template <class T, class R>
void runTyped(const Gemm &gemm, const Threads &threads, const T *a, const T *b,
              R *c, char *scratch) {
  using Part = Flat<T, R>;
  int64_t batches = 1;
  for (int64_t extent : gemm.batch)
    batches *= extent;
  Room room(gemm);
  auto flat = [&](int64_t batch) {
    Part p = {gemm.m,  gemm.n,  gemm.k,  gemm.aM, gemm.aK,
              gemm.bK, gemm.bN, gemm.cM, gemm.cN, gemm.accumulate,
              a,       b,       c};
    for (size_t i = gemm.batch.size(); i-- > 0; batch /= gemm.batch[i]) {
      int64_t at = batch % gemm.batch[i];
      p.a += at * gemm.aBatch[i];
      p.b += at * gemm.bBatch[i];
      p.c += at * gemm.cBatch[i];
    }
    // Rows of C are what the inner loops store.
    return p.cN != 1 && (p.cM == 1 || p.n == 1) ? p.transposed() : p;
  };
  auto multiplyOn = [&](int piece, const Part &p) {
    char *own = scratch + piece * room.bytes();
    multiply(p, reinterpret_cast<float *>(own),
             reinterpret_cast<float *>(own + room.a),
             reinterpret_cast<float *>(own + room.a + room.b));
  };
  int64_t work = gemm.m * gemm.n * gemm.k;
  if (batches >= threads.count()) {
    threads.split(batches, 1 + kGrain / (1 + work),
                  [&](int piece, int64_t begin, int64_t end) {
                    for (int64_t batch = begin; batch < end; ++batch)
                      multiplyOn(piece, flat(batch));
                  });
    return;
  }
  for (int64_t batch = 0; batch < batches; ++batch) {
    Part p = flat(batch);
    // The longer side: each thread copies the operand of the other.
    bool byRows = p.m >= p.n;
    int64_t extent = byRows ? p.m : p.n;
    threads.split(extent, 1 + kGrain / (1 + work / extent),
                  [&](int piece, int64_t begin, int64_t end) {
                    multiplyOn(piece, byRows ? p.rows(begin, end)
                                             : p.columns(begin, end));
                  });
  }
}

} // namespace

int64_t blockedScratchBytes(const Gemm &gemm, int threads) {
  Room room(gemm);
  return threads * room.bytes();
}

const char *blockedName(DType operands) {
  const TileKernels *pairs = operands == DType::BF16 ? pairKernels() : nullptr;
  return pairs ? pairs->name : tileKernels().name;
}

void runBlocked(const Gemm &gemm, const Threads &threads, const void *a,
                const void *b, void *c, char *scratch) {
  auto run = [&](auto operand, auto result) {
    using T = decltype(operand);
    using R = decltype(result);
    runTyped(gemm, threads, static_cast<const T *>(a),
             static_cast<const T *>(b), static_cast<R *>(c), scratch);
  };
  if (gemm.dtype == DType::F32)
    return run(float(), float());
  withNarrow(gemm.dtype, [&](auto narrow) {
    if (gemm.result == DType::F32)
      run(narrow, float());
    else
      run(narrow, narrow);
  });
}

} // namespace colossal::rank
