//===- Window.h - The windows of one dimension of a pool --------*- C++ -*-===//
//
// Read by the verifier, the interpreter and the routine (no MLIR).
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_OPS_POOLING_RUN_WINDOW_H
#define COLOSSAL_OPS_POOLING_RUN_WINDOW_H

#include <algorithm>
#include <cstdint>

namespace colossal::rank {

/// `output` windows over `input` elements; adaptive if `kernel` is 0.
struct PoolDim {
  int64_t input = 1, output = 1;
  int64_t kernel = 1, stride = 1, padding = 0, dilation = 1;
};

/// Elements begin, begin + step... below end.
struct PoolWindow {
  int64_t begin = 0, end = 0, step = 1;
  /// What an average divides by if it counts padding.
  int64_t padded = 0;

  int64_t size() const {
    return end > begin ? (end - begin + step - 1) / step : 0;
  }
};

inline PoolWindow windowOf(const PoolDim &dim, int64_t number) {
  PoolWindow window;
  if (dim.kernel == 0) {
    window.begin = number * dim.input / dim.output;
    window.end = ((number + 1) * dim.input + dim.output - 1) / dim.output;
    window.padded = window.end - window.begin;
    return window;
  }
  int64_t start = number * dim.stride - dim.padding;
  int64_t last = start + (dim.kernel - 1) * dim.dilation;
  window.step = dim.dilation;
  window.end = std::min(last + 1, dim.input);
  // The first element of the window that exists.
  window.begin = start;
  if (start < 0)
    window.begin += (-start + dim.dilation - 1) / dim.dilation * dim.dilation;
  window.padded =
      (std::min(last + 1, dim.input + dim.padding) - start + dim.dilation - 1) /
      dim.dilation;
  return window;
}

} // namespace colossal::rank

#endif // COLOSSAL_OPS_POOLING_RUN_WINDOW_H
