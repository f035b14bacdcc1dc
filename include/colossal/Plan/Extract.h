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

/// A program with what follows from it.
struct BatchedProgram {
  ExtractedProgram extracted;
  Batching batching;
};

/// Reads `function`, and moves ops out of the loop over microbatches where
/// only so more than one is legal: what Batching lists as hoisted and sunk gets
/// the segment "prologue" or "update"; of what also gives something to the
/// microbatches a clone is moved. Nothing is left to be moved in the result.
mlir::FailureOr<BatchedProgram> readBatchedProgram(mlir::func::FuncOp function);

} // namespace colossal::plan

#endif // COLOSSAL_PLAN_EXTRACT_H
