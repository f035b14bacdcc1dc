//===- TestKernels.cpp - Kernels of the test programs ---------------------===//

#include "TrainingProgram.h"

#include <unistd.h>

using namespace colossal::rank;
using namespace colossal::rank::test;

// {y, t, loss, dy}: loss += sum (y - t)^2 / n, dy = 2 (y - t) / n. One row is
// one iteration; loss is a serial sum, so the range is 1 over all rows.
void loss(const ColossalArgs *args, int64_t begin, int64_t end) {
  auto *y = static_cast<const float *>(args->buffers[0]);
  auto *t = static_cast<const float *>(args->buffers[1]);
  auto *sum = static_cast<float *>(args->buffers[2]);
  auto *dy = static_cast<float *>(args->buffers[3]);
  int64_t rows = args->indices[0];
  for (int64_t piece = begin; piece < end; ++piece)
    for (int64_t i = 0; i < rows * kOut; ++i) {
      float difference = y[i] - t[i];
      *sum += difference * difference / float(kBatch);
      dy[i] = 2 * difference / float(kBatch);
    }
}

// {g, lr, w}: w -= lr g; one element an iteration.
void sgd(const ColossalArgs *args, int64_t begin, int64_t end) {
  auto *g = static_cast<const float *>(args->buffers[0]);
  auto *lr = static_cast<const float *>(args->buffers[1]);
  auto *w = static_cast<float *>(args->buffers[2]);
  for (int64_t i = begin; i < end; ++i)
    w[i] -= *lr * g[i];
}

// Hangs where the first index is 1.
void stall(const ColossalArgs *args, int64_t begin, int64_t end) {
  if (args->indices[0] == 1)
    sleep(60);
}
