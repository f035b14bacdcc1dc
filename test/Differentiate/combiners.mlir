// The derivative of each combiner: extremes in equal parts, products by the product of the others.
// RUN: colossal-opt --colossal-differentiate=optimizer=none %s | FileCheck %s
module {
  // CHECK-LABEL: @step
  // CHECK: %[[MAX:.*]] = colossal.generic "max"
  // CHECK: %[[PRODUCT:.*]] = colossal.generic "product"
  // CHECK-DAG: %[[ZEROS:.*]] = colossal.generic "product.zeros" [i = 4, k = 6 : sum]
  // CHECK-DAG: %[[OTHERS:.*]] = colossal.generic "product.others" [i = 4, k = 6 : product]
  // CHECK: colossal.generic "product.gradient0" [i = 4, k = 6] (%{{.*}} : [i, k], %{{.*}} : [i], %[[PRODUCT]] : [i], %[[ZEROS]] : [i], %[[OTHERS]] : [i])
  // CHECK: %[[COUNT:.*]] = colossal.generic "max.count" [i = 4, k = 6 : sum] (%{{.*}} : [i, k], %[[MAX]] : [i])
  // CHECK:      arith.cmpf oeq
  // CHECK: colossal.generic "max.gradient0" [i = 4, k = 6] (%{{.*}} : [i, k], %{{.*}} : [i], %[[MAX]] : [i], %[[COUNT]] : [i])
  // CHECK:      arith.divf
  func.func @forward(%x: tensor<4x6xf32> {colossal.name = "x", colossal.role = "parameter"}) -> (tensor<f32> {colossal.metric = "loss"}) {
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
