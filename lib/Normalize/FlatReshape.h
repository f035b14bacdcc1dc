//===- FlatReshape.h - Reshapes whose sizes do not nest --------*- C++ -*-===//

#ifndef COLOSSAL_LIB_NORMALIZE_FLATRESHAPE_H
#define COLOSSAL_LIB_NORMALIZE_FLATRESHAPE_H

#include "ViewBuilder.h"

namespace colossal::normalize {

/// A view with sizes that are no products of consecutive old ones, by way of
/// one in which the runs that change are single dimensions. What the first
/// sizes of a run have in common stays a factor; refinement makes a copy for
/// the rest.
TensorRef reshapeFlat(Call &c, const TensorRef &parent,
                      llvm::ArrayRef<int64_t> sizes);

} // namespace colossal::normalize

#endif // COLOSSAL_LIB_NORMALIZE_FLATRESHAPE_H
