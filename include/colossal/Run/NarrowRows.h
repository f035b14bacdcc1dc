//===- NarrowRows.h - Rows of 16 bits as rows of f32, and back --*- C++ -*-===//
//
// How routines that compute in f32 read and write operands of bf16 and f16.
// Exact one way, rounded to nearest the other (Support/NarrowFloats.h). Rows do
// not overlap.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_RUN_NARROWROWS_H
#define COLOSSAL_RUN_NARROWROWS_H

#include "colossal/Run/RankProgram.h"
#include "colossal/Support/NarrowFloats.h"

namespace colossal::rank {

void widenRow(float *to, const BFloat16 *from, int64_t count);
void widenRow(float *to, const Float16 *from, int64_t count);
void narrowRow(BFloat16 *to, const float *from, int64_t count);
void narrowRow(Float16 *to, const float *from, int64_t count);

inline bool isNarrow(DType type) {
  return type == DType::BF16 || type == DType::F16;
}

/// Calls `visit` with a number of the type. \pre isNarrow(type).
template <class Visit> auto withNarrow(DType type, Visit visit) {
  return type == DType::F16 ? visit(Float16()) : visit(BFloat16());
}

/// How library calls say which floats of 16 bits they take: their parameter
/// `narrow` is 0 for none, 1 for bf16, 2 for f16.
constexpr int64_t kMostNarrow = 2;
inline int64_t narrowNumber(DType type) {
  return type == DType::F16 ? 2 : type == DType::BF16 ? 1 : 0;
}
/// f32 where there are none.
inline DType typeOfNarrow(int64_t number) {
  return number == 2 ? DType::F16 : number == 1 ? DType::BF16 : DType::F32;
}

} // namespace colossal::rank

#endif // COLOSSAL_RUN_NARROWROWS_H
