//===- ColossalTypes.td - Types of imported programs -------*- tablegen -*-===//
#ifndef COLOSSAL_IR_TYPES
#define COLOSSAL_IR_TYPES

include "Colossal/IR/ColossalDialect.td"
include "mlir/IR/AttrTypeBase.td"

class Colossal_Type<string name, string typeMnemonic>
    : TypeDef<Colossal_Dialect, name> {
  let mnemonic = typeMnemonic;
}

def Colossal_AnyType : Colossal_Type<"Any", "any"> {
  let summary = "a TorchScript value whose type is recovered by Normalize";
  let description = [{
    TorchScript archives lose the dtype and shape of every intermediate value.
    Import gives such values this type: a tensor, a scalar, a list or none.
  }];
}

#endif // COLOSSAL_IR_TYPES
