//===- CompiledOps.cpp - Kernels, products and library calls --------------===//

#include "colossal/Run/CompiledOps.h"

#include "CpuFeatures.h"
#include "RunError.h"

#include <algorithm>
#include <cstring>
#include <dlfcn.h>

namespace colossal::rank {

std::unique_ptr<KernelFile> KernelFile::open(const std::string &bundle,
                                             const Manifest &manifest,
                                             std::string &error) {
  std::vector<std::string> missing = missingCpuFeatures(manifest.cpuFeatures);
  if (!missing.empty()) {
    error = bundle + ": found a CPU without '" + missing[0] +
            "', which the bundle's kernels need; compile with --target-cpu for "
            "this machine";
    return nullptr;
  }
  std::string path = bundle + "/" + manifest.kernels;
  // Without a folder the loader would look elsewhere.
  std::string inFolder =
      path.find('/') == std::string::npos ? "./" + path : path;
  void *handle = dlopen(inFolder.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle)
    return std::unique_ptr<KernelFile>(new KernelFile(handle));
  error = path + ": " + dlerror();
  return nullptr;
}

KernelFile::~KernelFile() { dlclose(handle); }

KernelFunction KernelFile::find(const std::string &symbol) const {
  return reinterpret_cast<KernelFunction>(dlsym(handle, symbol.c_str()));
}

namespace {

/// Text that is equal for equal gemms and library calls: they share primitives.
template <class... Numbers> std::string keyOf(Numbers... numbers) {
  std::string key;
  ((key += std::to_string(numbers) + ","), ...);
  return key;
}
std::string keyOf(const Gemm &g) {
  std::string key = keyOf(g.m, g.n, g.k, g.aM, g.aK, g.bK, g.bN, g.cM, g.cN,
                          int(g.accumulate), int(g.dtype), int(g.result));
  for (const auto *list : {&g.batch, &g.aBatch, &g.bBatch, &g.cBatch})
    for (int64_t value : *list)
      key += std::to_string(value) + ",";
  return key;
}
std::string keyOf(const LibraryCall &call, size_t operands) {
  std::string key =
      call.function + ";" + call.kernel + ";" + keyOf(operands) + ";";
  for (const auto &[name, value] : call.integers)
    key += name + "=" + std::to_string(value) + ",";
  for (const auto &[name, value] : call.reals) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    key += name + "=" + std::to_string(bits) + ",";
  }
  for (const auto &strides : call.strides) {
    key += ";";
    for (int64_t value : strides)
      key += std::to_string(value) + ",";
  }
  return key;
}

} // namespace

std::optional<CompiledOps::Call> CompiledOps::prepare(const Op &op,
                                                      std::string &error) {
  Call call;
  call.op = &op;
  auto lookup = [&](const std::string &symbol) {
    KernelFunction kernel = kernels(symbol);
    if (!kernel)
      error = "kernel '" + symbol + "' of op '" + op.name +
              "': found no such symbol, expected it in the bundle's kernels; "
              "compile the model again";
    return kernel;
  };
  switch (op.kind) {
  case OpKind::Kernel:
    call.kernel = lookup(op.symbol);
    break;
  case OpKind::Gemm: {
    auto &product = products[keyOf(op.gemm)];
    if (!product)
      product = std::make_unique<MatrixProduct>(op.gemm, threads);
    call.product = product.get();
    scratch = std::max(scratch, product->scratchBytes());
    break;
  }
  default: {
    const LibraryFunction *function = findLibraryFunction(op.library.function);
    if (!function) {
      error = "op '" + op.name + "': the runtime has no function '" +
              op.library.function + "'; compile the model again";
      break;
    }
    KernelFunction kernel =
        op.library.kernel.empty() ? nullptr : lookup(op.library.kernel);
    if (!error.empty())
      break;
    auto &routine = routines[keyOf(op.library, op.operands.size())];
    try {
      if (!routine)
        routine = function->make(op, threads, kernel);
    } catch (const std::exception &refusal) {
      error = "op '" + op.name + "': " + reasonOf(refusal);
      break;
    }
    call.routine = routine.get();
    scratch = std::max(scratch, routine->scratchBytes());
  }
  }
  if (!error.empty())
    return std::nullopt;
  return call;
}

void CompiledOps::run(const Call &call, char *const *buffers,
                      const int64_t *indices, char *scratch) const {
  const Op &op = *call.op;
  if (call.product)
    return call.product->run(buffers[0], buffers[1], buffers[2], scratch);
  if (call.routine)
    return call.routine->run(buffers, indices, op.indices.size(), scratch);
  ColossalArgs arguments{reinterpret_cast<void *const *>(buffers), indices};
  threads.split(op.range, op.grain, [&](int, int64_t begin, int64_t end) {
    call.kernel(&arguments, begin, end);
  });
}

} // namespace colossal::rank
