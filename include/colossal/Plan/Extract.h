//===- Extract.h - From the IR to the planner's program ---------*- C++ -*-===//

#ifndef COLOSSAL_PLAN_EXTRACT_H
#define COLOSSAL_PLAN_EXTRACT_H

#include "Colossal/IR/ColossalDialect.h"
#include "colossal/Plan/Batching.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace colossal::plan {

/// The program of a function, and which op and value each entry is.
struct ExtractedProgram {
  Program program;
  std::vector<mlir::Operation *> ops;
  std::vector<mlir::Value> values;
};

/// Reads a function of factored ops after Differentiate. Emits an error and
/// fails if it holds something else.
mlir::FailureOr<ExtractedProgram> extractProgram(mlir::func::FuncOp function);

/// Marks the ops that must run before the microbatches with segment
/// "prologue". One that also gives something to the microbatches is cloned.
/// Returns true if something changed: the program must be read again.
bool hoistToPrologue(const ExtractedProgram &extracted,
                     const Batching &batching);

} // namespace colossal::plan

#endif // COLOSSAL_PLAN_EXTRACT_H
