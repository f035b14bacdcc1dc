//===- NarrowBits.h - Floats of 16 bits in kernels --------------*- C++ -*-===//

#ifndef COLOSSAL_LIB_LOWER_NARROWBITS_H
#define COLOSSAL_LIB_LOWER_NARROWBITS_H

#include "colossal/Lower/KernelFrame.h"

namespace colossal::lower {

/// The f32 that is the number of `element` (bf16, f16) with these bits, an i16.
mlir::Value widenBits(KernelFrame &frame, mlir::Type element, mlir::Value bits);

/// The bits, an i16, of the number of `element` that is nearest to an f32.
mlir::Value narrowBits(KernelFrame &frame, mlir::Type element,
                       mlir::Value value);

} // namespace colossal::lower

#endif // COLOSSAL_LIB_LOWER_NARROWBITS_H
