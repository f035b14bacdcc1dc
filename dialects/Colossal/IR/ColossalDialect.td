//===- ColossalDialect.td - The colossal dialect -----------*- tablegen -*-===//
#ifndef COLOSSAL_IR_DIALECT
#define COLOSSAL_IR_DIALECT

include "mlir/IR/DialectBase.td"

def Colossal_Dialect : Dialect {
  let name = "colossal";
  let cppNamespace = "::colossal";
  let summary = "What is computed, and where it lives";
  let description = [{
    Tensor programs for training, before and after they are sharded. Nearly
    everything is a `colossal.generic`: a nest of named factors with a scalar
    body. See docs/Architecture.md for the language on one page.

    Attributes of phases are typed (ColossalAttributes.td), and meet these constraints; each
    diagnostic begins with the label. Those of ops are declared with the ops, the others are
    discardable (ColossalDialect.h has their names).

    On factored ops and reshards; D3 and D4 also as `colossal.segment` and `colossal.stage` of
    functions (of one that runs once, the first stage of its device group), D4 of state that
    another program places:
    - D1 `group`, `forward_of`, `gradient_of` are strings; `keep`, `no_gradient` have no value
    - D2 `pass` is forward, backward or update
    - D3 `segment` is prologue, forward, backward or update
    - D4 `stage` is an i64 below `colossal.stages`
    - D5 `axes` names an axis once, and a factor of the op
    - D6 axes are of the mesh
    - D7 an axis that cuts no factor is linear in distinct operands of the op

    On arguments and results:
    - F1 `colossal.role` is parameter, buffer, optimizer, batch or control
    - F2 names, metrics, outputs and links are not empty; arguments have distinct names
    - F3 `colossal.source` is {fill}, {normal, seed, stream} or {file, record, offset, bytes, crc} (and {elements})
    - F4 `colossal.aliases` is a list of strings
    - F5 `colossal.batch_dim` is a dimension of the argument, or of the output
    - F6 `colossal.updates` is a state (its number, or after Partition its name) of the
      result's type; each state has one new value
    - F7 `colossal.per_microbatch` has no value, `colossal.accumulate` is "sum"
    - F8 `colossal.global_shape` has the sizes of sub-dimensions for each dimension
    - F9 an attribute is known, and stands where it is read: of a module, a function,
      an argument, a result, or (sharding and global shape) a receive

    On modules:
    - M1 `colossal.mesh` has axes of distinct names, but not "time", and sizes of at least 1
    - M2 `colossal.stages`, `colossal.microbatches` are from 1 to 1048576
    - M3 `colossal.schedule` is gpipe or "1f1b"
    - M4 `colossal.device_groups` (absent: one for each stage) divides the number of stages
    - M5 `colossal.inputs` is a list of {name}, with {lowest, highest, lookup} and perhaps {others}
      of integers that index something

    Shardings of values:
    - S1 an axis occurs once
    - S2 a partial value has a combiner, one of its element type
    - S3 there is one bracket for each dimension
    - S4 axes are of the mesh
  }];
  let dependentDialects = ["mlir::arith::ArithDialect", "mlir::math::MathDialect"];
  let useDefaultAttributePrinterParser = 1;
  let useDefaultTypePrinterParser = 1;
  let hasOperationAttrVerify = 1;
  let hasRegionArgAttrVerify = 1;
  let hasRegionResultAttrVerify = 1;
  let extraClassDeclaration = [{
    void registerColossalAttributes();
  }];
}

#endif // COLOSSAL_IR_DIALECT
