// RUN: colossal-opt --colossal-normalize -split-input-file %s | FileCheck %s

// Cross entropy of labels. The picked logit is a sum over a one-hot predicate; a label that is ignored counts
// nothing; the number of labels that count depends on the labels alone and stands outside the group, so that it can
// be computed before the first microbatch.
// CHECK-LABEL: func.func @forward
func.func @forward(
    %x: tensor<6x5xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x", colossal.batch_dim = 0 : i64},
    %t: tensor<6xi64> {colossal.role = #colossal.role<batch>, colossal.name = "t", colossal.batch_dim = 0 : i64}) -> !colossal.any {
  %none = colossal.aten_constant unit -> !colossal.any
  %mean = colossal.aten_constant 1 : i64 -> !colossal.any
  %ignored = colossal.aten_constant -100 : i64 -> !colossal.any
  %smoothing = colossal.aten_constant 0.0 : f64 -> !colossal.any
  // CHECK: %[[MAX:.*]] = colossal.generic "ce.0.max" [b = 6, s = 5 : max]
  // CHECK-SAME: {group = "ce.0", keep, no_gradient}
  // CHECK: %[[SUM:.*]] = colossal.generic "ce.0.sum" [b = 6, s = 5 : sum]
  // CHECK-SAME: {group = "ce.0", keep}
  // CHECK: %[[LOGSUM:.*]] = colossal.generic "ce.0.logsum" [b = 6]
  // CHECK: %[[LABEL:.*]] = colossal.generic "ce.0.label" [b = 6, v = 5 : sum] (%arg1 : [b], %arg0 : [b, v]) -> ([b])
  // CHECK: colossal.where %{{.*}} [v == %{{.*}} : i64] : f32
  // CHECK: %[[ROW:.*]] = colossal.generic "ce.0.row" [b = 6] (%arg1 : [b], %[[MAX]] : [b], %[[LOGSUM]] : [b], %[[LABEL]] : [b]) -> ([b])
  // CHECK: arith.constant -100 : i64
  // CHECK: %[[TOTAL:.*]] = colossal.generic "ce.0.total" [b = 6 : sum] (%[[ROW]] : [b]) -> ([]) attributes {group = "ce.0"}
  // CHECK: %[[COUNT:.*]] = colossal.generic "ce.0.count" [b = 6 : sum] (%arg1 : [b]) -> ([]) {
  // CHECK: colossal.generic "ce.0" [] (%[[TOTAL]] : [], %[[COUNT]] : []) -> ([]) attributes {group = "ce.0"}
  // CHECK: arith.divf
  %l = colossal.aten "aten::cross_entropy_loss"(%x, %t, %none, %mean, %ignored, %smoothing) name "ce.0"
      : (tensor<6x5xf32>, tensor<6xi64>, !colossal.any, !colossal.any, !colossal.any, !colossal.any) -> !colossal.any
  return %l : !colossal.any
}

// -----

// CHECK-LABEL: func.func @forward
func.func @forward(
    %x: tensor<6x5xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x", colossal.batch_dim = 0 : i64},
    %t: tensor<6x5xf32> {colossal.role = #colossal.role<batch>, colossal.name = "t", colossal.batch_dim = 0 : i64}) -> !colossal.any {
  %mean = colossal.aten_constant 1 : i64 -> !colossal.any
  // CHECK: %[[E:.*]] = colossal.generic "mse.0.element" [b = 6, s = 5]
  // CHECK: %[[S:.*]] = colossal.generic "mse.0.total" [b = 6 : sum, s = 5 : sum] (%[[E]] : [b, s]) -> ([])
  // CHECK: colossal.generic "mse.0" [] (%[[S]] : []) -> ([])
  // CHECK: arith.constant 3.000000e+01 : f32
  %l = colossal.aten "aten::mse_loss"(%x, %t, %mean) name "mse.0" : (tensor<6x5xf32>, tensor<6x5xf32>, !colossal.any) -> !colossal.any
  return %l : !colossal.any
}
