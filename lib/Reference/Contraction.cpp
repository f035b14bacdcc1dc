//===- Contraction.cpp - Sums of products as blocked loops ----------------===//
//
// The factors of sum_k a * b fall into batch (in both operands), rows (in a),
// columns (in b) and k (in both, reduced). Rows, columns and k may be several
// factors each: positions are looked up, tiles are packed, and the inner loops
// run over contiguous doubles.
//
//===----------------------------------------------------------------------===//

#include "Colossal/Analysis/Contraction.h"
#include "GenericEvaluation.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::reference;
using cost::FactorRole;

static constexpr int64_t kRows = 4, kColumns = 16;

/// c[r][n] = sum_k a[k][r] b[k][n] for a tile of rows and columns.
__attribute__((target_clones("avx512f", "avx2", "default"))) static void
multiplyTile(const double *a, const double *b, int64_t depth, double *c) {
  double sum[kRows][kColumns] = {};
  for (int64_t k = 0; k < depth; ++k)
    for (int64_t r = 0; r < kRows; ++r)
      for (int64_t n = 0; n < kColumns; ++n)
        sum[r][n] += a[k * kRows + r] * b[k * kColumns + n];
  for (int64_t r = 0; r < kRows; ++r)
    for (int64_t n = 0; n < kColumns; ++n)
      c[r * kColumns + n] = sum[r][n];
}

/// Tiles of `width` lines side by side, k major; missing lines are zero.
static std::vector<double> pack(const double *data, ArrayRef<int64_t> lines,
                                ArrayRef<int64_t> depth, int64_t width) {
  int64_t tiles = (lines.size() + width - 1) / width;
  std::vector<double> packed(tiles * width * depth.size(), 0.0);
  for (int64_t line = 0; line < int64_t(lines.size()); ++line) {
    double *out =
        packed.data() + line / width * width * depth.size() + line % width;
    for (size_t k = 0; k < depth.size(); ++k)
      out[k * width] = data[lines[line] + depth[k]];
  }
  return packed;
}

std::optional<Tensor>
colossal::reference::evaluateContraction(GenericOp op, const LoopNest &nest,
                                         ArrayRef<TensorRef> operands,
                                         const Options &options) {
  std::optional<Contraction> contraction = analyzeContraction(op);
  if (!contraction)
    return std::nullopt;
  FactoredOp factored(op.getOperation());
  unsigned count = nest.factors.size();
  Access a(factored.getOperandMap(0), count),
      b(factored.getOperandMap(1), count);
  Access c(factored.getResultMap(0), count);
  SmallVector<unsigned> batch, rows, columns, depth;
  for (unsigned f = 0; f < count; ++f) {
    if (nest.valid[f] <= 0)
      return std::nullopt;
    switch (contraction->roles[f]) {
    case FactorRole::Batch:
      batch.push_back(f);
      break;
    case FactorRole::Rows:
      rows.push_back(f);
      break;
    case FactorRole::Columns:
      columns.push_back(f);
      break;
    default:
      depth.push_back(f);
    }
  }
  // Vectors gain nothing.
  if (rows.empty() && columns.empty())
    return std::nullopt;
  Tensor result =
      Tensor::zeros(cast<RankedTensorType>(op.getResult(0).getType()));
  auto batchA = positions(a, batch, nest.valid);
  auto batchB = positions(b, batch, nest.valid);
  auto batchC = positions(c, batch, nest.valid);
  auto rowA = positions(a, rows, nest.valid);
  auto rowC = positions(c, rows, nest.valid);
  auto columnB = positions(b, columns, nest.valid);
  auto columnC = positions(c, columns, nest.valid);
  auto depthA = positions(a, depth, nest.valid);
  auto depthB = positions(b, depth, nest.valid);
  int64_t numRows = rowA.size(), numColumns = columnB.size();
  int64_t k = depthA.size();
  double tile[kRows * kColumns];
  for (size_t p = 0; p < batchA.size(); ++p) {
    std::vector<double> packedA = pack(
        operands[0]->floats.data() + a.base + batchA[p], rowA, depthA, kRows);
    std::vector<double> packedB =
        pack(operands[1]->floats.data() + b.base + batchB[p], columnB, depthB,
             kColumns);
    double *out = result.floats.data() + c.base + batchC[p];
    for (int64_t n = 0; n < numColumns; n += kColumns)
      for (int64_t r = 0; r < numRows; r += kRows) {
        multiplyTile(packedA.data() + r * k, packedB.data() + n * k, k, tile);
        int64_t width = std::min(kColumns, numColumns - n);
        for (int64_t i = 0; i < std::min(kRows, numRows - r); ++i)
          for (int64_t j = 0; j < width; ++j)
            out[rowC[r + i] + columnC[n + j]] = tile[i * kColumns + j];
      }
  }
  if (options.float32 && getElementTypeOrSelf(op.getResult(0)).isF32())
    for (double &value : result.floats)
      value = double(float(value));
  return result;
}
