//===- Patches.h - The parts of x under the weights, as a matrix *- C++ -*-===//
//
// With the patches of x as a matrix [(channel, tap), output position], a
// convolution is a matrix product.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_OPS_CONVOLUTION_RUN_PATCHES_H
#define COLOSSAL_OPS_CONVOLUTION_RUN_PATCHES_H

#include "Colossal/Ops/Convolution/Run/Call.h"

namespace colossal::rank {

/// Elements from one channel of x or y to the next, and from one position.
struct ImageStrides {
  int64_t channel, position;
};
ImageStrides inputStrides(const Convolution &convolution);
ImageStrides outputStrides(const Convolution &convolution);

/// matrix[(c, t)][j - begin] = x[c][stride * j + dilation * t - padding], zero
/// outside of x, for `channels` channels of one sample and the output positions
/// [begin, end) (row-major numbers). Rows of `matrix` are `row` elements apart.
void fillPatches(const Convolution &convolution, const float *x,
                 int64_t channels, int64_t begin, int64_t end, float *matrix,
                 int64_t row);

/// The transpose of that: adds the elements of `matrix` to those of x that they
/// come from.
void addPatches(const Convolution &convolution, float *x, int64_t channels,
                int64_t begin, int64_t end, const float *matrix, int64_t row);

} // namespace colossal::rank

#endif // COLOSSAL_OPS_CONVOLUTION_RUN_PATCHES_H
