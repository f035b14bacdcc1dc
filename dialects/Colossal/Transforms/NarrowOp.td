//===- NarrowOp.td - Whole ops that take floats of 16 bits ---*- tablegen -*-===//
#ifndef COLOSSAL_TRANSFORMS_NARROWOP
#define COLOSSAL_TRANSFORMS_NARROWOP

include "mlir/IR/OpBase.td"

def Colossal_NarrowOp : OpInterface<"NarrowOp"> {
  let cppNamespace = "::colossal";
  let description = [{
    A whole op that multiplies numbers of 16 bits and adds the products in f32, as
    mixed precision wants it (docs/Precision.md).
  }];
  let methods = [
    InterfaceMethod<[{
        The tensors that have 16 bits then: numbers of operands, then of results behind
        them. All others keep their types.
      }], "::llvm::SmallVector<unsigned>", "getNarrowTensors", (ins)>,
    InterfaceMethod<[{
        Whether the result may be f32 where the operands have 16 bits: the sum as it is,
        not rounded.
      }], "bool", "mayGiveWide", (ins)>,
  ];
}

#endif // COLOSSAL_TRANSFORMS_NARROWOP
