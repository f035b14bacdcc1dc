//===- LibraryOp.h - Whole ops that the runtime calls -----------*- C++ -*-===//

#ifndef COLOSSAL_LOWER_LIBRARYOP_H
#define COLOSSAL_LOWER_LIBRARYOP_H

#include "colossal/Lower/LowerGroup.h"

#include "colossal/Lower/LibraryOp.h.inc"
#include "colossal/Run/NarrowRows.h"

namespace colossal::lower {

/// The parameter `narrow` of a call over tensors of such elements.
inline int64_t narrowNumberOf(mlir::Type element) {
  return rank::narrowNumber(element.isF16()    ? rank::DType::F16
                            : element.isBF16() ? rank::DType::BF16
                                               : rank::DType::F32);
}

} // namespace colossal::lower

#endif // COLOSSAL_LOWER_LIBRARYOP_H
