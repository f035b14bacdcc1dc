//===- RankProgramOps.h - Rank programs in the IR ---------------*- C++ -*-===//
//
// The fields of rank::Program as ops of the dialect `rank`, one entry a line.
// Both directions go through the program's JSON text, whose reader names the
// field that is wrong.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_SCHEDULE_RANKPROGRAMOPS_H
#define COLOSSAL_SCHEDULE_RANKPROGRAMOPS_H

#include "Rank/RankDialect.h"
#include "colossal/Run/RankProgram.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"

namespace colossal::rank {

/// Adds a `rank.program` where `builder` stands.
ProgramOp writeProgramOp(mlir::OpBuilder &builder, mlir::Location loc,
                         const Program &program);

/// Emits an error at the op where it is no rank program.
mlir::FailureOr<Program> readProgramOp(ProgramOp op);

/// The rank programs of a module, group by group; emits an error where one is
/// missing or twice.
mlir::FailureOr<std::vector<Program>> readPrograms(mlir::ModuleOp module);

/// Emits an error for each fault that checkPrograms or checkShared has found.
mlir::LogicalResult reportFaults(mlir::ModuleOp module,
                                 llvm::ArrayRef<std::string> faults);

} // namespace colossal::rank

#endif // COLOSSAL_SCHEDULE_RANKPROGRAMOPS_H
