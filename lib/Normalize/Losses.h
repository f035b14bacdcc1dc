//===- Losses.h - Losses of all elements, combined --------------*- C++ -*-===//

#ifndef COLOSSAL_LIB_NORMALIZE_LOSSES_H
#define COLOSSAL_LIB_NORMALIZE_LOSSES_H

#include "Call.h"

namespace colossal::normalize {

/// PyTorch's numbers.
enum Reduction { None = 0, Mean = 1, Sum = 2 };

/// The result of a loss: `body` of the elements of `inputs`, which broadcast,
/// is the loss of one element; all of them, their mean or their sum.
void combineElements(Call &c, llvm::ArrayRef<Item> inputs, int64_t reduction,
                     GenericBuilder::Body body);

} // namespace colossal::normalize

#endif // COLOSSAL_LIB_NORMALIZE_LOSSES_H
