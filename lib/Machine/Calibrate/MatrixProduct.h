//===- MatrixProduct.h - One product of the runtime -------------*- C++ -*-===//

#ifndef COLOSSAL_LIB_MACHINE_CALIBRATE_MATRIXPRODUCT_H
#define COLOSSAL_LIB_MACHINE_CALIBRATE_MATRIXPRODUCT_H

#include <cstdint>
#include <memory>

namespace colossal::machine {

/// C = A B in f32 or bf16, row-major C of [m, n], with the code that will run
/// it. A and B by their strides, so that transposed operands need no copy.
class MatrixProduct {
public:
  struct Sizes {
    int64_t m = 1, n = 1, k = 1;
    bool transposedA = false; ///< A is stored [k, m]
    bool transposedB = false; ///< B is stored [n, k]
    bool isNarrow = false;    ///< all three of bf16
    double flops() const { return 2.0 * double(m) * double(n) * double(k); }
  };
  explicit MatrixProduct(const Sizes &sizes, int64_t threads = 1);
  ~MatrixProduct();
  MatrixProduct(MatrixProduct &&) noexcept;

  /// Of bf16 the operands are the first bytes of what is given.
  void run(const float *a, const float *b, float *c) const;

private:
  struct Parts;
  std::unique_ptr<Parts> parts;
};

} // namespace colossal::machine

#endif // COLOSSAL_LIB_MACHINE_CALIBRATE_MATRIXPRODUCT_H
