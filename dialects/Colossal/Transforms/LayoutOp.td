//===- LayoutOp.td - Whole ops with a choice of layout -------*- tablegen -*-===//
#ifndef COLOSSAL_TRANSFORMS_LAYOUTOP
#define COLOSSAL_TRANSFORMS_LAYOUTOP

include "mlir/IR/OpBase.td"

def Colossal_LayoutOp : OpInterface<"LayoutOp"> {
  let cppNamespace = "::colossal";
  let description = [{
    A whole op on images, [samples, channels, positions...], that it also takes with the
    channels last, [samples, positions..., channels].
  }];
  let methods = [
    InterfaceMethod<"What it prefers, by its sizes.", "::colossal::LayoutWish",
      "getLayoutWish", (ins)>,
    InterfaceMethod<[{
        The tensors that are images: numbers of operands, then of results behind them. All
        have one layout.
      }], "::llvm::SmallVector<unsigned>", "getImages", (ins)>,
    InterfaceMethod<"Notes that the images have their channels last; maps are the caller's.",
      "void", "setChannelsLast", (ins)>,
  ];
}

#endif // COLOSSAL_TRANSFORMS_LAYOUTOP
