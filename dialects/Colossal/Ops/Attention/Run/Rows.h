//===- Rows.h - Soft maximum of rows of scores ------------------*- C++ -*-===//

#ifndef COLOSSAL_OPS_ATTENTION_RUN_ROWS_H
#define COLOSSAL_OPS_ATTENTION_RUN_ROWS_H

#include <cstdint>

namespace colossal::rank {

/// row[i] = exp(scale * row[i] - maximum) for i < visible, 0 up to `count`.
/// Returns the sum; `maximum` is the largest scale * row[i] (-infinity where
/// nothing is visible, then all is 0). scale > 0.
float softmaxRow(float *row, int64_t visible, int64_t count, float scale,
                 float &maximum);

/// row[i] = exp(scale * row[i] - logSum) for i < visible, 0 up to `count`.
void probabilityRow(float *row, int64_t visible, int64_t count, float scale,
                    float logSum);

/// gradient[i] = scale * probability[i] * (gradient[i] - delta).
void scoreGradientRow(float *gradient, const float *probability, int64_t count,
                      float scale, float delta);

/// row[i] *= factor.
void scaleRow(float *row, int64_t count, float factor);

} // namespace colossal::rank

#endif // COLOSSAL_OPS_ATTENTION_RUN_ROWS_H
