//===- Narrow.h - Convolution of 16 bits by that of f32 ---------*- C++ -*-===//
//
// Some samples at a time are widened into scratch, convolved in f32 and
// rounded, unless the result is f32: sums are never in 16 bits, and memory is
// that of a few samples. The gradient of weights is added up over the pieces in
// f32.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_OPS_CONVOLUTION_RUN_NARROW_H
#define COLOSSAL_OPS_CONVOLUTION_RUN_NARROW_H

#include "Colossal/Ops/Convolution/Run/Call.h"

namespace colossal::rank {

class NarrowConvolution : public LibraryRoutine {
public:
  NarrowConvolution(const Convolution &convolution, const Threads &threads);

  int64_t scratchBytes() const override;
  /// As ConvolutionRoutine's.
  void reserve(int64_t bytes) { reserved = bytes; }
  void run(char *const *operands, const int64_t *indices, size_t indexCount,
           char *scratch) const override;

private:
  /// x, w and y, by their number in elementsOf().
  enum Tensor { X, W, Y };
  /// Of each pass, in the order of the operands; the result is the last.
  static constexpr Tensor orders[3][3] = {{X, W, Y}, {Y, W, X}, {X, Y, W}};
  /// A piece's tensors in f32.
  struct Wide {
    float *tensors[3];
    float *sum; ///< of the weights' gradients of earlier pieces
    char *scratch;
  };
  Wide wideIn(char *scratch) const;
  void widen(float *to, const char *from, int64_t count) const;
  void narrow(char *to, const float *from, int64_t count) const;
  void addWeights(float *sum, const float *part) const;

  Convolution c;
  const Threads &threads;
  int64_t samplesPerPiece = 1, reserved = 0;
  int64_t perSample[3]; ///< elements of x, -, y
  int64_t bytes[3];     ///< of a piece in f32
  /// Of a full piece, and of the last one where that has fewer samples.
  std::unique_ptr<LibraryRoutine> full, last;
};

} // namespace colossal::rank

#endif // COLOSSAL_OPS_CONVOLUTION_RUN_NARROW_H
