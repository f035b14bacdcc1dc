//===- VectorMath.h - Loops as generated kernels would run them -*- C++ -*-===//

#ifndef COLOSSAL_LIB_MACHINE_CALIBRATE_VECTORMATH_H
#define COLOSSAL_LIB_MACHINE_CALIBRATE_VECTORMATH_H

#include <cstdint>
#include <cstring>

/// Compiles a function once per instruction set; the machine takes the best.
#if defined(__x86_64__) && defined(__clang__)
#define COLOSSAL_VECTORIZED                                                    \
  __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define COLOSSAL_VECTORIZED
#endif

namespace colossal::machine {

/// exp by 2^n times a polynomial of degree 5 (relative error 1e-6 in range);
/// branchless, so that loops over it become vector code.
__attribute__((always_inline)) inline float fastExp(float x) {
  x = x < -87.0f ? -87.0f : x > 87.0f ? 87.0f : x;
  float scaled = x * 1.4426950409f;
  auto n = int32_t(scaled < 0.0f ? scaled - 0.5f : scaled + 0.5f);
  float r = x - float(n) * 0.6931471806f;
  float p = 0.0083333333f;
  p = p * r + 0.0416666667f;
  p = p * r + 0.1666666667f;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  int32_t bits = (n + 127) << 23;
  float power;
  std::memcpy(&power, &bits, sizeof power);
  return p * power;
}

} // namespace colossal::machine

#endif // COLOSSAL_LIB_MACHINE_CALIBRATE_VECTORMATH_H
