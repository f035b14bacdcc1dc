//===- NarrowRows.cpp - Rows of 16 bits as rows of f32, and back ----------===//

#include "colossal/Run/NarrowRows.h"

namespace colossal::rank {

/// Loops that the compiler vectorises; the loader picks one.
#define COLOSSAL_CLONES                                                        \
  __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))

#define COLOSSAL_NARROW_ROWS(Narrow)                                           \
  COLOSSAL_CLONES void widenRow(                                               \
      float *__restrict to, const Narrow *__restrict from, int64_t count) {    \
    for (int64_t i = 0; i < count; ++i)                                        \
      to[i] = from[i];                                                         \
  }                                                                            \
  COLOSSAL_CLONES void narrowRow(                                              \
      Narrow *__restrict to, const float *__restrict from, int64_t count) {    \
    for (int64_t i = 0; i < count; ++i)                                        \
      to[i] = from[i];                                                         \
  }

COLOSSAL_NARROW_ROWS(BFloat16)
COLOSSAL_NARROW_ROWS(Float16)

} // namespace colossal::rank
