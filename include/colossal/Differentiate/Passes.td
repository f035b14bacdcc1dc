//===- Passes.td - Differentiate ---------------------------*- tablegen -*-===//
#ifndef COLOSSAL_DIFFERENTIATE_PASSES
#define COLOSSAL_DIFFERENTIATE_PASSES

include "mlir/Pass/PassBase.td"

def DifferentiatePass : Pass<"colossal-differentiate", "::mlir::ModuleOp"> {
  let summary = "Turn @forward into @train_step: loss, backward, update";
  let description = [{
    @forward(state, batch) -> loss becomes @train_step(state, optimizer state, batch, controls)
    -> (loss, metrics, updated state). With `optimizer=none` it becomes @gradients(state, batch)
    -> (loss, gradient of every parameter).
  }];
  let dependentDialects = ["::colossal::ColossalDialect"];
  let options = [
    Option<"optimizer", "optimizer", "std::string", "\"adamw\"",
           "as --optimizer of colossal-compile">,
    Option<"groups", "groups", "std::string", "",
           "as --group of colossal-compile, separated by ';'">,
    Option<"clipNorm", "clip-norm", "double", "0.0",
           "largest global gradient norm; 0: no clipping">,
    Option<"skipNonfinite", "skip-nonfinite", "bool", "false",
           "a step whose loss or gradients are not finite changes no trained state">,
    Option<"lossScale", "loss-scale", "std::string", "\"none\"",
           "as --loss-scale of colossal-compile">,
    Option<"reduceGradients", "reduce-gradients", "std::string", "\"f32\"",
           "as --reduce-gradients of colossal-compile">,
    Option<"keepGradients", "keep-gradients", "bool", "false",
           "store gradients as state, for comparison">,
  ];
}

def EvaluationPass : Pass<"colossal-evaluation", "::mlir::ModuleOp"> {
  let summary = "Turn @forward into @evaluate: loss and outputs";
  let description = [{
    @forward(state, batch) -> (loss, outputs, written buffers), as `colossal-normalize{name-outputs}`
    leaves it, becomes @evaluate(state, batch) -> (loss, outputs): a result with the attribute
    `colossal.metric` or `colossal.output`. A first result that is one float is the loss. No state changes.
  }];
  let dependentDialects = ["::colossal::ColossalDialect"];
}

#endif // COLOSSAL_DIFFERENTIATE_PASSES
