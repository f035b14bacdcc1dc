//===- CompiledOps.h - Kernels, products and library calls ------*- C++ -*-===//
//
// What the compiled ops of rank programs do, ready to be called: a kernel of
// kernels.so, a matrix product, a function of the library. Equal products and
// equal library calls share their primitives. Who calls says where operands
// lie; nothing here knows of memory, ranks or MPI.
//
// Library: ColossalRunProducts (oneDNN, no MPI).
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_RUN_COMPILEDOPS_H
#define COLOSSAL_RUN_COMPILEDOPS_H

#include "colossal/Run/LibraryFunction.h"
#include "colossal/Run/Manifest.h"
#include "colossal/Run/MatrixProduct.h"

#include <functional>
#include <map>

namespace colossal::rank {

/// A kernel by its symbol; null where there is none.
using KernelLookup = std::function<KernelFunction(const std::string &)>;

/// A bundle's kernels.so, open as long as this lives.
class KernelFile {
public:
  /// Null, with `error` set, where it cannot be opened or this CPU lacks what
  /// it needs. \pre the manifest, of the bundle in this folder, names kernels
  static std::unique_ptr<KernelFile>
  open(const std::string &bundle, const Manifest &manifest, std::string &error);
  ~KernelFile();
  KernelFile(const KernelFile &) = delete;
  KernelFunction find(const std::string &symbol) const;

private:
  explicit KernelFile(void *handle) : handle(handle) {}
  void *handle;
};

class CompiledOps {
public:
  /// One op with everything decided; one of the three is set.
  struct Call {
    const Op *op = nullptr;
    KernelFunction kernel = nullptr;
    const MatrixProduct *product = nullptr;
    const LibraryRoutine *routine = nullptr;
  };

  CompiledOps(const Threads &threads, KernelLookup kernels)
      : threads(threads), kernels(std::move(kernels)) {}

  /// Whether an op of this kind is a call.
  static bool isCall(OpKind kind) {
    return kind == OpKind::Kernel || kind == OpKind::Gemm ||
           kind == OpKind::Library;
  }
  /// \pre isCall(op.kind); `op` outlives the call
  /// Nothing, with `error` set, for a kernel or function that is not there,
  /// and where the library refuses.
  std::optional<Call> prepare(const Op &op, std::string &error);
  /// For any of the calls prepared so far.
  int64_t scratchBytes() const { return scratch; }
  /// `buffers`: the addresses of the operands, then of the op's scratch;
  /// `indices`: the values of Op::indices. Allocates nothing.
  void run(const Call &call, char *const *buffers, const int64_t *indices,
           char *scratch) const;

private:
  Threads threads;
  KernelLookup kernels;
  int64_t scratch = 0;
  std::map<std::string, std::unique_ptr<MatrixProduct>> products;
  std::map<std::string, std::unique_ptr<LibraryRoutine>> routines;
};

} // namespace colossal::rank

#endif // COLOSSAL_RUN_COMPILEDOPS_H
