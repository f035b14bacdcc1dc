//===- CompileKernels.h - From kernels to a shared library ------*- C++ -*-===//
//
// Everything happens in this process: MLIR to LLVM IR, optimisation (O3),
// object code, linking with lld. The library depends on libc and libm alone.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_EMIT_COMPILEKERNELS_H
#define COLOSSAL_EMIT_COMPILEKERNELS_H

#include "mlir/IR/BuiltinOps.h"

#include <optional>
#include <string>
#include <vector>

namespace colossal::emit {

struct TargetOptions {
  /// A name of LLVM's x86-64 CPUs ("znver4", "x86-64-v3"), or "host": the CPU
  /// and the features of this machine.
  std::string cpu = "host";
  /// If not empty: where the optimised LLVM IR is written, for inspection.
  std::string dumpIR;
};

struct CompiledKernels {
  /// Features that the code may use, of those a machine may lack.
  std::vector<std::string> cpuFeatures;
  double seconds = 0; ///< wall time
};

/// Compiles the functions of `module` (see Lowering::module, which stays
/// unchanged) into the shared library `path`. Failure: nothing, and one line in
/// `error`.
std::optional<CompiledKernels> compileKernels(mlir::ModuleOp module,
                                              const TargetOptions &target,
                                              const std::string &path,
                                              std::string &error);

/// The passes from scf, arith, math to the llvm dialect.
void buildKernelPipeline(mlir::OpPassManager &manager);

} // namespace colossal::emit

#endif // COLOSSAL_EMIT_COMPILEKERNELS_H
