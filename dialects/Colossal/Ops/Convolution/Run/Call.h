//===- Call.h - Convolution as a library function ---------------*- C++ -*-===//
//
// The functions "convolution", "convolution_backward_data" and
// "convolution_backward_weights" of a LibraryCall.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_OPS_CONVOLUTION_RUN_CALL_H
#define COLOSSAL_OPS_CONVOLUTION_RUN_CALL_H

#include "colossal/Run/LibraryFunction.h"

#include <array>

namespace colossal::rank {

/// Over dense row-major tensors of f32 (or of what `narrow` says, added up in
/// f32; with `wideResult` the result is f32 nevertheless)
///   x [samples, groups * channels, input...],
///   w [groups * outputs, channels, taps...],
///   y [samples, groups * outputs, output...],
/// or, where `channelsLast` is 1,
///   x [samples, input..., groups * channels],
///   y [samples, output..., groups * outputs],
/// with elements of x outside of it zero:
///   y[n, (g, o), j] = sum over c, t of
///       x[n, (g, c), stride * j + dilation * t - padding] * w[(g, o), c, t].
/// Forward: x, w -> y. Backward, the derivative of that by x: y, w -> x, and by
/// w: x, y -> w. Spatial sizes are three, the last ones used.
struct Convolution {
  enum class Pass { Forward, BackwardData, BackwardWeights };
  using Sizes = std::array<int64_t, 3>;
  Pass pass = Pass::Forward;
  int64_t samples = 1, groups = 1, outputs = 1, channels = 1;
  Sizes input = {1, 1, 1}, taps = {1, 1, 1}, output = {1, 1, 1};
  Sizes stride = {1, 1, 1}, padding = {0, 0, 0}, dilation = {1, 1, 1};
  int64_t channelsLast = 0;
  int64_t narrow = 0; ///< floats of 16 bits (Run/NarrowRows.h)
  int64_t wideResult = 0;
};

/// Product of the sizes.
inline int64_t pointsOf(const Convolution::Sizes &sizes) {
  return sizes[0] * sizes[1] * sizes[2];
}
/// Elements of x, w and y.
std::array<int64_t, 3> elementsOf(const Convolution &convolution);

/// Fields of the struct are the parameters' names, with the number of the
/// dimension behind sizes (`input2`).
LibraryCall callOf(const Convolution &convolution);
/// Parameters that are missing keep their defaults.
Convolution convolutionOf(const LibraryCall &call);

void checkConvolution(OperandFaults &faults, const std::string &place,
                      const Op &op);
std::unique_ptr<LibraryRoutine>
makeConvolution(const Op &op, const Threads &threads, KernelFunction kernel);

} // namespace colossal::rank

#endif // COLOSSAL_OPS_CONVOLUTION_RUN_CALL_H
