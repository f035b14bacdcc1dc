// RUN: colossal-opt %s -colossal-differentiate="optimizer=none" | FileCheck %s
// RUN: colossal-opt %s -colossal-differentiate="optimizer=adamw:lr=0.1,weight-decay=0.1,no-decay=rank<2 clip-norm=1.0" | FileCheck %s --check-prefix=ADAMW
// RUN: colossal-opt %s -colossal-differentiate="optimizer=sgd:lr=0.1,momentum=0.9" | FileCheck %s --check-prefix=SGD
// RUN: not colossal-opt %s -colossal-differentiate="optimizer=adem" 2>&1 | FileCheck %s --check-prefix=ERROR
// ERROR: --optimizer: found 'adem', expected 'sgd', 'adam', 'adamw'

// loss = mean((x w + b)^2). The gradient of a product is a product, that of a
// broadcast bias a sum over the batch.
// CHECK-LABEL: func.func @gradients
// CHECK:       "mm" {{.*}}pass = forward
// CHECK:       "loss" {{.*}}pass = forward
// CHECK:       "bias.gradient1" [b = 4 : sum, n = 3]
// CHECK-SAME:  forward_of = "bias", gradient_of = "b", pass = backward
// CHECK:       "mm.gradient1" [b = 4 : sum, n = 3, k = 8]
// CHECK-SAME:  -> ([k, n])
// CHECK-SAME:  gradient_of = "w"
// CHECK:       return {{.*}} : tensor<f32>, tensor<8x3xf32>, tensor<3xf32>

// ADAMW-LABEL: func.func @train_step
// ADAMW-SAME:  %arg3: tensor<8x3xf32> {colossal.name = "w#exp_avg", colossal.role = #colossal.role<optimizer>, colossal.source = {fill = 0.000000e+00 : f64}}
// ADAMW-SAME:  tensor<f64> {colossal.name = "lr", colossal.role = #colossal.role<control>}
// ADAMW-SAME:  (tensor<f32> {colossal.metric = "loss"}, tensor<f32> {colossal.metric = "grad_norm"}, tensor<8x3xf32> {colossal.updates = 0 : i64}
// ADAMW:       "w/square_norm"
// ADAMW:       "clip/coefficient"
// ADAMW:       "w/adamw"
// ADAMW-SAME:  pass = update

// SGD-LABEL: func.func @train_step
// SGD:       "w/sgd"
func.func @forward(%w: tensor<8x3xf32> {colossal.role = #colossal.role<parameter>, colossal.name = "w"},
                   %b: tensor<3xf32> {colossal.role = #colossal.role<parameter>, colossal.name = "b"},
                   %x: tensor<4x8xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x", colossal.batch_dim = 0 : i64}) -> tensor<f32> {
  %mm = colossal.generic "mm" [b = 4, n = 3, k = 8 : sum] (%x : [b, k], %w : [k, n]) -> ([b, n]) {
    ^bb0(%0: f32, %1: f32):
      %2 = arith.mulf %0, %1 : f32
      colossal.yield %2 : f32
  } : (tensor<4x8xf32>, tensor<8x3xf32>) -> tensor<4x3xf32>
  %y = colossal.generic "bias" [b = 4, n = 3] (%mm : [b, n], %b : [n]) -> ([b, n]) {
    ^bb0(%0: f32, %1: f32):
      %2 = arith.addf %0, %1 : f32
      %3 = arith.mulf %2, %2 : f32
      colossal.yield %3 : f32
  } : (tensor<4x3xf32>, tensor<3xf32>) -> tensor<4x3xf32>
  %sum = colossal.generic "sum" [b = 4 : sum, n = 3 : sum] (%y : [b, n]) -> ([]) {
    ^bb0(%0: f32):
      colossal.yield %0 : f32
  } : (tensor<4x3xf32>) -> tensor<f32>
  %loss = colossal.generic "loss" [] (%sum : []) -> ([]) {
    ^bb0(%0: f32):
      %n = arith.constant 12.0 : f32
      %1 = arith.divf %0, %n : f32
      colossal.yield %1 : f32
  } : (tensor<f32>) -> tensor<f32>
  return %loss : tensor<f32>
}
