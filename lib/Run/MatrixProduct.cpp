//===- MatrixProduct.cpp - A Gemm op on oneDNN ----------------------------===//

#include "MatrixProduct.h"

#include "RunError.h"

#include <algorithm>
#include <cstring>
#include <dnnl.hpp>

namespace colossal::rank {

namespace {

/// One matrix of a batched product: extents and strides, batch first.
struct Matrix {
  std::vector<int64_t> extents, strides;
  int64_t rows() const { return extents[extents.size() - 2]; }
  int64_t columns() const { return extents.back(); }
  int64_t rowStride() const { return strides[strides.size() - 2]; }
  int64_t columnStride() const { return strides.back(); }
  int64_t elements() const {
    int64_t count = 1;
    for (int64_t extent : extents)
      count *= extent;
    return count;
  }
  Matrix transposed() const {
    Matrix other = *this;
    std::swap(other.extents.back(), other.extents[extents.size() - 2]);
    std::swap(other.strides.back(), other.strides[extents.size() - 2]);
    return other;
  }
  Matrix packed() const {
    Matrix other = *this;
    int64_t stride = 1;
    for (size_t i = extents.size(); i-- > 0; stride *= extents[i])
      other.strides[i] = stride;
    return other;
  }
};

Matrix matrixOf(const Gemm &gemm, const std::vector<int64_t> &batchStrides,
                int64_t rows, int64_t columns, int64_t rowStride,
                int64_t columnStride) {
  Matrix matrix{gemm.batch, batchStrides};
  matrix.extents.insert(matrix.extents.end(), {rows, columns});
  matrix.strides.insert(matrix.strides.end(), {rowStride, columnStride});
  // The stride of an extent of 1 has no meaning; the library still compares
  // it, so it takes the value of a packed matrix.
  Matrix packed = matrix.packed();
  for (size_t i = 0; i < matrix.extents.size(); ++i)
    if (matrix.extents[i] == 1)
      matrix.strides[i] = std::max(packed.strides[i], matrix.strides[i]);
  return matrix;
}

/// Whether elements are distinct and one of the last dimensions is unit: what
/// the library has fast code for.
bool isPlain(const Matrix &matrix, bool rowMajorOnly) {
  auto unit = [](int64_t stride, int64_t extent) {
    return stride == 1 || extent == 1;
  };
  if (!unit(matrix.columnStride(), matrix.columns()) &&
      (rowMajorOnly || !unit(matrix.rowStride(), matrix.rows())))
    return false;
  std::vector<std::pair<int64_t, int64_t>> order;
  for (size_t i = 0; i < matrix.extents.size(); ++i)
    if (matrix.extents[i] > 1)
      order.push_back({matrix.strides[i], matrix.extents[i]});
  std::sort(order.begin(), order.end());
  int64_t reach = 1;
  for (auto [stride, extent] : order) {
    if (stride < reach)
      return false;
    reach = stride * extent;
  }
  return true;
}

/// Whether the matrix, perhaps transposed, has no gaps.
bool isDense(const Matrix &matrix) {
  auto same = [](const Matrix &a, const Matrix &b) {
    for (size_t i = 0; i < a.extents.size(); ++i)
      if (a.extents[i] > 1 && a.strides[i] != b.strides[i])
        return false;
    return true;
  };
  Matrix transposed = matrix.transposed();
  return same(matrix, matrix.packed()) || same(transposed, transposed.packed());
}

/// Copies between two matrices of equal extents and other strides.
void copyMatrix(const Threads &threads, const Matrix &from, const float *source,
                const Matrix &to, float *target, bool add) {
  size_t rank = from.extents.size();
  int64_t rows = from.elements() / from.columns();
  int64_t a = from.columnStride(), b = to.columnStride();
  // Rows of all batches are one range, in pieces of 64 KiB at least.
  threads.split(
      rows, 1 + 16384 / from.columns(), [&](int, int64_t begin, int64_t end) {
        for (int64_t line = begin; line < end; ++line) {
          int64_t rest = line, in = 0, out = 0;
          for (size_t i = rank - 1; i-- > 0; rest /= from.extents[i]) {
            in += rest % from.extents[i] * from.strides[i];
            out += rest % from.extents[i] * to.strides[i];
          }
          const float *s = source + in;
          float *t = target + out;
          if (add)
            for (int64_t c = 0; c < from.columns(); ++c)
              t[c * b] += s[c * a];
          else if (a == 1 && b == 1)
            memcpy(t, s, size_t(from.columns()) * sizeof(float));
          else
            for (int64_t c = 0; c < from.columns(); ++c)
              t[c * b] = s[c * a];
        }
      });
}

dnnl::memory::desc descriptorOf(const Matrix &matrix) {
  return dnnl::memory::desc(matrix.extents, dnnl::memory::data_type::f32,
                            matrix.strides);
}

int64_t roundUp(int64_t bytes) { return (bytes + 63) / 64 * 64; }

/// Sums of at least kLongSum terms are cut into pieces of kPiece: otherwise the
/// library streams a matrix of that length from memory for every block of rows.
constexpr int64_t kLongSum = 16384, kPiece = 8192;

const dnnl::engine &cpu() {
  static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

const dnnl::stream &stream() {
  static thread_local const dnnl::stream stream(cpu());
  return stream;
}

} // namespace

struct MatrixProduct::Impl {
  explicit Impl(const Threads &threads) : threads(threads) {}
  const Threads &threads;
  /// Long sums are made piece by piece: then only these do the work.
  struct Piece {
    MatrixProduct product;
    int64_t a, b; ///< first elements
  };
  std::vector<Piece> pieces;
  Matrix a, b, c;       ///< as the op has them
  Matrix pa, pb, pc;    ///< as the library sees them
  bool swapped = false; ///< C^T = B^T A^T
  bool packA = false, packB = false, packC = false, accumulate = false;
  int64_t offsetA = 0, offsetB = 0, offsetC = 0, bytes = 0;
  std::string name;
  dnnl::matmul primitive;
  // One set of memory objects per concurrent caller would be needed if ops of
  // one rank ran at the same time; they do not, except in attention, which
  // makes one product per thread.
  mutable dnnl::memory ma, mb, mc, ms;
};

MatrixProduct::MatrixProduct(const Gemm &gemm, const Threads &threads)
    : impl(new Impl(threads)) {
  Impl &p = *impl;
  if (gemm.k >= kLongSum) {
    for (int64_t first = 0; first < gemm.k; first += kPiece) {
      Gemm part = gemm;
      part.k = std::min(kPiece, gemm.k - first);
      part.accumulate = gemm.accumulate || first > 0;
      p.pieces.push_back(
          {MatrixProduct(part, threads), first * gemm.aK, first * gemm.bK});
      p.bytes = std::max(p.bytes, p.pieces.back().product.scratchBytes());
    }
    p.name = "pieces of " + p.pieces[0].product.impl->name;
    return;
  }
  p.accumulate = gemm.accumulate;
  p.a = matrixOf(gemm, gemm.aBatch, gemm.m, gemm.k, gemm.aM, gemm.aK);
  p.b = matrixOf(gemm, gemm.bBatch, gemm.k, gemm.n, gemm.bK, gemm.bN);
  p.c = matrixOf(gemm, gemm.cBatch, gemm.m, gemm.n, gemm.cM, gemm.cN);
  if (!isPlain(p.c, true) && isPlain(p.c.transposed(), true)) {
    p.swapped = true;
    Matrix a = p.a;
    p.a = p.b.transposed();
    p.b = a.transposed();
    p.c = p.c.transposed();
  }
  p.packA = !isPlain(p.a, false);
  p.packB = !isPlain(p.b, false);
  p.packC = !isPlain(p.c, true);
  auto make = [&] {
    dnnl::primitive_attr attributes;
    attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    if (p.accumulate && !p.packC) {
      dnnl::post_ops sum;
      sum.append_sum(1.0f);
      attributes.set_post_ops(sum);
    }
    p.pa = p.packA ? p.a.packed() : p.a;
    p.pb = p.packB ? p.b.packed() : p.b;
    p.pc = p.packC ? p.c.packed() : p.c;
    return dnnl::matmul::primitive_desc(dnnl::matmul::desc(descriptorOf(p.pa),
                                                           descriptorOf(p.pb),
                                                           descriptorOf(p.pc)),
                                        attributes, cpu());
  };
  try {
    dnnl::matmul::primitive_desc descriptor = make();
    p.name = descriptor.impl_info_str();
    if (p.name.compare(0, 3, "ref") == 0 && !(p.packA && p.packB && p.packC)) {
      // The library only has its reference for these strides: pack.
      p.packA = p.packB = true;
      descriptor = make();
      p.name = descriptor.impl_info_str();
    }
    // Where matrices have gaps the library takes an implementation that
    // allocates in every call; without them it does not, and is faster by more
    // than the copies cost.
    if (p.name.compare(0, 4, "gemm") == 0) {
      bool before[] = {p.packA, p.packB, p.packC};
      p.packA |= !isDense(p.a);
      p.packB |= !isDense(p.b);
      p.packC |= !isDense(p.c);
      descriptor = make();
      if (std::string(descriptor.impl_info_str()).compare(0, 3, "brg") != 0) {
        p.packA = before[0];
        p.packB = before[1];
        p.packC = before[2];
        descriptor = make();
      }
      p.name = descriptor.impl_info_str();
    }
    p.primitive = dnnl::matmul(descriptor);
    p.ma = dnnl::memory(descriptorOf(p.pa), cpu(), nullptr);
    p.mb = dnnl::memory(descriptorOf(p.pb), cpu(), nullptr);
    p.mc = dnnl::memory(descriptorOf(p.pc), cpu(), nullptr);
    p.ms = dnnl::memory(descriptor.scratchpad_desc(), cpu(), nullptr);
    int64_t own = int64_t(descriptor.scratchpad_desc().get_size());
    p.offsetA = roundUp(own);
    p.offsetB = p.offsetA + (p.packA ? roundUp(p.a.elements() * 4) : 0);
    p.offsetC = p.offsetB + (p.packB ? roundUp(p.b.elements() * 4) : 0);
    p.bytes = p.offsetC + (p.packC ? roundUp(p.c.elements() * 4) : 0);
  } catch (const dnnl::error &error) {
    throw RunError("gemm " + std::to_string(gemm.m) + "x" +
                   std::to_string(gemm.n) + "x" + std::to_string(gemm.k) +
                   ": oneDNN refuses it: " + error.what());
  }
}

MatrixProduct::~MatrixProduct() = default;
MatrixProduct::MatrixProduct(MatrixProduct &&) noexcept = default;

int64_t MatrixProduct::scratchBytes() const { return impl->bytes; }
const char *MatrixProduct::implementation() const { return impl->name.c_str(); }

void MatrixProduct::run(const float *a, const float *b, float *c,
                        char *scratch) const {
  const Impl &p = *impl;
  for (const Impl::Piece &piece : p.pieces)
    piece.product.run(a + piece.a, b + piece.b, c, scratch);
  if (!p.pieces.empty())
    return;
  if (p.swapped)
    std::swap(a, b);
  auto place = [&](int64_t offset) {
    return reinterpret_cast<float *>(scratch + offset);
  };
  if (p.packA) {
    copyMatrix(p.threads, p.a, a, p.pa, place(p.offsetA), false);
    a = place(p.offsetA);
  }
  if (p.packB) {
    copyMatrix(p.threads, p.b, b, p.pb, place(p.offsetB), false);
    b = place(p.offsetB);
  }
  float *result = p.packC ? place(p.offsetC) : c;
  dnnl_memory_t memories[] = {p.ma.get(), p.mb.get(), p.mc.get(), p.ms.get()};
  void *handles[] = {const_cast<float *>(a), const_cast<float *>(b), result,
                     scratch};
  const int arguments[] = {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST,
                           DNNL_ARG_SCRATCHPAD};
  dnnl_exec_arg_t list[4];
  for (int i = 0; i < 4; ++i) {
    dnnl_memory_set_data_handle_v2(memories[i], handles[i], stream().get());
    list[i] = {arguments[i], memories[i]};
  }
  dnnl_status_t status =
      dnnl_primitive_execute(p.primitive.get(), stream().get(), 4, list);
  if (status != dnnl_success)
    throw RunError("oneDNN failed with status " + std::to_string(status) +
                   " in a matrix product");
  if (p.packC)
    copyMatrix(p.threads, p.pc, result, p.c, c, p.accumulate);
}

double flopsOf(const Gemm &gemm) {
  double flops = 2.0 * double(gemm.m) * double(gemm.n) * double(gemm.k);
  for (int64_t extent : gemm.batch)
    flops *= double(extent);
  return flops;
}

} // namespace colossal::rank
