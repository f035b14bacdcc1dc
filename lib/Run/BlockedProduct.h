//===- BlockedProduct.h - A matrix product of our own -----------*- C++ -*-===//
//
// Products where the library has no fast code that leaves memory to the caller:
// any strides, any CPU, nothing allocated. After Goto and van de Geijn (Anatomy
// of High-Performance Matrix Multiplication): blocks of A and B are copied into
// scratch in the order in which the inner loops read them, so strides cost
// nothing there. Each element is one sum over k in pieces of kDepth, whatever
// the threads: their number does not change the bits. Operands of 16 bits
// become f32 as they are copied, or pairs of bf16 where the CPU multiplies
// those; a result of 16 bits is rounded once, from the whole sum.
//
// Scratch is a function of the extents and the threads alone, not of the CPU.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_LIB_RUN_BLOCKEDPRODUCT_H
#define COLOSSAL_LIB_RUN_BLOCKEDPRODUCT_H

#include "colossal/Run/RankProgram.h"
#include "colossal/Run/Threads.h"

namespace colossal::rank {

/// What `run` needs, bytes.
int64_t blockedScratchBytes(const Gemm &gemm, int threads);

/// Of the inner loops for operands of a type, for reports.
const char *blockedName(DType operands);

/// C (+)= A B, of the types that `gemm` says.
void runBlocked(const Gemm &gemm, const Threads &threads, const void *a,
                const void *b, void *c, char *scratch);

} // namespace colossal::rank

#endif // COLOSSAL_LIB_RUN_BLOCKEDPRODUCT_H
