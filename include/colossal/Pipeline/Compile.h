//===- Compile.h - From a model to a bundle --------------------*- C++ -*-===//
//
// What `colossal-compile` does, as a function. Each phase hands a module (or
// rank programs) to the next; every hand-over is text if asked for.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_PIPELINE_COMPILE_H
#define COLOSSAL_PIPELINE_COMPILE_H

#include "colossal/Differentiate/Optimizer.h"
#include "colossal/Normalize/Loss.h"
#include "colossal/Pipeline/Phases.h"
#include "colossal/Pipeline/StartValues.h"
#include "colossal/Run/Manifest.h"
#include "mlir/IR/MLIRContext.h"

#include <string>
#include <vector>

namespace colossal {

struct CompileOptions {
  std::string model; ///< .pt, or .mlir as any phase up to Partition dumps it
  /// The model in evaluation mode, likewise; empty: the bundle only trains.
  std::string evaluation;
  /// What evaluation gives back, by name; empty: all that the model returns.
  std::vector<std::string> outputs;
  std::vector<std::string> inputs; ///< NAME=8x512xi64, for Import
  /// NAME or NAME:DIM; empty: dimension 0 of every input.
  std::vector<std::string> batch;
  std::optional<LossOptions> loss; ///< of what the model returns
  StartOptions start;              ///< --weights, --init
  /// "bf16", "f16": of products, convolutions and attention
  /// (docs/Precision.md); empty: f32.
  std::string mixedPrecision;
  OptimizerOptions optimizer;
  rank::LearningRate learningRate;
  std::string cluster;       ///< a file or local:N
  int64_t memoryBytes = 0;   ///< of a device; 0: the cluster's
  double searchSeconds = 60; ///< then the best plan so far is taken
  std::string pins;
  std::string planFile;
  std::string emitPlan;
  std::string targetCpu; ///< empty: this machine's
  std::optional<Phase> stopAfter;
  std::string dumpFolder; ///< NN-<phase>.mlir after every phase
  std::string output; ///< the bundle, or a file with stopAfter ("-": stdout)
  std::string toolFolder; ///< where colossal-translate and the engine are
  bool quiet = false;
};

/// Bytes of `20GiB`, `512MiB`, `1.5GB`, `4096`. On failure returns nothing.
std::optional<int64_t> parseBytes(llvm::StringRef text);

/// `constant`, `linear:warmup=100,total=1000`: Run/LearningRate.h lists all.
/// On failure returns nothing and sets `error`.
std::optional<rank::LearningRate> parseSchedule(llvm::StringRef text,
                                                std::string &error);

/// Compiles; errors, progress and the explanation of the plan are said
/// (Diagnostics/Messages.h). Failure leaves no output behind.
llvm::LogicalResult compile(mlir::MLIRContext &context,
                            const CompileOptions &options);

} // namespace colossal

#endif // COLOSSAL_PIPELINE_COMPILE_H
