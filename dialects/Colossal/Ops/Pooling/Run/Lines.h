//===- Lines.h - Element by element along a line ----------------*- C++ -*-===//

#ifndef COLOSSAL_OPS_POOLING_RUN_LINES_H
#define COLOSSAL_OPS_POOLING_RUN_LINES_H

#include <cstdint>

namespace colossal::rank {

/// Whether `value` takes the place of the largest so far: a NaN always does,
/// and is not replaced by a number.
inline bool takesPlace(float value, float largest) {
  return value > largest || value != value;
}

/// largest[i] = max(largest[i], line[i]); NaN stays.
void maximumLine(float *largest, const float *line, int64_t count);
/// The same; number[i] = `own` where line[i] takes the place.
void numberedMaximumLine(float *largest, int32_t *number, const float *line,
                         int32_t own, int64_t count);
/// sum[i] += line[i].
void addLine(float *sum, const float *line, int64_t count);
/// line[i] /= divisor.
void divideLine(float *line, float divisor, int64_t count);

} // namespace colossal::rank

#endif // COLOSSAL_OPS_POOLING_RUN_LINES_H
