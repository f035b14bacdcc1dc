//===- NarrowRows.h - Rows of bf16 as rows of f32, and back -----*- C++ -*-===//
//
// How routines that compute in f32 read and write operands of bf16. Exact one
// way, rounded to nearest the other (Support/BFloat16.h). Rows do not overlap.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_RUN_NARROWROWS_H
#define COLOSSAL_RUN_NARROWROWS_H

#include "colossal/Support/BFloat16.h"

namespace colossal::rank {

void widenRow(float *to, const BFloat16 *from, int64_t count);
void narrowRow(BFloat16 *to, const float *from, int64_t count);

} // namespace colossal::rank

#endif // COLOSSAL_RUN_NARROWROWS_H
