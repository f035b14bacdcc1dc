//===- LibraryOp.td - Whole ops that the runtime calls -------*- tablegen -*-===//
#ifndef COLOSSAL_LOWER_LIBRARYOP
#define COLOSSAL_LOWER_LIBRARYOP

include "mlir/IR/OpBase.td"

def Lower_LibraryOp : OpInterface<"LibraryOp"> {
  let cppNamespace = "::colossal::lower";
  let description = [{
    A whole op that becomes one call of the runtime's library.
  }];
  let methods = [
    InterfaceMethod<[{
        Fills call, operands and their offsets, and adds the kernels that the call
        needs. `call.op` has kind, name and number of outputs already. Failure: an error
        was emitted on the op.
      }], "::mlir::LogicalResult", "lowerToCall",
      (ins "::colossal::lower::Lowering &":$lowering,
           "::colossal::lower::LoweredGroup &":$call)>,
  ];
}

#endif // COLOSSAL_LOWER_LIBRARYOP
