//===- Passes.td - Plan ------------------------------------*- tablegen -*-===//
#ifndef COLOSSAL_PLAN_PASSES
#define COLOSSAL_PLAN_PASSES

include "mlir/Pass/PassBase.td"

def PlanPass : Pass<"colossal-plan", "::mlir::ModuleOp"> {
  let summary = "Find how the training step runs on a cluster";
  let description = [{
    Searches for the fastest plan that fits the budget, or reads one from a file, and
    attaches it to the training step: segment, stage and axes of every op, stored shardings,
    reshards. Plans @train_step, or the only function there is.
  }];
  let options = [
    Option<"cluster", "cluster", "std::string", "\"\"", "cluster file">,
    Option<"memory", "memory", "int64_t", "0",
           "budget of a device in bytes; 0: the cluster's">,
    Option<"excess", "excess", "int64_t", "0",
           "bytes by which the schedule of the last plan exceeded its prediction">,
    Option<"searchTime", "search-time", "double", "60",
           "seconds after which the best plan so far is taken">,
    Option<"pin", "pin", "std::string", "\"\"",
           "data=,tensor=,pipeline=,chunks=,microbatches=,zero=,recompute=,schedule=">,
    Option<"plan", "plan", "std::string", "\"\"", "plan file to use">,
    Option<"emitPlan", "emit-plan", "std::string", "\"\"", "plan file to write">,
    Option<"explain", "explain", "bool", "false", "print the plan and why to stderr">,
  ];
  let dependentDialects = ["::colossal::ColossalDialect"];
}

#endif // COLOSSAL_PLAN_PASSES
