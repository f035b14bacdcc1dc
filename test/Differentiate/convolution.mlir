// The derivatives of a convolution are the two other ops of its equation; those of a transposed one as well.
// RUN: colossal-opt %s -colossal-differentiate="optimizer=none" | FileCheck %s

// CHECK-LABEL: func.func @gradients
// CHECK: colossal.convolution "down"
// CHECK: colossal.convolution_backward_data "up"
// CHECK: %[[DUP:.*]] = colossal.generic "loss.gradient0"
// By x of the transposed one: a convolution of its gradient.
// CHECK: %[[DY:.*]] = colossal.convolution "up.backward0" stride array<i64: 2> {{.*}}[b = 2, o = 3, c = 4 : sum, x = 5 : sum, k = 3 : sum, y = 2] (%[[DUP]] : [b, c, x], %{{.*}} : [o, c, k]) -> ([b, o, y])
// CHECK: colossal.convolution_backward_weights "up.backward1" {{.*}} (%[[DUP]] : [b, c, x], %{{.*}} : [b, o, y]) -> ([o, c, k])
// CHECK-SAME: gradient_of = "v"
// CHECK-NOT: convolution_backward_data
// CHECK: colossal.convolution_backward_weights "down.backward1" {{.*}}[b = 2 : sum, o = 3, c = 4, x = 5 : sum, k = 3, y = 2 : sum] (%{{.*}} : [b, c, x], %[[DY]] : [b, o, y]) -> ([o, c, k])
// CHECK-SAME: gradient_of = "w"
func.func @forward(%w: tensor<3x4x3xf32> {colossal.role = #colossal.role<parameter>, colossal.name = "w"},
                   %v: tensor<3x4x3xf32> {colossal.role = #colossal.role<parameter>, colossal.name = "v"},
                   %x: tensor<2x4x5xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x", colossal.batch_dim = 0 : i64}) -> tensor<f32> {
  %y = colossal.convolution "down" stride array<i64: 2> padding array<i64: 0> dilation array<i64: 1>
    [b = 2, o = 3, c = 4 : sum, x = 5 : sum, k = 3 : sum, y = 2]
    (%x : [b, c, x], %w : [o, c, k]) -> ([b, o, y]) : (tensor<2x4x5xf32>, tensor<3x4x3xf32>) -> tensor<2x3x2xf32>
  %z = colossal.convolution_backward_data "up" stride array<i64: 2> padding array<i64: 0> dilation array<i64: 1>
    [b = 2, o = 3 : sum, c = 4, x = 5, k = 3 : sum, y = 2 : sum]
    (%y : [b, o, y], %v : [o, c, k]) -> ([b, c, x]) : (tensor<2x3x2xf32>, tensor<3x4x3xf32>) -> tensor<2x4x5xf32>
  %loss = colossal.generic "loss" [b = 2 : sum, c = 4 : sum, x = 5 : sum] (%z : [b, c, x]) -> ([]) {
    ^bb0(%0: f32):
      %1 = arith.mulf %0, %0 : f32
      colossal.yield %1 : f32
  } : (tensor<2x4x5xf32>) -> tensor<f32>
  return %loss : tensor<f32>
}
