//===- Dropout.h - Elements that are dropped at random ----------*- C++ -*-===//

#ifndef COLOSSAL_LIB_NORMALIZE_DROPOUT_H
#define COLOSSAL_LIB_NORMALIZE_DROPOUT_H

#include "Call.h"

namespace colossal::normalize {

/// `value` with each element zero with probability `p` (0 < p <= 1), and else
/// divided by 1 - p. `leading`: elements that agree in so many first dimensions
/// share their fate; all dimensions if nothing.
mlir::Value dropout(Call &c, mlir::Value value, double p,
                    std::optional<int64_t> leading, llvm::StringRef suffix);

} // namespace colossal::normalize

#endif // COLOSSAL_LIB_NORMALIZE_DROPOUT_H
