// RUN: colossal-opt --colossal-normalize -split-input-file %s | FileCheck %s

// An embedding is a sum over the vocabulary of a one-hot predicate; position numbers take a part of the table.
// CHECK-LABEL: func.func @forward
func.func @forward(
    %wte: tensor<50x8xf32> {colossal.role = #colossal.role<parameter>, colossal.name = "wte"},
    %wpe: tensor<32x8xf32> {colossal.role = #colossal.role<parameter>, colossal.name = "wpe"},
    %ids: tensor<2x6xi64> {colossal.role = #colossal.role<batch>, colossal.name = "ids", colossal.batch_dim = 0 : i64}) -> (!colossal.any, !colossal.any) {
  %m1 = colossal.aten_constant -1 : i64 -> !colossal.any
  %c6 = colossal.aten_constant 6 : i64 -> !colossal.any
  %false = colossal.aten_constant false -> !colossal.any
  %none = colossal.aten_constant unit -> !colossal.any
  // CHECK: colossal.generic "embedding.0" [b = 2, s = 6, v = 50 : sum, d1 = 8] (%arg2 : [b, s], %arg0 : [v, d1]) -> ([b, s, d1])
  // CHECK: colossal.where %{{.*}} [v == %{{.*}} : i64] : f32
  %e = colossal.aten "aten::embedding"(%wte, %ids, %m1, %false, %false) name "embedding.0" : (tensor<50x8xf32>, tensor<2x6xi64>, !colossal.any, !colossal.any, !colossal.any) -> !colossal.any
  %positions = colossal.aten "aten::arange"(%c6, %none, %none, %none, %none) name "arange.0" : (!colossal.any, !colossal.any, !colossal.any, !colossal.any, !colossal.any) -> !colossal.any
  // CHECK: colossal.generic "embedding.1" [d0 = 6, d1 = 8] (%arg1 : [d0 + 0 of 32, d1]) -> ([d0, d1])
  %p = colossal.aten "aten::embedding"(%wpe, %positions, %m1, %false, %false) name "embedding.1" : (tensor<32x8xf32>, !colossal.any, !colossal.any, !colossal.any, !colossal.any) -> !colossal.any
  return %e, %p : !colossal.any, !colossal.any
}

// -----

// Padding reads outside the tensor, which gives zero; another value is selected by index. Concatenation likewise.
// CHECK-LABEL: func.func @forward
func.func @forward(
    %t: tensor<2x8xi64> {colossal.role = #colossal.role<batch>, colossal.name = "t", colossal.batch_dim = 0 : i64},
    %u: tensor<2x3xi64> {colossal.role = #colossal.role<batch>, colossal.name = "u", colossal.batch_dim = 0 : i64}) -> (!colossal.any, !colossal.any) {
  %c0 = colossal.aten_constant 0 : i64 -> !colossal.any
  %c1 = colossal.aten_constant 1 : i64 -> !colossal.any
  %value = colossal.aten_constant -100.0 : f64 -> !colossal.any
  %mode = colossal.aten_constant "constant" -> !colossal.any
  %widths = colossal.aten "prim::ListConstruct"(%c0, %c1) name "ListConstruct.0" : (!colossal.any, !colossal.any) -> !colossal.any
  // CHECK: colossal.generic "pad.0" [b = 2, s = 9] (%arg0 : [b, s + 0 of 8]) -> ([b, s])
  // CHECK: arith.cmpi slt
  // CHECK: arith.constant -100 : i64
  // CHECK: arith.select
  %p = colossal.aten "aten::pad"(%t, %widths, %mode, %value) name "pad.0" : (tensor<2x8xi64>, !colossal.any, !colossal.any, !colossal.any) -> !colossal.any
  %list = colossal.aten "prim::ListConstruct"(%t, %u) name "ListConstruct.1" : (tensor<2x8xi64>, tensor<2x3xi64>) -> !colossal.any
  // CHECK: colossal.generic "cat.0" [b = 2, s = 11] (%arg0 : [b, s + 0 of 8], %arg1 : [b, s - 8 of 3]) -> ([b, s])
  %c = colossal.aten "aten::cat"(%list, %c1) name "cat.0" : (!colossal.any, !colossal.any) -> !colossal.any
  return %p, %c : !colossal.any, !colossal.any
}

// -----

// x[mask] has a row for each element, zero where the mask is false; its mean leaves out what is not there, and is divided
// by the number of true elements.
// CHECK-LABEL: func.func @forward
// CHECK: %[[ROWS:.*]] = colossal.generic "index.0" [d0 = 8] (%arg1 : [d0], %arg0 : [d0]) -> ([d0])
// CHECK: %[[COUNT:.*]] = colossal.generic "mean.0.count"
// CHECK: %[[KEPT:.*]] = colossal.generic "mean.0.present" [d0 = 8] (%arg1 : [d0], %[[ROWS]] : [d0]) -> ([d0])
// CHECK: %[[SUM:.*]] = colossal.generic "mean.0.sum"
// CHECK: colossal.generic "mean.0" [] (%[[SUM]] : [], %[[COUNT]] : [])
func.func @forward(%x: tensor<8xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x"}, %m: tensor<8xi1> {colossal.role = #colossal.role<batch>, colossal.name = "m"}) -> !colossal.any {
  %none = colossal.aten_constant unit -> !colossal.any
  %list = colossal.aten "prim::ListConstruct"(%m) name "ListConstruct.0" : (tensor<8xi1>) -> !colossal.any
  %s = colossal.aten "aten::index.Tensor"(%x, %list) name "index.0" : (tensor<8xf32>, !colossal.any) -> !colossal.any
  %y = colossal.aten "aten::mean"(%s, %none) name "mean.0" : (!colossal.any, !colossal.any) -> !colossal.any
  return %y : !colossal.any
}

// -----

// x[mask] += y, traced while the mask selects one row: PyTorch puts it without its dimension; here it stays a row for each element of the mask.
// CHECK-LABEL: func.func @forward
func.func @forward(%x: tensor<8x4xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x"}, %m: tensor<8xi1> {colossal.role = #colossal.role<batch>, colossal.name = "m"}) -> !colossal.any {
  %no = colossal.aten_constant false -> !colossal.any
  %c1 = colossal.aten_constant 1 : i64 -> !colossal.any
  %c4 = colossal.aten_constant 4 : i64 -> !colossal.any
  %list = colossal.aten "prim::ListConstruct"(%m) name "ListConstruct.0" : (tensor<8xi1>) -> !colossal.any
  // CHECK: %[[ROWS:.*]] = colossal.generic "m/index.0"
  %rows = colossal.aten "aten::index.Tensor"(%x, %list) name "m/index.0" : (tensor<8x4xf32>, !colossal.any) -> !colossal.any
  // CHECK: %[[SUM:.*]] = colossal.generic "m/add.0" {{.*}} (%[[ROWS]]
  %sum = colossal.aten "aten::add.Tensor"(%rows, %c1, %c1) name "m/add.0" : (!colossal.any, !colossal.any, !colossal.any) -> !colossal.any
  %sizes = colossal.aten "prim::ListConstruct"(%c4) name "ListConstruct.1" : (!colossal.any) -> !colossal.any
  %row = colossal.aten "aten::view"(%sum, %sizes) name "m/view.0" : (!colossal.any, !colossal.any) -> !colossal.any
  // CHECK: colossal.generic "m/index_put.0" {{.*}} (%{{.*}} : [[ALL:.*]], %{{.*}}, %[[SUM]] : [[ALL]])
  %y = colossal.aten "aten::index_put"(%x, %list, %row, %no) name "m/index_put.0" : (tensor<8x4xf32>, !colossal.any, !colossal.any, !colossal.any) -> !colossal.any
  return %y : !colossal.any
}
