//===- LayoutOp.h - Whole ops with a choice of layout -----------*- C++ -*-===//

#ifndef COLOSSAL_TRANSFORMS_LAYOUTOP_H
#define COLOSSAL_TRANSFORMS_LAYOUTOP_H

#include "Colossal/IR/ColossalDialect.h"

namespace colossal {

enum class LayoutWish {
  First, ///< channels as they are: last, it would be slower
  Any,
  Last ///< channels last: it is faster
};

} // namespace colossal

#include "Colossal/Transforms/LayoutOp.h.inc"

#endif // COLOSSAL_TRANSFORMS_LAYOUTOP_H
