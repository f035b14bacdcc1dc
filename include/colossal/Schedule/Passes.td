//===- Passes.td - Passes of phase Schedule -----------------*- tablegen -*-===//
#ifndef COLOSSAL_SCHEDULE_PASSES
#define COLOSSAL_SCHEDULE_PASSES

include "mlir/Pass/PassBase.td"

def SchedulePass : Pass<"colossal-schedule", "::mlir::ModuleOp"> {
  let summary = "groups local ops into kernels and gives every value a place in the arena";
  let description = [{
    Rewrites the functions of a partitioned module so that a group can do every op, says of each op
    which groups compute it and where its results lie, and adds a `rank.program` for each stage:
    its buffers with their offsets, states, inputs and results, and the order of its segments. What
    one kernel is and what a library computes is decided by the planner of the kind of device
    (colossal/Schedule/KernelPlanner.h), which the module keeps as `rank.device`.
  }];
  let dependentDialects = ["::colossal::ColossalDialect", "::colossal::rank::RankDialect"];
  let options = [
    Option<"overlap", "overlap", "bool", "true",
           "collectives are started where their operand is there and waited for where they are needed">,
    Option<"device", "device", "std::string", "\"cpu\"",
           "the kind of device whose kernel planner is asked">
  ];
}

def PrintSchedulePass : Pass<"colossal-print-schedule", "::mlir::ModuleOp"> {
  let summary = "prints the buffers of a scheduled module, and its groups with the buffers they use";
}

def PrintGroupsPass : Pass<"colossal-print-groups", "::mlir::ModuleOp"> {
  let summary = "prints the groups (kernels and library calls) of every function";
  // Returned arguments are copied, also where nothing of the dialect is.
  let dependentDialects = ["::colossal::ColossalDialect"];
  let options = [
    Option<"device", "device", "std::string", "\"cpu\"",
           "the kind of device whose kernel planner is asked">
  ];
}

#endif // COLOSSAL_SCHEDULE_PASSES
