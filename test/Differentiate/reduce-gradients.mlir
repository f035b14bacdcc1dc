// RUN: colossal-opt %s -colossal-differentiate="optimizer=sgd reduce-gradients=bf16 clip-norm=1.0" | FileCheck %s
// RUN: colossal-opt %s -colossal-differentiate="optimizer=sgd" | FileCheck %s --check-prefix=WHOLE
// RUN: not colossal-opt %s -colossal-differentiate="optimizer=sgd reduce-gradients=i8" 2>&1 | FileCheck %s --check-prefix=REFUSED

// The update rounds a gradient once, as a value of its own: ranks may add it up there. All that reads it widens it.
// CHECK:       %[[GRADIENT:.*]] = colossal.generic "loss.gradient0"
// CHECK:       %[[ROUNDED:.*]] = colossal.generic "w/gradient.bf16" {{.*}}(%[[GRADIENT]] : [d0, d1]) -> ([d0, d1])
// CHECK-NEXT:  ^bb0(%[[G:.*]]: f32):
// CHECK-NEXT:    arith.truncf %[[G]] : f32 to bf16
// CHECK:       colossal.generic "w/square_norm" {{.*}}(%[[ROUNDED]] : [d0, d1]) -> ([])
// CHECK-NEXT:  ^bb0(%[[N:.*]]: bf16):
// CHECK-NEXT:    arith.extf %[[N]] : bf16 to f32
// CHECK:       colossal.generic "w/sgd" {{.*}}%[[ROUNDED]] : [d0, d1]
// WHOLE-NOT:   bf16
// REFUSED: error: --reduce-gradients: found 'i8', expected f32, bf16 or f16
func.func @forward(%w: tensor<8x3xf32> {colossal.role = #colossal.role<parameter>, colossal.name = "w"}) -> tensor<f32> {
  %loss = colossal.generic "loss" [k = 8 : sum, n = 3 : sum] (%w : [k, n]) -> ([]) {
    ^bb0(%0: f32):
      %1 = arith.mulf %0, %0 : f32
      colossal.yield %1 : f32
  } : (tensor<8x3xf32>) -> tensor<f32>
  return %loss : tensor<f32>
}
