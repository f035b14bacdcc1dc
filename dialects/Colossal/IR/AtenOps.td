//===- AtenOps.td - What Import produces --------------------*- tablegen -*-===//
#ifndef COLOSSAL_IR_ATENOPS
#define COLOSSAL_IR_ATENOPS

include "Colossal/IR/ColossalOps.td"

def Colossal_AtenOp : Colossal_Op<"aten"> {
  let summary = "one node of a TorchScript graph";
  let description = [{
    `schema` is the operator's schema (`aten::add.Tensor(Tensor self, ...) -> Tensor`) or
    the kind of a `prim` node (`prim::ListConstruct`). Nothing is known of its meaning here.
  }];
  let arguments = (ins StrAttr:$schema, StrAttr:$name, Variadic<AnyType>:$operands);
  let results = (outs Variadic<AnyType>:$results);
  let assemblyFormat = [{
    $schema `(` $operands `)` `name` $name attr-dict `:` functional-type($operands, $results)
  }];
}

def Colossal_AtenConstantOp : Colossal_Op<"aten_constant", [Pure]> {
  let summary = "a constant of a TorchScript graph";
  let description = [{
    `value` is an integer (i64), a float (f64), a bool, a string, an array of these, a unit
    attribute (none) or a small dense tensor. `weak`: a Python number that the tracer wrapped in a
    0-d tensor; it does not take part in type promotion across categories.
  }];
  let arguments = (ins AnyAttr:$value, UnitAttr:$weak);
  let results = (outs AnyType:$result);
  let assemblyFormat = "$value (`weak` $weak^)? attr-dict `->` type($result)";
}

#endif // COLOSSAL_IR_ATENOPS
