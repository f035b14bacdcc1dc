//===- Cuts.h - Where a dimension is divided -------------------*- C++ -*-===//

#ifndef COLOSSAL_TRANSFORMS_CUTS_H
#define COLOSSAL_TRANSFORMS_CUTS_H

#include "Colossal/IR/ColossalDialect.h"
#include <set>

namespace colossal {

/// The strides, in elements, at which a range splits: each divides the next,
/// and the last one divides the range.
using Cuts = std::set<int64_t>;

/// Splits every factor of `op` at its cuts, and constants at those of the
/// values that they index. Fails where a window does not consist of whole
/// parts.
mlir::LogicalResult splitAtCuts(
    FactoredOp op, llvm::ArrayRef<Cuts> cuts,
    const llvm::DenseMap<mlir::Value, llvm::SmallVector<Cuts>> &valueCuts);

} // namespace colossal

#endif // COLOSSAL_TRANSFORMS_CUTS_H
