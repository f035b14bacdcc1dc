//===- PairedOps.h - Ops of rank programs and their groups ------*- C++ -*-===//
//
// Which group of ops each op of a rank program stands for: the one of its kind
// and name in the segment; where several have both, in their order.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_LIB_REFERENCE_PAIREDOPS_H
#define COLOSSAL_LIB_REFERENCE_PAIREDOPS_H

#include "colossal/Lower/LowerGroup.h"
#include "colossal/Schedule/RankSchedule.h"

namespace colossal::reference {

struct PairedOp {
  const rank::Op *op = nullptr;
  /// None for a fill, a copy or a wait, which compute nothing.
  const schedule::Group *group = nullptr;
  /// Per operand of the op: its value, inputs first, and the bytes from the
  /// value's start to what the operand names.
  std::vector<mlir::Value> operands;
  std::vector<int64_t> offsets;
  size_t numInputs = 0;
  std::string place; ///< "device group 0: forward[3] gemm 'h.0/out' (...)"
};

struct PairedSegment {
  std::string name;
  /// Null where the segment only fills and copies.
  mlir::func::FuncOp function;
  std::vector<PairedOp> ops; ///< in the order of the program
  /// Ops that only rename have no op in the program.
  llvm::DenseSet<mlir::Operation *> aliases;
};

/// Every segment of `program`. Nothing, with `error` set, where an op has no
/// group, a group no op, or a kernel or library call is not called as Lower
/// calls it for its group.
std::optional<std::vector<PairedSegment>>
pairOps(const schedule::RankSchedule &schedule, const rank::Program &program,
        lower::Lowering &lowering, std::string &error);

} // namespace colossal::reference

#endif // COLOSSAL_LIB_REFERENCE_PAIREDOPS_H
