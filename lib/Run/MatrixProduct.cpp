//===- MatrixProduct.cpp - A Gemm op --------------------------------------===//

#include "colossal/Run/MatrixProduct.h"

#include "BlockedProduct.h"
#include "colossal/Run/LibraryEngine.h"
#include "colossal/Support/CpuGeneration.h"

#include <algorithm>
#include <optional>

namespace colossal::rank {

namespace {

/// Sums of this many terms are ours: the library streams a matrix of that
/// length from memory for every block of rows.
constexpr int64_t kLongSum = 16384;

/// One matrix of a batched product as the library describes it, batch first.
dnnl::memory::desc matrixOf(const Gemm &gemm,
                            const std::vector<int64_t> &batchStrides,
                            int64_t rows, int64_t columns, int64_t rowStride,
                            int64_t columnStride) {
  dnnl::memory::dims extents = gemm.batch, strides = batchStrides;
  extents.insert(extents.end(), {rows, columns});
  strides.insert(strides.end(), {rowStride, columnStride});
  // The stride of an extent of 1 has no meaning; the library still compares
  // it, so it takes the value of a packed matrix.
  int64_t packed = 1;
  for (size_t i = extents.size(); i-- > 0; packed *= extents[i])
    if (extents[i] == 1)
      strides[i] = std::max(packed, strides[i]);
  return dnnl::memory::desc(extents, dnnl::memory::data_type::f32, strides);
}

/// C^T = B^T A^T.
Gemm transposed(const Gemm &gemm) {
  Gemm other = gemm;
  std::swap(other.m, other.n);
  std::swap(other.aBatch, other.bBatch);
  other.aM = gemm.bN;
  other.aK = gemm.bK;
  other.bK = gemm.aK;
  other.bN = gemm.aM;
  other.cM = gemm.cN;
  other.cN = gemm.cM;
  return other;
}

} // namespace

struct MatrixProduct::Impl {
  Impl(const Gemm &gemm, const Threads &threads)
      : gemm(gemm), threads(threads), swapped(gemm.cN != 1 && gemm.cM == 1) {
    if (swapped)
      this->gemm = transposed(gemm);
    bytes = blockedScratchBytes(this->gemm, threads.count());
    name = blockedName(gemm.dtype);
    // Of 16 bits ours are as fast.
    if (gemm.k < kLongSum && gemm.dtype == DType::F32 &&
        cpuGeneration() == CpuGeneration::Avx512)
      tryLibrary();
  }

  void tryLibrary() {
    try {
      dnnl::primitive_attr attributes;
      attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
      if (gemm.accumulate) {
        dnnl::post_ops sum;
        sum.append_sum(1.0f);
        attributes.set_post_ops(sum);
      }
      auto a = matrixOf(gemm, gemm.aBatch, gemm.m, gemm.k, gemm.aM, gemm.aK);
      auto b = matrixOf(gemm, gemm.bBatch, gemm.k, gemm.n, gemm.bK, gemm.bN);
      auto c = matrixOf(gemm, gemm.cBatch, gemm.m, gemm.n, gemm.cM, gemm.cN);
      dnnl::matmul::primitive_desc descriptor(dnnl::matmul::desc(a, b, c),
                                              attributes, libraryEngine());
      std::string found = descriptor.impl_info_str();
      if (found.compare(0, 3, "brg") != 0 ||
          int64_t(descriptor.scratchpad_desc().get_size()) > bytes)
        return;
      ma = dnnl::memory(a, libraryEngine(), nullptr);
      mb = dnnl::memory(b, libraryEngine(), nullptr);
      mc = dnnl::memory(c, libraryEngine(), nullptr);
      ms = dnnl::memory(descriptor.scratchpad_desc(), libraryEngine(), nullptr);
      primitive = dnnl::matmul(descriptor);
      name = found;
    } catch (const dnnl::error &) {
      // It has no code for these strides.
    }
  }

  Gemm gemm; ///< with rows of C contiguous, where they can be
  const Threads &threads;
  bool swapped;
  int64_t bytes = 0;
  std::string name;
  /// The library's, where it does the product.
  std::optional<dnnl::matmul> primitive;
  // One set of memory objects per concurrent caller would be needed if ops of
  // one rank ran at the same time; they do not, except in whole ops, which
  // make one product per thread.
  dnnl::memory ma, mb, mc, ms;
};

MatrixProduct::MatrixProduct(const Gemm &gemm, const Threads &threads)
    : impl(new Impl(gemm, threads)) {}

MatrixProduct::~MatrixProduct() = default;
MatrixProduct::MatrixProduct(MatrixProduct &&) noexcept = default;

int64_t MatrixProduct::scratchBytes() const { return impl->bytes; }
const char *MatrixProduct::implementation() const { return impl->name.c_str(); }

void MatrixProduct::run(const void *a, const void *b, void *c,
                        char *scratch) const {
  const Impl &p = *impl;
  if (p.swapped)
    std::swap(a, b);
  if (!p.primitive)
    return runBlocked(p.gemm, p.threads, a, b, c, scratch);
  const dnnl::memory memories[] = {p.ma, p.mb, p.mc, p.ms};
  void *const data[] = {const_cast<void *>(a), const_cast<void *>(b), c,
                        scratch};
  static const int arguments[] = {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST,
                                  DNNL_ARG_SCRATCHPAD};
  runPrimitive(*p.primitive, arguments, memories, data, 4, "a matrix product");
}

double flopsOf(const Gemm &gemm) {
  double flops = 2.0 * double(gemm.m) * double(gemm.n) * double(gemm.k);
  for (int64_t extent : gemm.batch)
    flops *= double(extent);
  return flops;
}

} // namespace colossal::rank
