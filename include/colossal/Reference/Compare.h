//===- Compare.h - Random tensors and their comparison ----------*- C++ -*-===//

#ifndef COLOSSAL_REFERENCE_COMPARE_H
#define COLOSSAL_REFERENCE_COMPARE_H

#include "colossal/Reference/Tensor.h"

namespace colossal::reference {

/// The Euclidean norm of what is finite.
double normOf(const Tensor &tensor);

/// |found - expected| / |expected| by Euclidean norms; the absolute norm where
/// expected is zero. Equal infinities and NaNs at the same place do not
/// count; one that is not matched makes the result infinite, as do different
/// shapes.
double relativeError(const Tensor &found, const Tensor &expected);

/// A generator with the same numbers on every platform (splitmix64).
class Random {
public:
  explicit Random(uint64_t seed) : state(seed) {}
  uint64_t next();
  /// In [low, high].
  int64_t integer(int64_t low, int64_t high);
  /// In [-1, 1).
  double real();
  /// Approximately normal: mean 0, deviation 1.
  double normal();

private:
  uint64_t state;
};

/// Floats normal with the given deviation, integers in [low, high], booleans
/// fair.
Tensor randomTensor(mlir::RankedTensorType type, Random &random,
                    double deviation = 1.0, int64_t low = 0, int64_t high = 9);

} // namespace colossal::reference

#endif // COLOSSAL_REFERENCE_COMPARE_H
