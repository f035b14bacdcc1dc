//===- BlockedProduct.cpp - A matrix product of our own -------------------===//

#include "BlockedProduct.h"

#include "TileKernel.h"

#include <algorithm>
#include <cstring>

namespace colossal::rank {

namespace {

/// Blocks: kRows x kDepth of A stay in the second cache, kDepth x kColumns of B
/// in the third. Deep ones: C is read and written once for each, and a tile's
/// beginning and end cost as much as ten steps of its depth.
constexpr int64_t kRows = 84, kColumns = 1024, kDepth = 512;

/// Fewer multiplications than this are not worth a second thread.
constexpr int64_t kGrain = 1 << 20;

/// A product without a batch; offsets are in the pointers.
struct Flat {
  int64_t m, n, k, aM, aK, bK, bN, cM, cN;
  bool add;
  const float *a, *b;
  float *c;

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

typedef float Four __attribute__((vector_size(16)));

/// to[i * width + r] = from[r * row + i * step], zeros from `rows` to `width`.
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

/// On this thread.
void multiply(const Flat &p, float *packedA, float *packedB) {
  const TileKernels &kernels = tileKernels();
  int64_t tall = kernels.rows, wide = kernels.columns;
  int64_t depth = balanced(p.k, kDepth, 16);
  int64_t height = balanced(p.m, kRows, tall);
  int64_t width = balanced(p.n, kColumns, wide);
  // A copy pays where it is read often, and where lines would be read in part.
  bool packA = p.n > 4 * wide || (p.aK != 1 && p.aM != 1);
  bool packB = p.m > 2 * tall || p.bN != 1;
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
          tile.b = copied ? packedB + (j - j0) * k : p.b + k0 * p.bK + j;
          tile.bStep = copied ? wide : p.bK;
          tile.add = p.add || k0 > 0;
          for (int64_t i = i0; i < i1; i += tall) {
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

/// Bytes of one piece. A piece may be cut from either side, and the transposed
/// product may be the one that is made: both operands have room for the longer.
struct Room {
  explicit Room(const Gemm &gemm) {
    int64_t extent = std::max(gemm.m, gemm.n);
    int64_t depth = std::min(kDepth, roundUp(gemm.k, 16));
    a = roundUp((std::min(extent, kRows) + kMostTileRows) * depth, 16) * 4;
    b = (std::min(extent, kColumns) + kMostTileColumns) * depth * 4;
  }
  int64_t a, b;
};

} // namespace

int64_t blockedScratchBytes(const Gemm &gemm, int threads) {
  Room room(gemm);
  return threads * (room.a + room.b);
}

const char *blockedName() { return tileKernels().name; }

void runBlocked(const Gemm &gemm, const Threads &threads, const float *a,
                const float *b, float *c, char *scratch) {
  int64_t batches = 1;
  for (int64_t extent : gemm.batch)
    batches *= extent;
  Room room(gemm);
  auto flat = [&](int64_t batch) {
    Flat p = {gemm.m,  gemm.n,  gemm.k,  gemm.aM, gemm.aK,
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
  auto multiplyOn = [&](int piece, const Flat &p) {
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
    Flat p = flat(batch);
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

} // namespace colossal::rank
