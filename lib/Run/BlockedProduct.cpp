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

/// Elements of B that are copied at a time where C is rounded: all of k of some
/// columns.
constexpr int64_t kWholeB = int64_t(1) << 19;

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
void multiply(const Flat<T, float> &p, float *packedA, float *packedB) {
  constexpr bool isNarrow = isNarrowNumber<T>;
  const TileKernels &kernels = tileKernels();
  int64_t tall = kernels.rows, wide = kernels.columns;
  int64_t depth = balanced(p.k, kDepth, 16);
  int64_t height = balanced(p.m, kRows, tall);
  int64_t width = balanced(p.n, kColumns, wide);
  // A copy pays where it is read often, and where lines would be read in part.
  bool packA = isNarrow || p.n > 4 * wide || (p.aK != 1 && p.aM != 1);
  bool packB = isNarrow || p.m > 2 * tall || p.bN != 1;
  for (int64_t j0 = 0; j0 < p.n; j0 += width) {
    int64_t j1 = std::min(p.n, j0 + width);
    for (int64_t k0 = 0; k0 < p.k; k0 += depth) {
      int64_t k = std::min(depth, p.k - k0);
      for (int64_t j = j0; j < j1; j += wide) {
        int64_t columns = std::min(wide, j1 - j);
        if (packB || columns < wide)
          packSliver(packedB + (j - j0) * k, wide, p.b + k0 * p.bK + j * p.bN,
                     columns, k, p.bN, p.bK);
      }
      for (int64_t i0 = 0; i0 < p.m; i0 += height) {
        int64_t i1 = std::min(p.m, i0 + height);
        if (packA)
          for (int64_t i = i0; i < i1; i += tall)
            packSliver(packedA + (i - i0) * k, tall, p.a + i * p.aM + k0 * p.aK,
                       std::min(tall, i1 - i), k, p.aM, p.aK);
        for (int64_t j = j0; j < j1; j += wide) {
          int64_t columns = std::min(wide, j1 - j);
          bool copied = packB || columns < wide;
          Tile tile;
          tile.k = k;
          if constexpr (isNarrow)
            tile.b = packedB + (j - j0) * k;
          else
            tile.b = copied ? packedB + (j - j0) * k : p.b + k0 * p.bK + j;
          tile.bStep = copied ? wide : p.bK;
          tile.add = p.add || k0 > 0;
          for (int64_t i = i0; i < i1; i += tall) {
            if constexpr (isNarrow)
              tile.a = packedA + (i - i0) * k;
            else
              tile.a =
                  packA ? packedA + (i - i0) * k : p.a + i * p.aM + k0 * p.aK;
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

/// Columns of which all of k are copied together.
int64_t wholeColumns(int64_t k) {
  return std::clamp(kWholeB / roundUp(k, 16) / kMostTileColumns, int64_t(1),
                    kColumns / kMostTileColumns) *
         kMostTileColumns;
}

/// C's rows [0, rows) of `columns` columns, from the dense sums of a block.
template <class T>
void roundSums(const Flat<T, T> &p, const float *sums, int64_t row, int64_t i0,
               int64_t rows, int64_t j0, int64_t columns) {
  for (int64_t r = 0; r < rows; ++r) {
    T *c = p.c + (i0 + r) * p.cM + j0 * p.cN;
    const float *from = sums + r * row;
    if (p.cN == 1 && !p.add) {
      narrowRow(c, from, columns);
      continue;
    }
    for (int64_t j = 0; j < columns; ++j) {
      T &to = c[j * p.cN];
      to = p.add ? float(to) + from[j] : from[j];
    }
  }
}

/// On this thread, with a rounded result: a block of C is summed over all of k
/// in f32 before it is stored, so the loop over k is the innermost.
template <class T, class = std::enable_if_t<isNarrowNumber<T>>>
void multiply(const Flat<T, T> &p, float *packedA, float *packedB) {
  const TileKernels &kernels = tileKernels();
  int64_t tall = kernels.rows, wide = kernels.columns;
  int64_t depth = balanced(p.k, kDepth, 16);
  int64_t height = balanced(p.m, kRows, tall);
  int64_t width = balanced(p.n, wholeColumns(p.k), wide);
  float *sums = packedB + (width + wide) * p.k;
  for (int64_t j0 = 0; j0 < p.n; j0 += width) {
    int64_t j1 = std::min(p.n, j0 + width);
    int64_t row = roundUp(j1 - j0, wide);
    for (int64_t k0 = 0; k0 < p.k; k0 += depth) {
      int64_t k = std::min(depth, p.k - k0);
      for (int64_t j = j0; j < j1; j += wide)
        packSliver(packedB + row * k0 + (j - j0) * k, wide,
                   p.b + k0 * p.bK + j * p.bN, std::min(wide, j1 - j), k, p.bN,
                   p.bK);
    }
    for (int64_t i0 = 0; i0 < p.m; i0 += height) {
      int64_t i1 = std::min(p.m, i0 + height);
      for (int64_t k0 = 0; k0 < p.k; k0 += depth) {
        int64_t k = std::min(depth, p.k - k0);
        for (int64_t i = i0; i < i1; i += tall)
          packSliver(packedA + (i - i0) * k, tall, p.a + i * p.aM + k0 * p.aK,
                     std::min(tall, i1 - i), k, p.aM, p.aK);
        for (int64_t j = j0; j < j1; j += wide)
          for (int64_t i = i0; i < i1; i += tall) {
            Tile tile;
            tile.k = k;
            tile.a = packedA + (i - i0) * k;
            tile.aRow = 1;
            tile.aStep = tall;
            tile.b = packedB + row * k0 + (j - j0) * k;
            tile.bStep = wide;
            tile.add = k0 > 0;
            runTile(kernels, tile, true, std::min(tall, i1 - i), wide,
                    sums + (i - i0) * row + (j - j0), row, 1);
          }
      }
      roundSums(p, sums, row, i0, i1 - i0, j0, j1 - j0);
    }
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
    if (!isNarrow(gemm.result))
      return;
    int64_t columns =
        std::min(extent, wholeColumns(gemm.k)) + 2 * kMostTileColumns;
    b = roundUp(columns * (roundUp(gemm.k, 16) + rows), 16) * 4;
  }
  int64_t a, b;
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
    char *own = scratch + piece * (room.a + room.b);
    multiply(p, reinterpret_cast<float *>(own),
             reinterpret_cast<float *>(own + room.a));
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
  return threads * (room.a + room.b);
}

const char *blockedName() { return tileKernels().name; }

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
