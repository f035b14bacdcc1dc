//===- Contraction.cpp - Sums of products as matrix products --------------===//
//
// The factors of sum_k a * b fall into batch (in both operands), rows (in a),
// columns (in b) and k (in both, reduced). Rows, columns and k may be several
// factors each. Where equations place the sum, it is computed at the places for
// which they hold.
//
//===----------------------------------------------------------------------===//

#include "Colossal/Analysis/Contraction.h"
#include "GenericEvaluation.h"
#include "colossal/Reference/MatrixProduct.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::reference;
using cost::FactorRole;

/// Whether the equations that place the sum, if any, hold.
static bool isPlace(GenericOp op, const LoopNest &nest,
                    ArrayRef<int64_t> indices) {
  auto where = op.getYielded()[0].getDefiningOp<WhereOp>();
  for (unsigned number = 0, e = where ? where.getEquations().size() : 0;
       number < e; ++number) {
    EquationAttr equation = where.getEquation(number);
    int64_t sum = -equation.getConstant();
    for (auto [factor, stride] :
         llvm::zip(equation.getFactors(), equation.getStrides())) {
      int64_t f = nest.find(factor);
      sum += stride * (indices[f] + nest.offset[f]);
    }
    if (sum != 0)
      return false;
  }
  return true;
}

std::optional<Tensor>
colossal::reference::evaluateContraction(GenericOp op, const LoopNest &nest,
                                         ArrayRef<TensorRef> operands,
                                         const Options &options) {
  std::optional<Contraction> contraction = analyzePlacedContraction(op);
  if (!contraction)
    return std::nullopt;
  FactoredOp factored(op.getOperation());
  unsigned count = nest.factors.size();
  Access a(factored.getOperandMap(0), count),
      b(factored.getOperandMap(1), count);
  Access c(factored.getResultMap(0), count);
  SmallVector<unsigned> batch, rows, columns, depth, free;
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
    case FactorRole::Free:
      free.push_back(f);
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
  SmallVector<int64_t> place(count, 0);
  do {
    if (!isPlace(op, nest, place))
      continue;
    for (size_t p = 0; p < batchA.size(); ++p)
      addProduct(
          {operands[0]->floats.data() + a.base + batchA[p], rowA, depthA},
          {operands[1]->floats.data() + b.base + batchB[p], columnB, depthB},
          result.floats.data() + c.at(place) + batchC[p], rowC, columnC);
  } while (advance(place, free, nest.valid));
  if (options.float32 && getElementTypeOrSelf(op.getResult(0)).isF32())
    for (double &value : result.floats)
      value = double(float(value));
  return result;
}
