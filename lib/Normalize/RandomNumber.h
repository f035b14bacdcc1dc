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

} // namespace colossal::normalize

#endif // COLOSSAL_LIB_NORMALIZE_RANDOMNUMBER_H
