//===- Passes.td - Passes of phase Emit ---------------------*- tablegen -*-===//
#ifndef COLOSSAL_EMIT_PASSES
#define COLOSSAL_EMIT_PASSES

include "mlir/Pass/PassBase.td"

def EmitPass : Pass<"colossal-emit", "::mlir::ModuleOp"> {
  let summary = "compiles the kernels of a lowered module and writes a bundle of one program";
  let description = [{
    The module stays as it is. What the IR does not say, such as learning rates, comes from options.
  }];
  let options = [
    Option<"output", "output", "std::string", /*default=*/"", "The folder of the bundle">,
    Option<"targetCpu", "target-cpu", "std::string", /*default=*/"",
        "The CPU that kernels are compiled for; default: this machine's">,
    Option<"threads", "threads", "int64_t", /*default=*/"1", "Threads of each rank">,
    Option<"toolFolder", "tools", "std::string", /*default=*/"",
        "Where colossal-engine is; default: beside this program">,
    ListOption<"rates", "rates", "std::string",
        "Learning rates by control, as in lr=0.1; default: lr=0.001">,
  ];
}

#endif // COLOSSAL_EMIT_PASSES
