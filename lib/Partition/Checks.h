//===- Checks.h - The parts of the contract verifier ------------*- C++ -*-===//

#ifndef COLOSSAL_LIB_PARTITION_CHECKS_H
#define COLOSSAL_LIB_PARTITION_CHECKS_H

#include "PlannedProgram.h"

#include <vector>

namespace colossal::partition {

/// A function of a partitioned module.
struct LocalFunction {
  PlacedSegment segment;
  int64_t group = 0;
  mlir::func::FuncOp op;
};

/// All functions of a partitioned module, group by group, each in the order of
/// a step (segmentsOf).
struct PartitionedModule {
  Mesh mesh;
  std::vector<LocalFunction> functions;

  static mlir::FailureOr<PartitionedModule> read(mlir::ModuleOp module);
};

/// The state after a collective on a value in state `input`; fails with a
/// message in `error` if the collective is not legal there.
mlir::FailureOr<Layout> applyCollective(mlir::Operation *op,
                                        const Layout &input, const Mesh &mesh,
                                        std::string &error);

/// Follows shardings through every function and compares both ends of links.
mlir::LogicalResult checkStates(const PartitionedModule &module);
/// Compares both sides of transfers and runs the schedules of all groups.
mlir::LogicalResult checkTransfers(const PartitionedModule &module);

} // namespace colossal::partition

#endif // COLOSSAL_LIB_PARTITION_CHECKS_H
