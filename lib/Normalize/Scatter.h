//===- Scatter.h - Operands of scatters -------------------------*- C++ -*-===//

#ifndef COLOSSAL_LIB_NORMALIZE_SCATTER_H
#define COLOSSAL_LIB_NORMALIZE_SCATTER_H

#include "Shapes.h"

namespace colossal::normalize {

/// Of a scatter (self, dim, index, ..): the dimension, if the index has the
/// sizes of the tensor in all others; an error if it does not fit. An index
/// that covers less scatters into a part of the tensor: that is done here, by
/// a call of its own, and there is no dimension either.
std::optional<int64_t> scatteredDim(Call &c);

/// What is scattered, argument 3: of the index's shape, which it may exceed,
/// and the tensor's type. A number is one for all.
mlir::Value scatteredSource(Call &c);

} // namespace colossal::normalize

#endif // COLOSSAL_LIB_NORMALIZE_SCATTER_H
