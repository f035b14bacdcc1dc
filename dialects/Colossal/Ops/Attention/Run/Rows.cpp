//===- Rows.cpp - Soft maximum of rows of scores --------------------------===//
//
// Written on vectors of 16 floats, compiled for three generations of x86-64;
// the loader picks one. The order of additions is that of the vectors, so it is
// the same on all of them (the rounding is not: multiply-add is fused where the
// machine can).
//
//===----------------------------------------------------------------------===//

#include "Rows.h"

#include <cmath>
#include <cstring>

namespace colossal::rank {

namespace {

#define COLOSSAL_CLONES                                                        \
  __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#define COLOSSAL_INLINE __attribute__((always_inline)) inline

typedef float Vector __attribute__((vector_size(64)));
typedef int32_t Integers __attribute__((vector_size(64)));
constexpr int64_t kLanes = 16;

COLOSSAL_INLINE void load(Vector &v, const float *from, int64_t lanes,
                          float filler) {
  if (lanes == kLanes) {
    memcpy(&v, from, sizeof(v));
    return;
  }
  for (int64_t i = 0; i < kLanes; ++i)
    v[i] = i < lanes ? from[i] : filler;
}

COLOSSAL_INLINE void store(const Vector &v, float *to, int64_t lanes) {
  if (lanes == kLanes) {
    memcpy(to, &v, sizeof(v));
    return;
  }
  for (int64_t i = 0; i < lanes; ++i)
    to[i] = v[i];
}

/// x = exp(x) for x <= 88: 2^n times a polynomial on [-ln 2 / 2, ln 2 / 2]
/// (coefficients of Cephes' expf), relative error below 2e-7. Below -87.3 the
/// result is 0; NaN stays.
COLOSSAL_INLINE void exponential(Vector &x) {
  const float shifter = 12582912.0f; // 1.5 * 2^23: rounds to an integer
  Vector n = x * 1.44269504088896341f + shifter;
  n = n - shifter;
  Vector r = x - n * 0.693359375f;
  r = r - n * -2.12194440e-4f;
  Vector p = r * 1.9875691500e-4f + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * (r * r) + r + 1.0f;
  Integers valid = x >= -87.3f;
  Vector zero = {};
  Vector bounded = valid ? n : zero;
  Integers exponent = __builtin_convertvector(bounded, Integers);
  exponent = (exponent + 127) << 23;
  Vector power;
  memcpy(&power, &exponent, sizeof(power));
  Vector result = p * power;
  Vector invalid = x != x ? x : zero;
  x = valid ? result : invalid;
}

COLOSSAL_INLINE float sumOf(const Vector &v) {
  float lanes[kLanes];
  memcpy(lanes, &v, sizeof(v));
  for (int64_t width = kLanes / 2; width > 0; width /= 2)
    for (int64_t i = 0; i < width; ++i)
      lanes[i] += lanes[i + width];
  return lanes[0];
}

COLOSSAL_INLINE float maximumOf(const Vector &v) {
  float largest = v[0];
  for (int64_t i = 1; i < kLanes; ++i)
    largest = v[i] > largest ? v[i] : largest;
  return largest;
}

COLOSSAL_INLINE int64_t lanesAt(int64_t i, int64_t count) {
  return count - i < kLanes ? count - i : kLanes;
}

} // namespace

COLOSSAL_CLONES
float softmaxRow(float *row, int64_t visible, int64_t count, float scale,
                 float &maximum) {
  Vector x, largest;
  for (int64_t i = 0; i < kLanes; ++i)
    largest[i] = -INFINITY;
  for (int64_t i = 0; i < visible; i += kLanes) {
    load(x, row + i, lanesAt(i, visible), -INFINITY);
    largest = x > largest ? x : largest;
  }
  maximum = maximumOf(largest) * scale;
  float sum = 0;
  // A row of -infinity alone has no probabilities; its NaNs, if any, stay.
  float shift = maximum == -INFINITY ? 0.0f : maximum;
  Vector total = {};
  for (int64_t i = 0; i < visible; i += kLanes) {
    int64_t lanes = lanesAt(i, visible);
    load(x, row + i, lanes, -INFINITY);
    x = x * scale - shift;
    exponential(x);
    total += x;
    store(x, row + i, lanes);
  }
  sum = sumOf(total);
  if (count > visible)
    memset(row + visible, 0, size_t(count - visible) * sizeof(float));
  return sum;
}

COLOSSAL_CLONES
void probabilityRow(float *row, int64_t visible, int64_t count, float scale,
                    float logSum) {
  if (logSum == -INFINITY)
    visible = 0;
  Vector x;
  for (int64_t i = 0; i < visible; i += kLanes) {
    int64_t lanes = lanesAt(i, visible);
    load(x, row + i, lanes, -INFINITY);
    x = x * scale - logSum;
    exponential(x);
    store(x, row + i, lanes);
  }
  if (count > visible)
    memset(row + visible, 0, size_t(count - visible) * sizeof(float));
}

COLOSSAL_CLONES
void scoreGradientRow(float *gradient, const float *probability, int64_t count,
                      float scale, float delta) {
  Vector g, p;
  for (int64_t i = 0; i < count; i += kLanes) {
    int64_t lanes = lanesAt(i, count);
    load(g, gradient + i, lanes, 0.0f);
    load(p, probability + i, lanes, 0.0f);
    g = p * (g - delta) * scale;
    store(g, gradient + i, lanes);
  }
}

COLOSSAL_CLONES
void scaleRow(float *row, int64_t count, float factor) {
  Vector x;
  for (int64_t i = 0; i < count; i += kLanes) {
    int64_t lanes = lanesAt(i, count);
    load(x, row + i, lanes, 0.0f);
    x = x * factor;
    store(x, row + i, lanes);
  }
}

} // namespace colossal::rank
