// What backward wants of the argument of a costly function is its derivative: forward computes it, beside the function, and it is
// kept in place of the argument. The gradient of the bias adds up what the gradient of its sum has computed.
// RUN: colossal-opt %s --colossal-differentiate="optimizer=sgd:lr=0.1" | FileCheck %s

// CHECK:         %[[X:.*]] = colossal.generic "linear"
// CHECK:         %[[KEPT:.*]] = colossal.generic "linear.derivative" [b = 8, n = 16] (%[[X]] : [b, n], %{{.*}} : [n]) -> ([b, n]) attributes {pass = forward}
// CHECK:           math.tanh
// CHECK:         colossal.generic "tanh" {{.*}} attributes {pass = forward}
// CHECK:           math.tanh
// CHECK:         %[[G:.*]] = colossal.generic "tanh.gradient0" [b = 8, n = 16] (%{{.*}} : [b, n], %[[KEPT]] : [b, n])
// CHECK-NEXT:    ^bb0
// CHECK-NEXT:      arith.mulf
// CHECK-NEXT:      colossal.yield
// CHECK:         colossal.generic "tanh.gradient1" [b = 8 : sum, n = 16] (%[[G]] : [b, n]) -> ([n]) attributes {{.*}}gradient_of = "bias"
// CHECK-NEXT:    ^bb0(%[[TERM:.*]]: f32):
// CHECK-NEXT:      colossal.yield %[[TERM]]
// CHECK-NOT:     math.tanh
func.func @forward(
    %x: tensor<8x4xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x", colossal.batch_dim = 0 : i64},
    %w: tensor<4x16xf32> {colossal.role = #colossal.role<parameter>, colossal.name = "w", colossal.source = {fill = 0.1}},
    %bias: tensor<16xf32> {colossal.role = #colossal.role<parameter>, colossal.name = "bias", colossal.source = {fill = 0.1}}) -> tensor<f32> {
  %h = colossal.generic "linear" [b = 8, n = 16, k = 4 : sum] (%x : [b, k], %w : [k, n]) -> ([b, n]) {
    ^bb0(%0: f32, %1: f32):
      %2 = arith.mulf %0, %1 : f32
      colossal.yield %2 : f32
  } : (tensor<8x4xf32>, tensor<4x16xf32>) -> tensor<8x16xf32>
  %y = colossal.generic "tanh" [b = 8, n = 16] (%h : [b, n], %bias : [n]) -> ([b, n]) {
    ^bb0(%0: f32, %1: f32):
      %2 = arith.addf %0, %1 : f32
      %3 = math.tanh %2 : f32
      %4 = arith.mulf %2, %3 : f32
      colossal.yield %4 : f32
  } : (tensor<8x16xf32>, tensor<16xf32>) -> tensor<8x16xf32>
  %l = colossal.generic "loss" [b = 8 : sum, n = 16 : sum] (%y : [b, n]) -> ([]) {
    ^bb0(%0: f32):
      %1 = arith.mulf %0, %0 : f32
      colossal.yield %1 : f32
  } : (tensor<8x16xf32>) -> tensor<f32>
  return %l : tensor<f32>
}
