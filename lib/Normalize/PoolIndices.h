//===- PoolIndices.h - Where a maximum pool found its maxima ----*- C++ -*-===//

#ifndef COLOSSAL_LIB_NORMALIZE_POOLINDICES_H
#define COLOSSAL_LIB_NORMALIZE_POOLINDICES_H

#include "Call.h"

namespace colossal::normalize {

/// Of the last dimensions of a tensor.
struct PoolWindows {
  llvm::ArrayRef<int64_t> output, kernel, stride, padding, dilation;
};

/// For each window of argument 0 the number of its maximum in the flattened
/// plane, i64; the first one of equals.
Item indicesOfPool(Call &c, const PoolWindows &windows);

} // namespace colossal::normalize

#endif // COLOSSAL_LIB_NORMALIZE_POOLINDICES_H
