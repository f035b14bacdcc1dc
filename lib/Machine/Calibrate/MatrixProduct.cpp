//===- MatrixProduct.cpp - One product of the runtime ---------------------===//

#include "MatrixProduct.h"

#include "HugePages.h"
#include "colossal/Run/MatrixProduct.h"

using namespace colossal;
using namespace colossal::machine;

static rank::Gemm gemmOf(const machine::MatrixProduct::Sizes &sizes) {
  rank::Gemm gemm;
  gemm.m = sizes.m;
  gemm.n = sizes.n;
  gemm.k = sizes.k;
  gemm.aM = sizes.transposedA ? 1 : sizes.k;
  gemm.aK = sizes.transposedA ? sizes.m : 1;
  gemm.bK = sizes.transposedB ? 1 : sizes.n;
  gemm.bN = sizes.transposedB ? sizes.k : 1;
  gemm.cM = sizes.n;
  gemm.cN = 1;
  if (sizes.isNarrow)
    gemm.dtype = gemm.result = rank::DType::BF16;
  return gemm;
}

struct machine::MatrixProduct::Parts {
  /// A team of one leaves the number of threads of the process alone.
  Parts(const Sizes &sizes, int64_t count)
      : threads(count > 1 ? rank::Threads(int(count)) : rank::Threads::alone()),
        product(gemmOf(sizes), threads),
        scratch(product.scratchBytes() / 4, 0.0f) {}
  rank::Threads threads;
  rank::MatrixProduct product;
  HugePages scratch;
};

machine::MatrixProduct::MatrixProduct(const Sizes &sizes, int64_t threads)
    : parts(std::make_unique<Parts>(sizes, threads)) {}

machine::MatrixProduct::~MatrixProduct() = default;
machine::MatrixProduct::MatrixProduct(MatrixProduct &&) noexcept = default;

void machine::MatrixProduct::run(const float *a, const float *b,
                                 float *c) const {
  parts->product.run(a, b, c, reinterpret_cast<char *>(parts->scratch.data()));
}
