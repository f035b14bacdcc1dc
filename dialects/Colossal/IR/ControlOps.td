//===- ControlOps.td - Control flow that Import produces -----*- tablegen
//-*-===//
#ifndef COLOSSAL_IR_CONTROLOPS
#define COLOSSAL_IR_CONTROLOPS

include "Colossal/IR/ColossalOps.td"

class Colossal_AtenControl<string mnemonic>
    : Colossal_Op<mnemonic, [SingleBlock]> {
  let hasVerifier = 1;
}

def Colossal_AtenIfOp : Colossal_AtenControl<"aten_if"> {
  let summary = "a prim::If: scripted code inside of a traced module";
  let description = [{
    The results are what the chosen region yields. Regions use values from outside. Normalize
    chooses: the condition must follow from constants, sizes and types.
  }];
  let arguments = (ins AnyType:$condition, StrAttr:$name);
  let results = (outs Variadic<AnyType>:$results);
  let regions = (region SizedRegion<1>:$thenRegion, SizedRegion<1>:$elseRegion);
  let assemblyFormat = [{
    $condition `name` $name $thenRegion `else` $elseRegion attr-dict `:` functional-type($condition, $results)
  }];
}

def Colossal_AtenLoopOp : Colossal_AtenControl<"aten_loop"> {
  let summary = "a prim::Loop: scripted code inside of a traced module";
  let description = [{
    At most `count` times while `more` is true: the region gets the number of the iteration, from
    `first` on, and what is carried; it yields the next `more` and what is carried on. Normalize
    unrolls: it takes iteration `first` out in front, until nothing is left.
  }];
  let arguments = (ins AnyType:$count, AnyType:$more,
      Variadic<AnyType>:$carried, StrAttr:$name,
      DefaultValuedAttr<I64Attr, "0">:$first);
  let results = (outs Variadic<AnyType>:$results);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    $count `while` $more (`carried` `(` $carried^ `)`)? `name` $name $body attr-dict `:` functional-type(operands, $results)
  }];
}

def Colossal_AtenYieldOp : Colossal_Op<"aten_yield", [Terminator]> {
  let summary = "what a region of scripted code yields";
  let arguments = (ins Variadic<AnyType>:$operands);
  let assemblyFormat = "($operands^ `:` type($operands))? attr-dict";
}

#endif // COLOSSAL_IR_CONTROLOPS
