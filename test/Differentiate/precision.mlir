// RUN: colossal-opt %s -split-input-file --colossal-precision --colossal-fuse-elementwise -colossal-differentiate="optimizer=sgd:lr=0.1" | FileCheck %s

// A weight that is used twice: both products are of bf16, their sums over the batch and the sum of the two are
// f32, and so is the update of the weight. The gradient of an activation is bf16.
// CHECK-LABEL: func.func @train_step
// CHECK:       %[[W:.*]] = colossal.generic "w.bf16"
// CHECK:       %[[Y:.*]] = colossal.generic "matmul.0" {{.*}}, %[[W]]
// CHECK:       (tensor<4x8xbf16>, tensor<8x8xbf16>) -> tensor<4x8xbf16>
// CHECK:       %[[DY:.*]] = colossal.generic "matmul.1.gradient0"
// CHECK:       (tensor<8x8xbf16>, tensor<4x8xbf16>) -> tensor<4x8xbf16>
// CHECK:       %[[G1:.*]] = colossal.generic "matmul.1.gradient1" [b = 4 : sum
// CHECK:         arith.extf %{{.*}} : bf16 to f32
// CHECK:         arith.extf %{{.*}} : bf16 to f32
// CHECK:         arith.mulf %{{.*}} : f32
// CHECK:       (tensor<4x8xbf16>, tensor<4x8xbf16>) -> tensor<8x8xf32>
// CHECK:       %[[G0:.*]] = colossal.generic "matmul.0.gradient1" [b = 4 : sum
// CHECK:       (tensor<4x8xbf16>, tensor<4x8xbf16>) -> tensor<8x8xf32>
// CHECK:       %[[G:.*]] = colossal.generic "w.bf16.gradient" {{.*}} gradient_of = "w"
// CHECK:         arith.addf %{{.*}} : f32
// CHECK-NOT:   bf16
// CHECK:       colossal.generic "w/sgd"
func.func @forward(%x: tensor<4x8xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x"},
                   %w: tensor<8x8xf32> {colossal.role = #colossal.role<parameter>, colossal.name = "w"}) -> tensor<f32> {
  %y = colossal.generic "matmul.0" [b = 4, n = 8, k = 8 : sum] (%x : [b, k], %w : [k, n]) -> ([b, n]) {
    ^bb0(%0: f32, %1: f32):
      %2 = arith.mulf %0, %1 : f32
      colossal.yield %2 : f32
  } : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
  %z = colossal.generic "matmul.1" [b = 4, n = 8, k = 8 : sum] (%y : [b, k], %w : [k, n]) -> ([b, n]) {
    ^bb0(%0: f32, %1: f32):
      %2 = arith.mulf %0, %1 : f32
      colossal.yield %2 : f32
  } : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
  %l = colossal.generic "sum.0" [b = 4 : sum, n = 8 : sum] (%z : [b, n]) -> ([]) {
    ^bb0(%0: f32):
      %1 = arith.mulf %0, %0 : f32
      colossal.yield %1 : f32
  } : (tensor<4x8xf32>) -> tensor<f32>
  return %l : tensor<f32>
}

// -----

// The two parts of the gradient of a value of bf16 that a loss has are added up in f32: only their sum is rounded.
// CHECK-LABEL: func.func @train_step
// CHECK:       colossal.generic "matmul.0.gradient.loss.backward"
// CHECK-NEXT:    ^bb0
// CHECK-NOT:     truncf
// CHECK:         %[[PART:.*]] = arith.mulf
// CHECK-NEXT:    %[[SUM:.*]] = arith.addf %{{.*}}, %[[PART]] : f32
// CHECK-NEXT:    arith.truncf %[[SUM]]
// CHECK-NEXT:    colossal.yield
func.func @forward(%x: tensor<4x8xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x"},
                   %w: tensor<8x8xf32> {colossal.role = #colossal.role<parameter>, colossal.name = "w"}) -> tensor<f32> {
  %y = colossal.generic "matmul.0" [b = 4, n = 8, k = 8 : sum] (%x : [b, k], %w : [k, n]) -> ([b, n]) {
    ^bb0(%0: f32, %1: f32):
      %2 = arith.mulf %0, %1 : f32
      colossal.yield %2 : f32
  } : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
  %a = colossal.generic "mse_loss.0.sum" [b = 4 : sum, n = 8 : sum] (%y : [b, n]) -> ([]) attributes {group = "loss"} {
    ^bb0(%0: f32):
      %1 = arith.mulf %0, %0 : f32
      colossal.yield %1 : f32
  } : (tensor<4x8xf32>) -> tensor<f32>
  %l = colossal.generic "mse_loss.0" [b = 4 : sum, n = 8 : sum] (%y : [b, n], %a : []) -> ([]) attributes {group = "loss"} {
    ^bb0(%0: f32, %1: f32):
      %2 = arith.mulf %0, %1 : f32
      colossal.yield %2 : f32
  } : (tensor<4x8xf32>, tensor<f32>) -> tensor<f32>
  return %l : tensor<f32>
}

// -----

// The gradients of what is picked are added in memory, at the places that the ids say: in f32, and rounded when all
// are there.
// CHECK-LABEL: func.func @train_step
// CHECK:       %[[SUM:.*]] = colossal.generic "lookup.gradient0" [i = 5 : sum, n = 8, v = 4]
// CHECK:         colossal.where %{{.*}} [v == %{{.*}} : i64] : f32
// CHECK:       -> tensor<4x8xf32>
// CHECK:       %[[ROUNDED:.*]] = colossal.generic "lookup.gradient0.rounded" {{.*}} (%[[SUM]] : [{{.*}}]) {{.*}} attributes {forward_of = "lookup", pass = backward}
// CHECK-NEXT:    ^bb0(%[[ONE:.*]]: f32):
// CHECK-NEXT:    arith.truncf %[[ONE]]
// CHECK:       (tensor<4x8xf32>) -> tensor<4x8xbf16>
// CHECK:       colossal.generic "matmul.0.gradient{{.*}}(%{{.*}}, %[[ROUNDED]]
func.func @forward(%x: tensor<4x8xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x"},
                   %ids: tensor<5xi64> {colossal.role = #colossal.role<batch>, colossal.name = "ids"},
                   %w: tensor<8x8xf32> {colossal.role = #colossal.role<parameter>, colossal.name = "w"})
                   -> (tensor<f32> {colossal.metric = "loss"}) {
  %y = colossal.generic "matmul.0" [b = 4, n = 8, k = 8 : sum] (%x : [b, k], %w : [k, n]) -> ([b, n]) {
    ^bb0(%0: f32, %1: f32):
      %2 = arith.mulf %0, %1 : f32
      colossal.yield %2 : f32
  } : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
  %p = colossal.generic "lookup" [i = 5, n = 8, v = 4 : sum] (%y : [v, n], %ids : [i]) -> ([i, n]) {
    ^bb0(%0: f32, %id: i64):
      %1 = colossal.where %0 [v == %id : i64] : f32
      colossal.yield %1 : f32
  } : (tensor<4x8xf32>, tensor<5xi64>) -> tensor<5x8xf32>
  %l = colossal.generic "loss" [i = 5 : sum, n = 8 : sum] (%p : [i, n]) -> ([]) {
    ^bb0(%0: f32):
      %1 = arith.mulf %0, %0 : f32
      colossal.yield %1 : f32
  } : (tensor<5x8xf32>) -> tensor<f32>
  return %l : tensor<f32>
}

// -----

// A linear layer is rounded once, with its bias, whatever follows: the product is f32, what follows and its
// derivative read the rounded sum, and the gradients of the product's factors are products of bf16 as elsewhere.
// CHECK-LABEL: func.func @train_step
// CHECK:       %[[Y:.*]] = colossal.generic "fc/linear.0" {{.*}} (%{{.*}} : [b, k], %{{.*}} : [n, k])
// CHECK:         arith.extf %{{.*}} : bf16 to f32
// CHECK:         arith.extf %{{.*}} : bf16 to f32
// CHECK:       (tensor<4x8xbf16>, tensor<8x8xbf16>) -> tensor<4x8xf32>
// CHECK:       %[[Z:.*]] = colossal.generic "fc/linear.0.bias" {{.*}} (%[[Y]] : [b, n], %{{.*}} : [n])
// CHECK-NEXT:    ^bb0(%[[PRODUCT:.*]]: f32, %[[BIAS:.*]]: f32):
// CHECK-NEXT:    %[[SUM:.*]] = arith.addf %[[PRODUCT]], %[[BIAS]]
// CHECK-NEXT:    arith.truncf %[[SUM]]
// CHECK:       (tensor<4x8xf32>, tensor<8xf32>) -> tensor<4x8xbf16>
// CHECK:       colossal.generic "relu.0" {{.*}} (%[[Z]] :
// CHECK:       %[[DZ:.*]] = colossal.generic "relu.0.gradient{{.*}}%[[Z]]
// CHECK:       tensor<4x8xbf16>
// CHECK:       colossal.generic "fc/linear.0.gradient{{.*}}%[[DZ]]
// CHECK:       (tensor<4x8xbf16>, tensor<4x8xbf16>) -> tensor<8x8xf32>
func.func @forward(%x: tensor<4x8xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x"},
                   %w: tensor<8x8xf32> {colossal.role = #colossal.role<parameter>, colossal.name = "fc.weight"},
                   %b: tensor<8xf32> {colossal.role = #colossal.role<parameter>, colossal.name = "fc.bias"}) -> tensor<f32> {
  %y = colossal.generic "fc/linear.0" [b = 4, n = 8, k = 8 : sum] (%x : [b, k], %w : [n, k]) -> ([b, n]) {
    ^bb0(%0: f32, %1: f32):
      %2 = arith.mulf %0, %1 : f32
      colossal.yield %2 : f32
  } : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
  %z = colossal.generic "fc/linear.0.bias" [b = 4, n = 8] (%y : [b, n], %b : [n]) -> ([b, n]) {
    ^bb0(%0: f32, %1: f32):
      %2 = arith.addf %0, %1 : f32
      colossal.yield %2 : f32
  } : (tensor<4x8xf32>, tensor<8xf32>) -> tensor<4x8xf32>
  %r = colossal.generic "relu.0" [b = 4, n = 8] (%z : [b, n]) -> ([b, n]) {
    ^bb0(%0: f32):
      %zero = arith.constant 0.0 : f32
      %2 = arith.maximumf %0, %zero : f32
      colossal.yield %2 : f32
  } : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %m = colossal.generic "matmul.0" [b = 4, n = 4, k = 8 : sum] (%r : [b, k], %r : [n, k]) -> ([b, n]) {
    ^bb0(%0: f32, %1: f32):
      %2 = arith.mulf %0, %1 : f32
      colossal.yield %2 : f32
  } : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x4xf32>
  %l = colossal.generic "mean.0.sum" [b = 4 : sum, n = 4 : sum] (%m : [b, n]) -> ([]) {
    ^bb0(%0: f32):
      colossal.yield %0 : f32
  } : (tensor<4x4xf32>) -> tensor<f32>
  return %l : tensor<f32>
}
