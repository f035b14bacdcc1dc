//===- NarrowRows.cpp - Rows of bf16 as rows of f32, and back -------------===//

#include "colossal/Run/NarrowRows.h"

namespace colossal::rank {

/// Loops that the compiler vectorises; the loader picks one.
#define COLOSSAL_CLONES                                                        \
  __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))

COLOSSAL_CLONES
void widenRow(float *__restrict to, const BFloat16 *__restrict from,
              int64_t count) {
  for (int64_t i = 0; i < count; ++i)
    to[i] = from[i];
}

COLOSSAL_CLONES
void narrowRow(BFloat16 *__restrict to, const float *__restrict from,
               int64_t count) {
  for (int64_t i = 0; i < count; ++i)
    to[i] = from[i];
}

} // namespace colossal::rank
