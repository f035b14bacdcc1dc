// RUN: colossal-opt --colossal-normalize -split-input-file %s | FileCheck %s

// Layer norm is a composite: a group of generics. Mean and rstd may be kept for the backward pass. The variance has no
// derivative by the mean: what is squared has one by x alone.
// CHECK-LABEL: func.func @forward
func.func @forward(
    %x: tensor<4x16x8xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x", colossal.batch_dim = 0 : i64},
    %w: tensor<8xf32> {colossal.role = #colossal.role<parameter>, colossal.name = "w"},
    %b: tensor<8xf32> {colossal.role = #colossal.role<parameter>, colossal.name = "b"}) -> !colossal.any {
  %c8 = colossal.aten_constant 8 : i64 -> !colossal.any
  %eps = colossal.aten_constant 1.0e-05 : f64 -> !colossal.any
  %true = colossal.aten_constant true -> !colossal.any
  %shape = colossal.aten "prim::ListConstruct"(%c8) name "ListConstruct.0" : (!colossal.any) -> !colossal.any
  // CHECK: %[[MEAN:.*]] = colossal.generic "ln/layer_norm.0.mean" [b = 4, s = 16, d2 = 8 : sum] (%arg0 : [b, s, d2]) -> ([b, s, 0 of 1]) attributes {group = "ln/layer_norm.0", keep}
  // CHECK: %[[VAR:.*]] = colossal.generic "ln/layer_norm.0.variance" [b = 4, s = 16, d2 = 8 : sum] (%arg0 : [b, s, d2], %[[MEAN]] : [b, s, 0 of 1]) -> ([b, s, 0 of 1]) attributes {group = "ln/layer_norm.0"}
  // CHECK-NEXT: ^bb0(%[[X:.*]]: f32, %{{.*}}: f32):
  // CHECK: %[[C:.*]] = colossal.with_derivative %{{.*}} of(%[[X]]) by(%cst{{.*}}) : f32
  // CHECK: arith.mulf %[[C]], %[[C]]
  // CHECK: %[[RSTD:.*]] = colossal.generic "ln/layer_norm.0.rstd" [b = 4, s = 16] (%[[VAR]] : [b, s, 0 of 1]) -> ([b, s, 0 of 1]) attributes {group = "ln/layer_norm.0", keep}
  // CHECK: math.rsqrt
  // CHECK: colossal.generic "ln/layer_norm.0" [b = 4, s = 16, d2 = 8] (%arg0 : [b, s, d2], %[[RSTD]] : [b, s, 0 of 1], %[[MEAN]] : [b, s, 0 of 1], %arg1 : [d2], %arg2 : [d2]) -> ([b, s, d2]) attributes {group = "ln/layer_norm.0"}
  %y = colossal.aten "aten::layer_norm"(%x, %shape, %w, %b, %eps, %true) name "ln/layer_norm.0"
      : (tensor<4x16x8xf32>, !colossal.any, tensor<8xf32>, tensor<8xf32>, !colossal.any, !colossal.any) -> !colossal.any
  return %y : !colossal.any
}

// -----

// Softmax: the maximum is a constant for the derivative.
// CHECK-LABEL: func.func @forward
func.func @forward(%x: tensor<4x16xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x", colossal.batch_dim = 0 : i64}) -> !colossal.any {
  %m1 = colossal.aten_constant -1 : i64 -> !colossal.any
  %none = colossal.aten_constant unit -> !colossal.any
  // CHECK: %[[MAX:.*]] = colossal.generic "softmax.0.max" [b = 4, s = 16 : max] (%arg0 : [b, s]) -> ([b]) attributes {group = "softmax.0", keep, no_gradient}
  // CHECK: %[[SUM:.*]] = colossal.generic "softmax.0.sum" [b = 4, s = 16 : sum] (%arg0 : [b, s], %[[MAX]] : [b]) -> ([b]) attributes {group = "softmax.0", keep}
  // CHECK: colossal.generic "softmax.0" [b = 4, s = 16] (%arg0 : [b, s], %[[MAX]] : [b], %[[SUM]] : [b]) -> ([b, s]) attributes {group = "softmax.0"}
  // CHECK: arith.divf
  %y = colossal.aten "aten::softmax.int"(%x, %m1, %none) name "softmax.0" : (tensor<4x16xf32>, !colossal.any, !colossal.any) -> !colossal.any
  return %y : !colossal.any
}

// -----

// Batch norm: the running statistics are further results, without a derivative; the variance has none by the mean.
// CHECK-LABEL: func.func @forward
// CHECK-SAME: -> (tensor<4x3x5xf32>, tensor<3xf32> {colossal.updates = 2 : i64}, tensor<3xf32> {colossal.updates = 3 : i64})
func.func @forward(
    %x: tensor<4x3x5xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x", colossal.batch_dim = 0 : i64},
    %w: tensor<3xf32> {colossal.role = #colossal.role<parameter>, colossal.name = "w"},
    %mean: tensor<3xf32> {colossal.role = #colossal.role<buffer>, colossal.name = "mean"},
    %variance: tensor<3xf32> {colossal.role = #colossal.role<buffer>, colossal.name = "variance"}) -> !colossal.any {
  %none = colossal.aten_constant unit -> !colossal.any
  %true = colossal.aten_constant true -> !colossal.any
  %momentum = colossal.aten_constant 0.25 : f64 -> !colossal.any
  %eps = colossal.aten_constant 1.0e-05 : f64 -> !colossal.any
  // CHECK: %[[MEAN:.*]] = colossal.generic "bn/batch_norm.0.mean" [b = 4 : sum, s = 3, d2 = 5 : sum] (%arg0 : [b, s, d2]) -> ([s]) attributes {group = "bn/batch_norm.0", keep}
  // CHECK: %[[VAR:.*]] = colossal.generic "bn/batch_norm.0.variance" [b = 4 : sum, s = 3, d2 = 5 : sum] (%arg0 : [b, s, d2], %[[MEAN]] : [s]) -> ([s]) attributes {group = "bn/batch_norm.0"}
  // CHECK: colossal.with_derivative %{{.*}} of(%arg{{.*}}) by(%{{.*}}) : f32
  // CHECK: %[[RSTD:.*]] = colossal.generic "bn/batch_norm.0.rstd" [s = 3] (%[[VAR]] : [s]) -> ([s]) attributes {group = "bn/batch_norm.0", keep}
  // CHECK: %[[RM:.*]] = colossal.generic "bn/batch_norm.0.running_mean" [s = 3] (%[[MEAN]] : [s], %arg2 : [s]) -> ([s]) attributes {no_gradient}
  // CHECK: %[[RV:.*]] = colossal.generic "bn/batch_norm.0.running_var" [s = 3] (%[[VAR]] : [s], %arg3 : [s]) -> ([s]) attributes {no_gradient}
  // CHECK: %[[Y:.*]] = colossal.generic "bn/batch_norm.0" [b = 4, s = 3, d2 = 5] (%arg0 : [b, s, d2], %[[MEAN]] : [s], %[[RSTD]] : [s], %arg1 : [s]) -> ([b, s, d2]) attributes {group = "bn/batch_norm.0"}
  // CHECK: return %[[Y]], %[[RM]], %[[RV]]
  %y = colossal.aten "aten::batch_norm"(%x, %w, %none, %mean, %variance, %true, %momentum, %eps, %true) name "bn/batch_norm.0"
      : (tensor<4x3x5xf32>, tensor<3xf32>, !colossal.any, tensor<3xf32>, tensor<3xf32>, !colossal.any, !colossal.any, !colossal.any, !colossal.any) -> !colossal.any
  return %y : !colossal.any
}
