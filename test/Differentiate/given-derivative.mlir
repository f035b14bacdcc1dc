// RUN: colossal-opt %s -colossal-differentiate="optimizer=none" | FileCheck %s

// The gradient uses the derivative that is given, as a choice where it is one,
// and nothing of the formula; no op that gives a derivative is left.
// CHECK-LABEL: func.func @gradients
// CHECK-NOT:   with_derivative
// CHECK:       "act"
// CHECK:       math.exp
// CHECK-NOT:   arith.cmpf
// CHECK:       "loss"
// CHECK:       "act.gradient0" [n = 3] {{.*}}gradient_of = "w"
// CHECK-NEXT:  ^bb0(%[[W:.*]]: f32, %[[G:.*]]: f32):
// CHECK-NEXT:  %[[ZERO:.*]] = arith.constant 0.0
// CHECK-NEXT:  %[[TWO:.*]] = arith.constant 2.0
// CHECK-NEXT:  %[[G2:.*]] = arith.mulf %[[G]], %[[TWO]]
// CHECK-NEXT:  %[[IN:.*]] = arith.cmpf ogt, %[[W]], %[[ZERO]]
// CHECK-NEXT:  %[[R:.*]] = arith.select %[[IN]], %[[G2]], %[[ZERO]]
// CHECK-NEXT:  colossal.yield %[[R]]
// CHECK-NOT:   with_derivative
func.func @forward(%w: tensor<3xf32> {colossal.role = #colossal.role<parameter>, colossal.name = "w"}) -> tensor<f32> {
  %y = colossal.generic "act" [n = 3] (%w : [n]) -> ([n]) {
  ^bb0(%x: f32):
    %zero = arith.constant 0.0 : f32
    %one = arith.constant 1.0 : f32
    %value = math.exp %x : f32
    %inside = arith.cmpf ogt, %x, %zero : f32
    %slope = arith.select %inside, %one, %zero : f32
    %0 = colossal.with_derivative %value of (%x) by (%slope) : f32
    colossal.yield %0 : f32
  } : (tensor<3xf32>) -> tensor<3xf32>
  %loss = colossal.generic "loss" [n = 3 : sum] (%y : [n]) -> ([]) {
  ^bb0(%x: f32):
    %0 = arith.mulf %x, %x : f32
    colossal.yield %0 : f32
  } : (tensor<3xf32>) -> tensor<f32>
  return %loss : tensor<f32>
}
