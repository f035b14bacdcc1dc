//===- RunInArena.h - Rank programs of a bundle, executed -------*- C++ -*-===//

#ifndef COLOSSAL_TOOLS_VERIFY_RUNINARENA_H
#define COLOSSAL_TOOLS_VERIFY_RUNINARENA_H

#include "colossal/Reference/RankPrograms.h"

namespace colossal {

/// What a bundle has beside IR.
struct BundleContents {
  std::vector<rank::Program> programs;
  std::unique_ptr<rank::KernelFile> kernels;
  bool callsKernels = false; ///< compares them with the interpreter
};

/// What a bundle has for one of its programs. Nothing, with `error` set, where
/// it cannot be read.
std::optional<BundleContents> readContents(const std::string &bundle,
                                           const rank::Manifest &manifest,
                                           const rank::ProgramSchema &schema,
                                           bool callsKernels,
                                           std::string &error);

/// Larger programs are not executed: twice this is needed.
inline constexpr int64_t kLargestArenas = int64_t(2) << 30;

/// Executes rank programs in the ranks' arenas: those of a bundle, or, where it
/// has none, what the partitioned module is scheduled and lowered to. Nothing,
/// with `error` set, where they show a fault, and without where `arenas`, the
/// bytes of all of them, are too large.
std::optional<reference::StepResult>
runInArena(mlir::ModuleOp module, const BundleContents &bundle,
           const reference::NamedTensors &values,
           const reference::RankOptions &options, int64_t &arenas,
           std::string &error);

} // namespace colossal

#endif // COLOSSAL_TOOLS_VERIFY_RUNINARENA_H
