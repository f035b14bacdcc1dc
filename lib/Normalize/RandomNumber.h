//===- RandomNumber.h - Random numbers for the elements of a tensor -------===//

#ifndef COLOSSAL_LIB_NORMALIZE_RANDOMNUMBER_H
#define COLOSSAL_LIB_NORMALIZE_RANDOMNUMBER_H

#include "Call.h"

namespace colossal::normalize {

/// A random number for each point of some factors of a generic, from the stream
/// of that name.
class RandomNumber {
public:
  /// Adds the seed and the step as operands.
  RandomNumber(Call &c, GenericBuilder &g, llvm::StringRef stream);
  /// In [0, 1), f32; `in`: the arguments of the body. `factors`: major first;
  /// points that agree in them have one number.
  mlir::Value at(ScalarBuilder &s, mlir::ValueRange in,
                 llvm::ArrayRef<int64_t> factors) const;

private:
  GenericBuilder &g;
  std::string stream;
  unsigned seed, step;
};

/// `value` with each element zero with probability `p` (0 < p <= 1), and else
/// divided by 1 - p. `leading`: elements that agree in so many first dimensions
/// share their fate; all dimensions if nothing.
mlir::Value dropout(Call &c, mlir::Value value, double p,
                    std::optional<int64_t> leading, llvm::StringRef suffix);

} // namespace colossal::normalize

#endif // COLOSSAL_LIB_NORMALIZE_RANDOMNUMBER_H
