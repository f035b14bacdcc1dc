// The derivative of each combiner: extremes in equal parts, products by the product of the others.
// RUN: colossal-opt --colossal-differentiate=optimizer=none %s | FileCheck %s
module {
  // CHECK-LABEL: func.func @gradients
  // CHECK: %[[MAX:.*]] = colossal.generic "max"
  // CHECK: %[[PRODUCT:.*]] = colossal.generic "product"
  // CHECK: %[[ZEROS:.*]] = colossal.generic "product.zeros" [i = 4, k = 6 : sum]
  // CHECK: %[[OTHERS:.*]] = colossal.generic "product.others" [i = 4, k = 6 : product]
  // CHECK: %[[COUNT:.*]] = colossal.generic "max.count" [i = 4, k = 6 : sum] (%{{.*}} : [i, k], %[[MAX]] : [i])
  // CHECK:      arith.cmpf oeq
  // CHECK: colossal.generic "x.gradient" [d0 = 4, d1 = 6] (%{{.*}} : [d0, d1], %[[MAX]] : [d0], %[[PRODUCT]] : [d0], %[[ZEROS]] : [d0], %[[OTHERS]] : [d0], %[[COUNT]] : [d0])
  // CHECK-NEXT: ^bb0(%[[X:.*]]: f32, %[[M:.*]]: f32, %[[P:.*]]: f32, %[[Z:.*]]: f32, %[[O:.*]]: f32, %[[N:.*]]: f32)
  // CHECK:      %[[HIT:.*]] = arith.cmpf oeq, %[[X]], %[[M]]
  // CHECK:      %[[G:.*]] = arith.select %[[HIT]], %[[P]]
  // CHECK:      arith.divf %[[G]], %[[N]]
  // CHECK:      arith.mulf %[[M]], %[[O]]
  // CHECK:      %[[Q:.*]] = arith.divf %[[P]], %[[X]]
  // CHECK:      arith.mulf %[[M]], %[[Q]]
  func.func @forward(%x: tensor<4x6xf32> {colossal.name = "x", colossal.role = #colossal.role<parameter>}) -> (tensor<f32> {colossal.metric = "loss"}) {
    %max = colossal.generic "max" [i = 4, k = 6 : max] (%x : [i, k]) -> ([i]) {
    ^bb0(%0: f32):
      colossal.yield %0 : f32
    } : (tensor<4x6xf32>) -> tensor<4xf32>
    %product = colossal.generic "product" [i = 4, k = 6 : product] (%x : [i, k]) -> ([i]) {
    ^bb0(%0: f32):
      colossal.yield %0 : f32
    } : (tensor<4x6xf32>) -> tensor<4xf32>
    %loss = colossal.generic "loss" [i = 4 : sum] (%max : [i], %product : [i]) -> ([]) {
    ^bb0(%0: f32, %1: f32):
      %2 = arith.mulf %0, %1 : f32
      colossal.yield %2 : f32
    } : (tensor<4xf32>, tensor<4xf32>) -> tensor<f32>
    return %loss : tensor<f32>
  }
}
