//===- MatrixProduct.h - A Gemm op on oneDNN --------------------*- C++ -*-===//
//
// One object per Gemm op, made at load: it holds the library's primitive, so a
// step only sets pointers. The library wants unit strides: of C along n (where
// C has them along m, the transposed product is computed), of A and B along one
// of their dimensions. An operand that has none is packed into scratch first,
// and a C that has none is unpacked from it.
//
// Scratch is the caller's: one region serves all ops of a rank.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_LIB_RUN_MATRIXPRODUCT_H
#define COLOSSAL_LIB_RUN_MATRIXPRODUCT_H

#include "Threads.h"
#include "colossal/Run/RankProgram.h"

#include <memory>

namespace colossal::rank {

class MatrixProduct {
public:
  /// `threads` do the copies; the library takes as many as are set for it.
  MatrixProduct(const Gemm &gemm, const Threads &threads);
  ~MatrixProduct();
  MatrixProduct(MatrixProduct &&) noexcept;

  int64_t scratchBytes() const;
  /// The library's name of the implementation, for reports.
  const char *implementation() const;
  void run(const float *a, const float *b, float *c, char *scratch) const;

private:
  struct Impl;
  std::unique_ptr<Impl> impl;
};

/// Multiplications and additions of one product, times two.
double flopsOf(const Gemm &gemm);

} // namespace colossal::rank

#endif // COLOSSAL_LIB_RUN_MATRIXPRODUCT_H
