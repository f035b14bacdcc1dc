// RUN: colossal-opt --colossal-normalize -split-input-file %s | FileCheck %s

// Writing through a view rebuilds the base; a view that is read later is taken from the new base.
//   y = x.clone(); row = y[1]; y[:, 2:] = 0 (a fill of a slice); return row
// CHECK-LABEL: func.func @forward
func.func @forward(%x: tensor<3x5xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x", colossal.batch_dim = 0 : i64}) -> !colossal.any {
  %c0 = colossal.aten_constant 0 : i64 -> !colossal.any
  %c1 = colossal.aten_constant 1 : i64 -> !colossal.any
  %c2 = colossal.aten_constant 2 : i64 -> !colossal.any
  %c5 = colossal.aten_constant 5 : i64 -> !colossal.any
  %none = colossal.aten_constant unit -> !colossal.any
  %y = colossal.aten "aten::clone"(%x, %none) name "clone.0" : (tensor<3x5xf32>, !colossal.any) -> !colossal.any
  %row = colossal.aten "aten::select.int"(%y, %c0, %c1) name "select.0" : (!colossal.any, !colossal.any, !colossal.any) -> !colossal.any
  %part = colossal.aten "aten::slice.Tensor"(%y, %c1, %c2, %c5, %c1) name "slice.0" : (!colossal.any, !colossal.any, !colossal.any, !colossal.any, !colossal.any) -> !colossal.any
  // CHECK: %[[FILL:.*]] = colossal.generic "fill_.0" [d0 = 3, d1 = 3] () -> ([d0, d1])
  // CHECK: %[[BASE:.*]] = colossal.generic "fill_.0.base" [b = 3, s = 5] (%arg0 : [b, s], %[[FILL]] : [b, s - 2 of 3]) -> ([b, s])
  // CHECK: %[[S:.*]] = colossal.index "s"
  // CHECK: %[[INSIDE:.*]] = arith.cmpi sge, %[[S]], %{{.*}} : i64
  // CHECK: arith.select %[[INSIDE]]
  %w = colossal.aten "aten::fill_.Scalar"(%part, %c0) name "fill_.0" : (!colossal.any, !colossal.any) -> !colossal.any
  // CHECK: %[[ROW:.*]] = colossal.generic "select.0" [s = 5] (%[[BASE]] : [1 of 3, s]) -> ([s])
  // CHECK: return %[[ROW]]
  return %row : !colossal.any
}

// -----

// An in-place op keeps the type of what it writes, and every alias sees the new value.
// CHECK-LABEL: func.func @forward
func.func @forward(%x: tensor<3xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x", colossal.batch_dim = 0 : i64},
                   %i: tensor<3xi64> {colossal.role = #colossal.role<batch>, colossal.name = "i", colossal.batch_dim = 0 : i64}) -> (!colossal.any, !colossal.any) {
  %c1 = colossal.aten_constant 1 : i64 -> !colossal.any
  %none = colossal.aten_constant unit -> !colossal.any
  %y = colossal.aten "aten::clone"(%x, %none) name "clone.0" : (tensor<3xf32>, !colossal.any) -> !colossal.any
  // CHECK: %[[Y:.*]] = colossal.generic "add_.0"
  %z = colossal.aten "aten::add_.Tensor"(%y, %i, %c1) name "add_.0" : (!colossal.any, tensor<3xi64>, !colossal.any) -> !colossal.any
  // CHECK: return %[[Y]], %[[Y]] : tensor<3xf32>, tensor<3xf32>
  return %y, %z : !colossal.any, !colossal.any
}

// -----

// A buffer that is written becomes a result that updates it. Arguments without a use are dropped: the buffer `mask`.
// CHECK-LABEL: func.func @forward
// CHECK-SAME: %arg0: tensor<i64> {colossal.name = "steps"
// CHECK-SAME: %arg1: tensor<3xf32>
// CHECK-SAME: -> (tensor<3xf32>, tensor<i64> {colossal.updates = 0 : i64})
func.func @forward(%mask: tensor<4x4xi1> {colossal.role = #colossal.role<buffer>, colossal.name = "mask"},
                   %steps: tensor<i64> {colossal.role = #colossal.role<buffer>, colossal.name = "steps"},
                   %x: tensor<3xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x", colossal.batch_dim = 0 : i64}) -> !colossal.any {
  %c1 = colossal.aten_constant 1 : i64 -> !colossal.any
  // CHECK: %[[S:.*]] = colossal.generic "add_.0" [] (%arg0 : []) -> ([])
  %s = colossal.aten "aten::add_.Scalar"(%steps, %c1, %c1) name "add_.0" : (tensor<i64>, !colossal.any, !colossal.any) -> !colossal.any
  %y = colossal.aten "aten::mul.Tensor"(%x, %s) name "mul.0" : (tensor<3xf32>, !colossal.any) -> !colossal.any
  // CHECK: return %{{.*}}, %[[S]]
  return %y : !colossal.any
}

// -----

// A batch that is written is not state: nothing is given back. What is returned is the written value.
// CHECK-LABEL: func.func @forward
// CHECK-SAME: -> tensor<3xi64> {
func.func @forward(%t: tensor<3xi64> {colossal.role = #colossal.role<batch>, colossal.name = "t", colossal.batch_dim = 0 : i64}) -> tensor<3xi64> {
  %c2 = colossal.aten_constant 2 : i64 -> !colossal.any
  // CHECK: %[[U:.*]] = colossal.generic "mul_.0"
  %u = colossal.aten "aten::mul_.Scalar"(%t, %c2) name "mul_.0" : (tensor<3xi64>, !colossal.any) -> !colossal.any
  // CHECK: return %[[U]]
  return %t : tensor<3xi64>
}
