//===- Lines.cpp - Element by element along a line ------------------------===//
//
// Written on vectors of 16 floats, compiled for three generations of x86-64;
// the loader picks one. Elements do not meet, so bits are the same on all.
//
//===----------------------------------------------------------------------===//

#include "Lines.h"

#include <cstring>

namespace colossal::rank {

namespace {

#define COLOSSAL_CLONES                                                        \
  __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))

typedef float Vector __attribute__((vector_size(64)));
typedef int32_t Integers __attribute__((vector_size(64)));
constexpr int64_t kLanes = 16;

} // namespace

COLOSSAL_CLONES
void maximumLine(float *largest, const float *line, int64_t count) {
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    Vector old, v;
    memcpy(&old, largest + i, sizeof(old));
    memcpy(&v, line + i, sizeof(v));
    Integers takes = (v > old) | (v != v);
    old = takes ? v : old;
    memcpy(largest + i, &old, sizeof(old));
  }
  for (; i < count; ++i)
    largest[i] = takesPlace(line[i], largest[i]) ? line[i] : largest[i];
}

COLOSSAL_CLONES
void numberedMaximumLine(float *largest, int32_t *number, const float *line,
                         int32_t own, int64_t count) {
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    Vector old, v;
    Integers numbers;
    memcpy(&old, largest + i, sizeof(old));
    memcpy(&v, line + i, sizeof(v));
    memcpy(&numbers, number + i, sizeof(numbers));
    Integers takes = (v > old) | (v != v), all = numbers * 0 + own;
    old = takes ? v : old;
    numbers = takes ? all : numbers;
    memcpy(largest + i, &old, sizeof(old));
    memcpy(number + i, &numbers, sizeof(numbers));
  }
  for (; i < count; ++i)
    if (takesPlace(line[i], largest[i])) {
      largest[i] = line[i];
      number[i] = own;
    }
}

COLOSSAL_CLONES
void addLine(float *sum, const float *line, int64_t count) {
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    Vector old, v;
    memcpy(&old, sum + i, sizeof(old));
    memcpy(&v, line + i, sizeof(v));
    old += v;
    memcpy(sum + i, &old, sizeof(old));
  }
  for (; i < count; ++i)
    sum[i] += line[i];
}

COLOSSAL_CLONES
void divideLine(float *line, float divisor, int64_t count) {
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    Vector v;
    memcpy(&v, line + i, sizeof(v));
    v /= divisor;
    memcpy(line + i, &v, sizeof(v));
  }
  for (; i < count; ++i)
    line[i] /= divisor;
}

} // namespace colossal::rank
