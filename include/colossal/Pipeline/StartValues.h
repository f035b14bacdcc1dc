//===- StartValues.h - What parameters and buffers begin with --*- C++ -*-===//
//
// The archive's own values, those of files (`--weights`) or random numbers
// (`--init`), stated as `colossal.source` of the program's arguments; no value
// is read but for its checksum.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_PIPELINE_STARTVALUES_H
#define COLOSSAL_PIPELINE_STARTVALUES_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/Error.h"

#include <string>

namespace colossal {

/// `normal:STD[,seed=N]`. Parameters, by the last part of their names:
///   begins or ends with "bias", or is "beta": 0, of any shape;
///   of one dimension or none, or of a module with "norm" in its name, and
///   "weight", "gamma", "scale" or with "norm" or "scale" in it: 1;
///   all others: normal numbers of mean 0 and deviation STD, functions of the
///   parameter's name, the seed and the element (random::normal).
struct InitOptions {
  double deviation = 0.02;
  int64_t seed = 0;
  static llvm::Expected<InitOptions> parse(llvm::StringRef text);
};

struct StartOptions {
  std::string weights; ///< a file, an index or a folder; empty: none
  std::optional<InitOptions> init;
};

/// Gives arguments of @forward their sources. Parameters begin with the
/// files' values, which may have names without or with one more module
/// around them; where they have none, with --init's; where there is none, with
/// the archive's. A parameter that the files lack is an error without --init.
/// Buffers begin with the files' values or the archive's. `said`: one
/// line about what was found, for the user. States that `training` has, the
/// program that shares its state with this one, have its sources: they are
/// looked for once.
llvm::LogicalResult setStartValues(mlir::ModuleOp module,
                                   const StartOptions &options,
                                   std::string &said,
                                   mlir::ModuleOp training = {});

/// One error that names parameters and buffers without a source.
llvm::LogicalResult checkStartValues(mlir::ModuleOp module);

} // namespace colossal

#endif // COLOSSAL_PIPELINE_STARTVALUES_H
