// RUN: colossal-opt %s -colossal-differentiate="optimizer=none" | FileCheck %s

// The gradient of x x is (g + g) x: where g is the same for a row, so is g + g,
// and an element costs one product.
// CHECK-LABEL: func.func @gradients
// CHECK:       "squares.gradient0" [i = 4, k = 8] (%{{.*}} : [i, k], %{{.*}} : [i]) -> ([i, k])
// CHECK-NEXT:  ^bb0(%[[W:.*]]: f32, %[[G:.*]]: f32):
// CHECK-NEXT:  %[[TWICE:.*]] = arith.addf %[[G]], %[[G]]
// CHECK-NEXT:  %[[R:.*]] = arith.mulf %[[TWICE]], %[[W]]
// CHECK-NEXT:  colossal.yield %[[R]]
func.func @forward(%w: tensor<4x8xf32> {colossal.role = #colossal.role<parameter>, colossal.name = "w"}) -> tensor<f32> {
  %rows = colossal.generic "squares" [i = 4, k = 8 : sum] (%w : [i, k]) -> ([i]) {
  ^bb0(%x: f32):
    %0 = arith.mulf %x, %x : f32
    colossal.yield %0 : f32
  } : (tensor<4x8xf32>) -> tensor<4xf32>
  %loss = colossal.generic "loss" [i = 4 : sum] (%rows : [i]) -> ([]) {
  ^bb0(%x: f32):
    %0 = math.exp %x : f32
    colossal.yield %0 : f32
  } : (tensor<4xf32>) -> tensor<f32>
  return %loss : tensor<f32>
}
