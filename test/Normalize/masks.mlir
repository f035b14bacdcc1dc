// RUN: colossal-opt --colossal-normalize -split-input-file %s | FileCheck %s
// RUN: colossal-opt --colossal-normalize --colossal-fuse-elementwise -split-input-file %s | FileCheck %s --check-prefix=FUSED

// Transformers' causal mask: full(min), zero where column < row + 1, in place. Every step is a function of indices;
// fused, there is one expression.
// CHECK-LABEL: func.func @forward
// FUSED-LABEL: func.func @forward
func.func @forward() -> !colossal.any {
  %c1 = colossal.aten_constant 1 : i64 -> !colossal.any
  %c4 = colossal.aten_constant 4 : i64 -> !colossal.any
  %min = colossal.aten_constant -3.4028234663852886e+38 : f64 -> !colossal.any
  %zero = colossal.aten_constant 0 : i64 -> !colossal.any
  %none = colossal.aten_constant unit -> !colossal.any
  %square = colossal.aten "prim::ListConstruct"(%c4, %c4) name "ListConstruct.0" : (!colossal.any, !colossal.any) -> !colossal.any
  %column = colossal.aten "prim::ListConstruct"(%c4, %c1) name "ListConstruct.1" : (!colossal.any, !colossal.any) -> !colossal.any
  // CHECK: colossal.generic "full.0" [d0 = 4, d1 = 4] () -> ([d0, d1])
  %mask = colossal.aten "aten::full"(%square, %min, %none, %none, %none, %none) name "full.0" : (!colossal.any, !colossal.any, !colossal.any, !colossal.any, !colossal.any, !colossal.any) -> !colossal.any
  // CHECK: colossal.generic "arange.0" [d0 = 4] () -> ([d0])
  // CHECK: colossal.index "d0"
  %i = colossal.aten "aten::arange"(%c4, %none, %none, %none, %none) name "arange.0" : (!colossal.any, !colossal.any, !colossal.any, !colossal.any, !colossal.any) -> !colossal.any
  %next = colossal.aten "aten::add.Scalar"(%i, %c1, %c1) name "add.0" : (!colossal.any, !colossal.any, !colossal.any) -> !colossal.any
  %rows = colossal.aten "aten::view"(%next, %column) name "view.0" : (!colossal.any, !colossal.any) -> !colossal.any
  %seen = colossal.aten "aten::lt.Tensor"(%i, %rows) name "lt.0" : (!colossal.any, !colossal.any) -> !colossal.any
  %filled = colossal.aten "aten::masked_fill_.Scalar"(%mask, %seen, %zero) name "masked_fill_.0" : (!colossal.any, !colossal.any, !colossal.any) -> !colossal.any
  // FUSED-NEXT: %[[M:.*]] = colossal.generic "masked_fill_.0" [d0 = 4, d1 = 4] () -> ([d0, d1])
  // FUSED-DAG: %[[COLUMN:.*]] = colossal.index "d1"
  // FUSED-DAG: %[[ROW:.*]] = colossal.index "d0"
  // FUSED-DAG: arith.constant -3.40282347E+38 : f32
  // FUSED: arith.cmpi slt, %[[COLUMN]]
  // FUSED: arith.select
  // FUSED: return %[[M]] : tensor<4x4xf32>
  return %mask : !colossal.any
}

// -----

// triu and tril are predicates on the last two indices.
// CHECK-LABEL: func.func @forward
// FUSED-LABEL: func.func @forward
func.func @forward(%x: tensor<2x4x4xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x", colossal.batch_dim = 0 : i64}) -> !colossal.any {
  %c1 = colossal.aten_constant 1 : i64 -> !colossal.any
  // CHECK: colossal.generic "triu.0" [b = 2, s = 4, d2 = 4] (%{{.*}} : [b, s, d2]) -> ([b, s, d2])
  // CHECK-DAG: %[[ROW:.*]] = colossal.index "s"
  // CHECK-DAG: %[[COLUMN:.*]] = colossal.index "d2"
  // CHECK: %[[BOUND:.*]] = arith.addi %[[ROW]]
  // CHECK: arith.cmpi sge, %[[COLUMN]], %[[BOUND]]
  %y = colossal.aten "aten::triu"(%x, %c1) name "triu.0" : (tensor<2x4x4xf32>, !colossal.any) -> !colossal.any
  return %y : !colossal.any
}
