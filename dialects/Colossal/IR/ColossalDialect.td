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
