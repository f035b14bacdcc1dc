//===- OneLine.h - MLIR's diagnostics as one line each ----------*- C++ -*-===//
//
// Errors about a model name what its author knows: the ATen op, the path of its
// module and the Python line. They are in the locations of ops, which every
// phase keeps. Messages of the planner, which has no locations, quote the names
// of ops; these are looked up.
//
//   error: 'aten::sqrt' in module path 'head' (model.py:12): no derivative
//
// IR is never printed.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_DIAGNOSTICS_ONELINE_H
#define COLOSSAL_DIAGNOSTICS_ONELINE_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Diagnostics.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"

namespace colossal {

/// What a user knows of a location: "'aten::sqrt' in module path 'head'
/// (model.py:12)", "model.mlir:3:8"; empty if nothing.
std::string placeOf(mlir::Location location);

/// Prints the diagnostics of a context while it lives.
class OneLineDiagnostics : public mlir::ScopedDiagnosticHandler {
public:
  explicit OneLineDiagnostics(mlir::MLIRContext *context);
  ~OneLineDiagnostics();

  /// Remembers where the named ops of `module` come from.
  void learnNames(mlir::ModuleOp module);

private:
  void print(mlir::Diagnostic &diagnostic);
  /// The place of the first op that the text quotes by name; empty if none.
  std::string placeOfQuoted(llvm::StringRef text) const;

  llvm::StringMap<mlir::Location> locationOf; ///< by name of an op
  llvm::StringSet<> printed;
  unsigned errors = 0;
};

} // namespace colossal

#endif // COLOSSAL_DIAGNOSTICS_ONELINE_H
