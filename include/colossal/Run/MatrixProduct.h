//===- MatrixProduct.h - A Gemm op -----------------------------*- C++ -*-===//
//
// One object per Gemm op, made at load. Where oneDNN has its fast code for the
// CPU and the strides (the batched kernels of AVX-512), and takes no more
// scratch than ours would, it does the product; otherwise ours does: oneDNN's
// other implementations allocate in every call and are no faster.
//
// Scratch is the caller's: one region serves all ops of a rank. Its size
// depends on the extents and the number of threads, not on the CPU: what the
// compiler predicts holds where the bundle runs.
//
// Library: ColossalRunProducts (oneDNN, no MPI).
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_RUN_MATRIXPRODUCT_H
#define COLOSSAL_RUN_MATRIXPRODUCT_H

#include "colossal/Run/RankProgram.h"
#include "colossal/Run/Threads.h"

#include <memory>

namespace colossal::rank {

class MatrixProduct {
public:
  /// The library takes as many threads as are set for it (Threads).
  MatrixProduct(const Gemm &gemm, const Threads &threads);
  ~MatrixProduct();
  MatrixProduct(MatrixProduct &&) noexcept;

  int64_t scratchBytes() const;
  /// Of the implementation, for reports.
  const char *implementation() const;
  /// Of the types that the Gemm says. `scratch` is aligned to 64 bytes.
  void run(const void *a, const void *b, void *c, char *scratch) const;

private:
  struct Impl;
  std::unique_ptr<Impl> impl;
};

/// Multiplications and additions of one product, times two.
double flopsOf(const Gemm &gemm);

} // namespace colossal::rank

#endif // COLOSSAL_RUN_MATRIXPRODUCT_H
