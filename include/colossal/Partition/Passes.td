//===- Passes.td - Passes of phase Partition ----------------*- tablegen -*-===//
#ifndef COLOSSAL_PARTITION_PASSES
#define COLOSSAL_PARTITION_PASSES

include "mlir/Pass/PassBase.td"

def PartitionPass : Pass<"colossal-partition", "::mlir::ModuleOp"> {
  let summary = "writes a planned step as local programs with explicit collectives";
  let description = [{
    Every op gets its local bounds from the axes that cut its factors, every reshard becomes the
    cheapest sequence of collectives, values that cross stages are sent and received, values that
    cross segments become linked results and arguments. No global shape is left.
  }];
  let dependentDialects = ["::colossal::ColossalDialect", "::mlir::func::FuncDialect"];
}

def CheckCollectivesPass : Pass<"colossal-check-collectives", "::mlir::ModuleOp"> {
  let summary = "refuses partitioned programs whose ranks would disagree or wait forever";
  let description = [{
    Follows the sharding of every value through ops and collectives, compares both sides of every
    link and transfer, and runs the schedules of all stages with one staging slot per transfer.
    All ranks of a stage run the same program, so the work does not grow with their number.
  }];
}

#endif // COLOSSAL_PARTITION_PASSES
