//===- RandomNumber.h - colossal.random in a kernel -------------*- C++ -*-===//

#ifndef COLOSSAL_LIB_LOWER_RANDOMNUMBER_H
#define COLOSSAL_LIB_LOWER_RANDOMNUMBER_H

#include "colossal/Lower/KernelFrame.h"

namespace colossal::lower {

/// At the builder's position. `isWide`: the index may need more than 32 bits.
mlir::Value emitRandom(KernelFrame &frame, RandomOp op,
                       mlir::ValueRange operands, bool isWide);

} // namespace colossal::lower

#endif // COLOSSAL_LIB_LOWER_RANDOMNUMBER_H
