//===- Rewrites.h - Splits generics that no kernel does well ----*- C++ -*-===//

#ifndef COLOSSAL_LIB_SCHEDULE_CPU_REWRITES_H
#define COLOSSAL_LIB_SCHEDULE_CPU_REWRITES_H

#include "Colossal/IR/ColossalDialect.h"

namespace colossal::schedule::cpu {

/// A reduction of where(value, p == 1), where the value does not depend on p:
/// the gradient of one part of a fused tensor. Splits it into the reduction
/// without p and an elementwise op that places it. Returns the reduction, or
/// null if the op is of another form.
GenericOp splitPlacement(GenericOp op);

/// A large reduction to few results has no parallel rows. Splits it in two: the
/// major reduction factor becomes parallel, and a second op reduces it. Returns
/// whether it did.
bool splitReduction(GenericOp op);

/// A reduction that computes costly terms which an elementwise op before it has
/// computed too (the gradients of a GELU's input and of the bias before it)
/// reads them back instead. Returns whether it was such a reduction.
bool reuseElementwise(GenericOp op);

} // namespace colossal::schedule::cpu

#endif // COLOSSAL_LIB_SCHEDULE_CPU_REWRITES_H
