//===- AccessOp.td - Whole ops that walk few strides ---------*- tablegen -*-===//
#ifndef COLOSSAL_TRANSFORMS_ACCESSOP
#define COLOSSAL_TRANSFORMS_ACCESSOP

include "mlir/IR/OpBase.td"

def Colossal_AccessOp : OpInterface<"AccessOp"> {
  let cppNamespace = "::colossal";
  let description = [{
    A whole op whose call walks its tensors by a limited number of strides: movement before and
    after it is folded into its maps only as long as there is such a call.
  }];
  let methods = [
    InterfaceMethod<"Whether there is a call for these factors and maps: of operands, then of results.",
      "bool", "takesMaps",
      (ins "::llvm::ArrayRef<::colossal::FactorAttr>":$factors,
           "::llvm::ArrayRef<::colossal::IndexMapAttr>":$maps)>,
  ];
}

#endif // COLOSSAL_TRANSFORMS_ACCESSOP
