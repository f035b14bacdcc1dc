//===- MatrixProduct.cpp - Sums of products as blocked loops --------------===//
//
// Lines are packed for a block of the depth, and tiles of rows and columns keep
// their sums in registers over it.
//
//===----------------------------------------------------------------------===//

#include "colossal/Reference/MatrixProduct.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Parallel.h"
#include <algorithm>
#include <vector>

using namespace llvm;
using namespace colossal::reference;

static constexpr int64_t kRows = 4, kColumns = 8, kDepth = 512;
/// Multiply-adds from which on threads are worth their start.
static constexpr int64_t kParallel = int64_t(1) << 18;

/// sums[r][n] += sum over k of a[r][k] b[k][n].
template <int64_t numRows>
__attribute__((always_inline)) static inline void
addTile(const double *a, const double *b, int64_t depth, double *sums) {
  double sum[numRows][kColumns];
  for (int64_t r = 0; r < numRows; ++r)
    for (int64_t n = 0; n < kColumns; ++n)
      sum[r][n] = sums[r * kColumns + n];
  for (int64_t k = 0; k < depth; ++k)
    for (int64_t r = 0; r < numRows; ++r)
      for (int64_t n = 0; n < kColumns; ++n)
        sum[r][n] += a[r * depth + k] * b[k * kColumns + n];
  for (int64_t r = 0; r < numRows; ++r)
    for (int64_t n = 0; n < kColumns; ++n)
      sums[r * kColumns + n] = sum[r][n];
}

/// The processor's widest vectors; never fused (CMakeLists.txt), so that all
/// give the same.
__attribute__((target_clones("avx512f", "avx2", "default"))) static void
addTileOf(int64_t numRows, const double *a, const double *b, int64_t depth,
          double *sums) {
  static_assert(kRows == 4, "a case for each number of rows");
  switch (numRows) {
  case 1:
    return addTile<1>(a, b, depth, sums);
  case 2:
    return addTile<2>(a, b, depth, sums);
  case 3:
    return addTile<3>(a, b, depth, sums);
  default:
    return addTile<4>(a, b, depth, sums);
  }
}

/// Whether these places are side by side.
static bool isContiguous(ArrayRef<int64_t> places) {
  for (size_t i = 1; i < places.size(); ++i)
    if (places[i] != places[0] + int64_t(i))
      return false;
  return true;
}

/// A block of the rows, one behind the other.
static std::vector<double> packRows(MatrixLines a, int64_t begin,
                                    int64_t depth) {
  std::vector<double> packed(a.lines.size() * depth);
  ArrayRef<int64_t> places = a.depth.slice(begin, depth);
  bool isLine = isContiguous(places);
  for (size_t r = 0; r < a.lines.size(); ++r) {
    double *out = packed.data() + r * depth;
    const double *line = a.data + a.lines[r];
    if (isLine)
      std::copy_n(line + places[0], depth, out);
    else
      for (int64_t k = 0; k < depth; ++k)
        out[k] = line[places[k]];
  }
  return packed;
}

/// A block of a tile's columns, the columns side by side; zero beyond them.
static void packColumns(const double *data, ArrayRef<int64_t> lines,
                        ArrayRef<int64_t> depth, double *packed) {
  if (lines.size() == size_t(kColumns) && isContiguous(lines)) {
    for (size_t k = 0; k < depth.size(); ++k)
      std::copy_n(data + lines[0] + depth[k], kColumns, packed + k * kColumns);
    return;
  }
  if (lines.size() < size_t(kColumns))
    std::fill_n(packed, depth.size() * kColumns, 0.0);
  for (auto [n, line] : llvm::enumerate(lines))
    for (size_t k = 0; k < depth.size(); ++k)
      packed[k * kColumns + n] = data[line + depth[k]];
}

void colossal::reference::addProduct(MatrixLines a, MatrixLines b, double *c,
                                     ArrayRef<int64_t> rows,
                                     ArrayRef<int64_t> columns) {
  // Vectors run over columns.
  if (columns.size() < size_t(kColumns) && rows.size() > columns.size()) {
    std::swap(a, b);
    std::swap(rows, columns);
  }
  int64_t numRows = rows.size(), numColumns = columns.size();
  int64_t whole = a.depth.size();
  int64_t tiles = (numColumns + kColumns - 1) / kColumns;
  for (int64_t begin = 0; begin < whole; begin += kDepth) {
    int64_t depth = std::min(kDepth, whole - begin);
    std::vector<double> packedRows = packRows(a, begin, depth);
    auto doTile = [&](size_t tile) {
      int64_t first = tile * kColumns;
      int64_t width = std::min(kColumns, numColumns - first);
      double packed[kDepth * kColumns];
      packColumns(b.data, b.lines.slice(first, width),
                  b.depth.slice(begin, depth), packed);
      double sums[kRows * kColumns] = {};
      for (int64_t r = 0; r < numRows; r += kRows) {
        int64_t height = std::min(kRows, numRows - r);
        for (int64_t i = 0; i < height; ++i)
          for (int64_t n = 0; n < width; ++n)
            sums[i * kColumns + n] = c[rows[r + i] + columns[first + n]];
        addTileOf(height, packedRows.data() + r * depth, packed, depth, sums);
        for (int64_t i = 0; i < height; ++i)
          for (int64_t n = 0; n < width; ++n)
            c[rows[r + i] + columns[first + n]] = sums[i * kColumns + n];
      }
    };
    if (numRows * numColumns * depth >= kParallel)
      parallelFor(0, tiles, doTile);
    else
      for (int64_t tile = 0; tile < tiles; ++tile)
        doTile(tile);
  }
}
