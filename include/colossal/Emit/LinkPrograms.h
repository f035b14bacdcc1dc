//===- LinkPrograms.h - Programs of one bundle, put together ----*- C++ -*-===//
//
// Each program of a bundle has been lowered in a module of its own. Together
// they have each kernel once, distinct tags of transfers, and one state.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_EMIT_LINKPROGRAMS_H
#define COLOSSAL_EMIT_LINKPROGRAMS_H

#include "colossal/Run/RankProgram.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

#include <vector>

namespace colossal::emit {

struct LinkedPrograms {
  /// By program, in the order of the modules, and group.
  std::vector<std::vector<rank::Program>> programs;
  mlir::OwningOpRef<mlir::ModuleOp> kernels;
};

/// Of lowered modules, whose programs get the names given. Emits an error where
/// a module is none, a rank program is not sound, or the programs of a group
/// have different states. `isChecked`, per module: its programs are as Lower
/// has made and checked them; without it, none are.
mlir::FailureOr<LinkedPrograms>
linkPrograms(llvm::ArrayRef<mlir::ModuleOp> modules,
             llvm::ArrayRef<std::string> names,
             llvm::ArrayRef<bool> isChecked = {});

} // namespace colossal::emit

#endif // COLOSSAL_EMIT_LINKPROGRAMS_H
