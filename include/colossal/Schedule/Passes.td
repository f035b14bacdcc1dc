//===- Passes.td - Passes of phase Schedule -----------------*- tablegen -*-===//
#ifndef COLOSSAL_SCHEDULE_PASSES
#define COLOSSAL_SCHEDULE_PASSES

include "mlir/Pass/PassBase.td"

def SchedulePass : Pass<"colossal-schedule", "::mlir::ModuleOp"> {
  let summary = "groups local ops into kernels and gives every value a place in the arena";
  let description = [{
    Rewrites the functions of a partitioned module so that a group can do every op, says of each op
    which groups compute it and where its results lie, and adds a `rank.program` for each stage:
    its buffers with their offsets, states, inputs and results, and the order of its segments.
  }];
  let dependentDialects = ["::colossal::ColossalDialect", "::colossal::rank::RankDialect"];
  let options = [
    Option<"overlap", "overlap", "bool", "true",
           "collectives are started where their operand is there and waited for where they are needed">
  ];
}

def PrintSchedulePass : Pass<"colossal-print-schedule", "::mlir::ModuleOp"> {
  let summary = "prints the buffers of a scheduled module, and its groups with the buffers they use";
}

def PrintGroupsPass : Pass<"colossal-print-groups", "::mlir::ModuleOp"> {
  let summary = "prints the groups (kernels and library calls) of every function";
  // Returned arguments are copied, also where nothing of the dialect is.
  let dependentDialects = ["::colossal::ColossalDialect"];
}

#endif // COLOSSAL_SCHEDULE_PASSES
