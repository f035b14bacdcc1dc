// RUN: colossal-opt %s --colossal-differentiate=optimizer=none -split-input-file | FileCheck %s

// The derivative of a selection is the same selection of the cotangent, where
// sums and places have changed roles: a gather's is a scatter.
// CHECK-LABEL: func.func @gradients
// CHECK:       colossal.generic "lookup.gradient0" [i = 5 : sum, d = 3, v = 7] (%{{.*}} : [i], %{{.*}} : [i, d]) -> ([v, d])
// CHECK:         %[[G:.*]] = colossal.where %{{.*}} [v == %{{.*}} : i64] : f32
// CHECK-NEXT:    colossal.yield %[[G]]
func.func @forward(%w: tensor<7x3xf32> {colossal.role = #colossal.role<parameter>, colossal.name = "w"},
                  %ids: tensor<5xi64> {colossal.role = #colossal.role<batch>, colossal.name = "ids"}) -> (tensor<f32> {colossal.metric = "loss"}) {
  %y = colossal.generic "lookup" [i = 5, d = 3, v = 7 : sum] (%w : [v, d], %ids : [i]) -> ([i, d]) {
    ^bb0(%0: f32, %id: i64):
      %1 = colossal.where %0 [v == %id : i64] : f32
      colossal.yield %1 : f32
  } : (tensor<7x3xf32>, tensor<5xi64>) -> tensor<5x3xf32>
  %l = colossal.generic "loss" [i = 5 : sum, d = 3 : sum] (%y : [i, d]) -> ([]) {
    ^bb0(%0: f32):
      %1 = arith.mulf %0, %0 : f32
      colossal.yield %1 : f32
  } : (tensor<5x3xf32>) -> tensor<f32>
  return %l : tensor<f32>
}

// -----

// The gradient runs over the whole of an operand that is read through a window:
// its equation is of the indices that lead back, and a part is a place.
// CHECK-LABEL: func.func @gradients
// CHECK:       colossal.generic "window.gradient0" [j = 4 : sum, a = 9, part0 = 2]
// CHECK:         colossal.where %{{.*}} [a == j + 5, part0 == 1] : f32
// CHECK-NEXT:    colossal.yield
func.func @forward(%w: tensor<2x9xf32> {colossal.role = #colossal.role<parameter>, colossal.name = "w"}) -> (tensor<f32> {colossal.metric = "loss"}) {
  %y = colossal.generic "window" [j = 4, a = 6 : sum] (%w : [1 of 2, a + 2 of 9]) -> ([j]) {
    ^bb0(%0: f32):
      %1 = arith.negf %0 : f32
      %2 = colossal.where %1 [a == j + 3] : f32
      colossal.yield %2 : f32
  } : (tensor<2x9xf32>) -> tensor<4xf32>
  %l = colossal.generic "loss" [j = 4 : sum] (%y : [j]) -> ([]) {
    ^bb0(%0: f32):
      %1 = arith.mulf %0, %0 : f32
      colossal.yield %1 : f32
  } : (tensor<4xf32>) -> tensor<f32>
  return %l : tensor<f32>
}
