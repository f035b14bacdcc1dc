// RUN: colossal-opt %s -split-input-file -verify-diagnostics -colossal-differentiate="optimizer=adamw:weight-decay=0.1 keep-gradients" | FileCheck %s

// Parameters that the loss does not depend on are named once. They have no state, no gradient and no
// update (PyTorch: grad is None); they are arguments still.
// CHECK-LABEL: func.func @train_step
// CHECK-SAME:  %arg0: tensor<8xf32> {colossal.name = "w"
// CHECK-SAME:  %arg1: tensor<8xf32> {colossal.name = "unused"
// CHECK-NOT:   unused#
// CHECK-SAME:  colossal.name = "w#exp_avg"
// CHECK-SAME:  colossal.name = "w#exp_avg_sq"
// CHECK-SAME:  colossal.name = "w#grad"
// CHECK-SAME:  tensor<8xf32> {colossal.updates = 0 : i64}
// CHECK-NOT:   colossal.updates = 1 : i64
// expected-warning @+1 {{the loss does not depend on the parameter 'unused': it stays as it is}}
func.func @forward(%w: tensor<8xf32> {colossal.role = #colossal.role<parameter>, colossal.name = "w"},
                   %u: tensor<8xf32> {colossal.role = #colossal.role<parameter>, colossal.name = "unused"}) -> tensor<f32> {
  %loss = colossal.generic "loss" [d = 8 : sum] (%w : [d]) -> ([]) {
    ^bb0(%0: f32):
      %1 = arith.mulf %0, %0 : f32
      colossal.yield %1 : f32
  } : (tensor<8xf32>) -> tensor<f32>
  return %loss : tensor<f32>
}

// -----

// Of many the first four. One behind a comparison has none either: "e".
// CHECK-LABEL: func.func @train_step
// CHECK-NOT:   "e#
// expected-warning @+1 {{the loss does not depend on the parameters 'a', 'b', 'c', 'd' and 1 more: they stay as they are}}
func.func @forward(%w: tensor<8xf32> {colossal.role = #colossal.role<parameter>, colossal.name = "w"},
                   %a: tensor<f32> {colossal.role = #colossal.role<parameter>, colossal.name = "a"},
                   %b: tensor<f32> {colossal.role = #colossal.role<parameter>, colossal.name = "b"},
                   %c: tensor<f32> {colossal.role = #colossal.role<parameter>, colossal.name = "c"},
                   %d: tensor<f32> {colossal.role = #colossal.role<parameter>, colossal.name = "d"},
                   %e: tensor<8xf32> {colossal.role = #colossal.role<parameter>, colossal.name = "e"}) -> tensor<f32> {
  %loss = colossal.generic "loss" [d = 8 : sum] (%w : [d], %e : [d]) -> ([]) {
    ^bb0(%0: f32, %1: f32):
      %2 = arith.cmpf ogt, %0, %1 : f32
      %3 = arith.mulf %0, %0 : f32
      %4 = arith.select %2, %3, %0 : f32
      colossal.yield %4 : f32
  } : (tensor<8xf32>, tensor<8xf32>) -> tensor<f32>
  return %loss : tensor<f32>
}
