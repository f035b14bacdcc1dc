//===- MatrixProduct.h - One oneDNN matrix product --------------*- C++ -*-===//

#ifndef COLOSSAL_LIB_MACHINE_CALIBRATE_MATRIXPRODUCT_H
#define COLOSSAL_LIB_MACHINE_CALIBRATE_MATRIXPRODUCT_H

#include <cstdint>
#include <memory>

namespace colossal::machine {

/// C = A B in f32, row-major C of [m, n]; A and B by their strides, so that
/// transposed operands need no copy.
class MatrixProduct {
public:
  struct Sizes {
    int64_t m = 1, n = 1, k = 1;
    bool transposedA = false; ///< A is stored [k, m]
    bool transposedB = false; ///< B is stored [n, k]
    double flops() const { return 2.0 * double(m) * double(n) * double(k); }
  };
  explicit MatrixProduct(const Sizes &sizes);
  ~MatrixProduct();
  MatrixProduct(MatrixProduct &&) noexcept;

  /// False if oneDNN refused the product.
  bool isValid() const;
  void run(const float *a, const float *b, float *c) const;

private:
  struct Handles;
  std::unique_ptr<Handles> handles;
};

} // namespace colossal::machine

#endif // COLOSSAL_LIB_MACHINE_CALIBRATE_MATRIXPRODUCT_H
