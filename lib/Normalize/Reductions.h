//===- Reductions.h - Reductions over dimensions ----------------*- C++ -*-===//

#ifndef COLOSSAL_LIB_NORMALIZE_REDUCTIONS_H
#define COLOSSAL_LIB_NORMALIZE_REDUCTIONS_H

#include "Shapes.h"

namespace colossal::normalize {

/// One generic that combines `body(elements of inputs)` over the dimensions
/// `reduced` (sorted) of the first input. Later inputs have the shape of the
/// first, or of the result with its reduced dimensions kept at size 1 or gone
/// (see `keep`). `g` is empty and gets factors, maps and result.
mlir::Value reduce(GenericBuilder &g, llvm::ArrayRef<mlir::Value> inputs,
                   llvm::ArrayRef<int64_t> reduced, bool keep, FactorKind kind,
                   mlir::Type result, GenericBuilder::Body body);

/// The two halves of `reduce`, for bodies that use indices. Factors of the
/// first input, and every input's map: of its full shape, or of the shape
/// without the reduced dimensions.
DimFactors addInputs(GenericBuilder &g, llvm::ArrayRef<mlir::Value> inputs,
                     llvm::ArrayRef<int64_t> reduced, FactorKind kind);
mlir::Value reduceInto(GenericBuilder &g, const DimFactors &factors,
                       llvm::ArrayRef<int64_t> reduced, bool keep,
                       mlir::Type result, GenericBuilder::Body body);

/// `reduceInto` of a tuple combiner: a result for each of its components.
GenericOp reduceIntoTuple(GenericBuilder &g, const DimFactors &factors,
                          llvm::ArrayRef<int64_t> reduced, bool keep,
                          mlir::TypeRange results, GenericBuilder::Bodies body);

/// A generic over the shape of the first input; statistics have its dimensions
/// but for those in `reduced`, which are gone or of size 1.
mlir::Value overRows(GenericBuilder &g, llvm::ArrayRef<mlir::Value> inputs,
                     llvm::ArrayRef<int64_t> reduced, mlir::Type result,
                     GenericBuilder::Body body);

/// Number of elements that are combined into one.
int64_t countReduced(mlir::RankedTensorType type,
                     llvm::ArrayRef<int64_t> reduced);

/// `value` (0-d, a float), one of the elements of `x`, with its derivative in
/// equal parts to all elements that have it, as in PyTorch; NaN has the value
/// NaN. Members of the composite.
mlir::Value sharedByEqual(Call &c, mlir::Value x, mlir::Value value);

/// exp(x - max) / sum over one dimension, or its logarithm, as a composite.
/// Its ops are named `<suffix>`, `<suffix>.max`...
mlir::Value softmax(Call &c, mlir::Value x, int64_t dim, bool logarithm,
                    llvm::StringRef suffix = "");

} // namespace colossal::normalize

#endif // COLOSSAL_LIB_NORMALIZE_REDUCTIONS_H
