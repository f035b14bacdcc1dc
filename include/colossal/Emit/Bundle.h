//===- Bundle.h - Writes the folder that the runtime executes --*- C++ -*-===//
//
//   manifest.json             what the bundle is (Run/Manifest.h)
//   <program>/group-<i>.json  what a rank runs (Run/RankProgram.h)
//   kernels.so                every distinct kernel once
//   weights.bin               initial state, unsharded
//   ir/<program>/             texts given by the caller
//   run, lib/                 the engine and the libraries it needs
//
// The folder appears at once, complete, or not at all. An existing bundle of
// the same name is replaced, in one moment; any other file or folder there is
// an error, and so is a bundle with further files in it (lib/Emit/Publish.h).
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_EMIT_BUNDLE_H
#define COLOSSAL_EMIT_BUNDLE_H

#include "colossal/Run/Manifest.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/ArrayRef.h"

namespace colossal::emit {

/// One program of the bundle.
struct ProgramInput {
  std::string name; ///< "train", "evaluate"
  /// Per group. `Initial::file` of a state is the path of the archive that
  /// holds it.
  std::vector<rank::Program> groups;
  /// Inputs of the model. Of those that a group has, the allowed values go into
  /// the manifest; the others are unused.
  std::vector<rank::InputSchema> inputs;
  double predictedStepSeconds = 0.0;
  std::vector<rank::PredictedEntry> predicted;
  /// (name, content) of files of ir/<program>.
  std::vector<std::pair<std::string, std::string>> texts;
};

struct BundleInput {
  std::string output;                 ///< the folder
  std::string model;                  ///< for messages: the source's file name
  std::vector<ProgramInput> programs; ///< "train" first
  mlir::ModuleOp kernels;             ///< of lower::Lowering
  std::string targetCpu;              ///< empty: this machine's
  rank::LearningRate learningRate;
  std::vector<rank::ControlValue> controls;
  int64_t threadsPerRank = 1;
  std::string toolFolder; ///< where colossal-engine is
};

/// Whether a bundle may be written there; false, with one line in `error`,
/// where something else is.
bool checkOutput(llvm::StringRef output, std::string &error);

/// Compiles the kernels and writes the bundle. Errors are printed to stderr.
llvm::LogicalResult writeBundle(const BundleInput &input);

/// The manifest of a bundle, without `cpuFeatures`; nothing, with a line in
/// `error`, where the runtime cannot reserve what the programs need.
std::optional<rank::Manifest> makeManifest(const BundleInput &input,
                                           std::string &error);

} // namespace colossal::emit

#endif // COLOSSAL_EMIT_BUNDLE_H
