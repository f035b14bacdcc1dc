//===- EvaluableOp.td - Whole ops of the interpreter ---------*- tablegen -*-===//
#ifndef COLOSSAL_REFERENCE_EVALUABLEOP
#define COLOSSAL_REFERENCE_EVALUABLEOP

include "mlir/IR/OpBase.td"

def Reference_EvaluableOp : OpInterface<"EvaluableOp"> {
  let cppNamespace = "::colossal::reference";
  let description = [{
    The meaning of a whole op, evaluated slowly and readably. That of a generic
    follows from its body (Generic.cpp).
  }];
  let methods = [
    InterfaceMethod<"The results at a place. Failure: an error was emitted on the op.",
      "::mlir::FailureOr<::colossal::reference::Tensors>", "evaluate",
      (ins "::llvm::ArrayRef<::colossal::reference::TensorRef>":$operands,
           "const ::colossal::reference::Place &":$place,
           "const ::colossal::reference::Options &":$options)>,
    InterfaceMethod<[{Factors whose bounds attributes of the op repeat, or follow from: smaller
                      programs (Shrink.h) keep them.}],
      "::llvm::SmallVector<unsigned>", "fixedFactors", (ins), "", "return {};">,
  ];
}

#endif // COLOSSAL_REFERENCE_EVALUABLEOP
