//===- CpuGeneration.h - The vector instructions in use ---------*- C++ -*-===//
//
// Three generations of x86-64 are told apart, by the names that compilers give
// them: x86-64 (SSE2), x86-64-v3 (AVX2 and fused multiply-add) and x86-64-v4
// (AVX-512). COLOSSAL_MAX_CPU=x86-64-v3 in the environment makes a process take
// its CPU for an older one, in everything: own kernels, oneDNN and the target
// "host" of the compiler. So one machine tests all of them.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_SUPPORT_CPUGENERATION_H
#define COLOSSAL_SUPPORT_CPUGENERATION_H

namespace colossal {

enum class CpuGeneration { Baseline, Avx2, Avx512 };

/// What the CPU has, at most what COLOSSAL_MAX_CPU allows.
CpuGeneration cpuGeneration();

/// Whether the CPU multiplies pairs of bf16 (AVX-512 BF16). Where
/// COLOSSAL_MAX_CPU is set it does not: x86-64-v4 has no such instruction.
bool computesBFloat16();

/// Whether COLOSSAL_MAX_CPU takes something away from this CPU.
bool isCpuLimited();

/// "x86-64", "x86-64-v3" or "x86-64-v4".
const char *nameOf(CpuGeneration generation);

} // namespace colossal

#endif // COLOSSAL_SUPPORT_CPUGENERATION_H
