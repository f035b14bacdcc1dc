//===- CompiledProgram.h - A program on its way into a bundle ---*- C++ -*-===//

#ifndef COLOSSAL_LIB_PIPELINE_COMPILEDPROGRAM_H
#define COLOSSAL_LIB_PIPELINE_COMPILEDPROGRAM_H

#include "colossal/Pipeline/Compile.h"
#include "colossal/Plan/Passes.h"
#include "colossal/Run/Manifest.h"
#include "colossal/Schedule/Cpu/KernelPlanner.h"
#include "mlir/IR/OwningOpRef.h"

#include <chrono>
#include <map>

namespace colossal {

/// Training or evaluation, from its model to its rank programs.
struct CompiledProgram {
  std::string name;  ///< "train", "evaluate"
  std::string model; ///< the file
  /// The phase that the file is the dump of.
  Phase done = Phase::Import;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  /// What `module` becomes by Partition, once Plan has judged it.
  mlir::OwningOpRef<mlir::ModuleOp> partitioned;
  /// And by Schedule and Lower: how much memory a plan needs is known only
  /// then. None where the states of another program are not known yet.
  mlir::OwningOpRef<mlir::ModuleOp> scheduled, lowered;
  /// IR that goes into the bundle: after Differentiate, Plan, Partition.
  std::vector<std::pair<std::string, std::string>> kept;
  plan::PlanReport report;
  /// Seconds that Plan has spent on what Partition, Schedule and Lower take
  /// over: they are those phases' time.
  std::map<Phase, double> spentInPlan;

  bool isTraining() const { return name == "train"; }
};

/// Adds the time from its making to its end to `seconds`.
class Stopwatch {
public:
  explicit Stopwatch(double &seconds) : seconds(seconds) {}
  ~Stopwatch() {
    seconds += std::chrono::duration<double>(Clock::now() - begin).count();
  }

private:
  using Clock = std::chrono::steady_clock;
  double &seconds;
  Clock::time_point begin = Clock::now();
};

/// Of all programs: a bundle is for the engine of the CPU. A plan for devices
/// of another kind is judged by what the kernels of the CPU keep.
inline const schedule::KernelPlanner &kernelPlanner() {
  return schedule::cpu::kernelPlanner();
}

/// The phase after which a module looks as this one: aten ops, @forward, a
/// program, a planned one, one of segments, with rank programs, with kernels.
Phase phaseOf(mlir::ModuleOp module);

/// Plans the last of `programs`, so that all of them fit; those before it are
/// partitioned. Sets its `report` and `partitioned`, and of all of them
/// `scheduled` and `lowered`, with the states of these programs.
llvm::LogicalResult planWithinMemory(llvm::ArrayRef<CompiledProgram *> programs,
                                     plan::PlanRequest request, bool quiet);

} // namespace colossal

#endif // COLOSSAL_LIB_PIPELINE_COMPILEDPROGRAM_H
