// The derivatives of tuple combiners: the element in the place of an extreme, shares of a sum of exponentials, distances from a mean.
// RUN: colossal-opt --colossal-differentiate=optimizer=none %s | FileCheck %s
module {
  // CHECK-LABEL: func.func @gradients
  // CHECK-DAG: %[[TOP:.*]]:2 = colossal.generic "top"
  // CHECK-DAG: %[[PAIR:.*]]:2 = colossal.generic "pair"
  // CHECK-DAG: %[[MOMENTS:.*]]:3 = colossal.generic "moments"
  // CHECK: colossal.generic "x.gradient"
  // CHECK-DAG:   %[[K:.*]] = colossal.index "d1"
  // CHECK-DAG:   arith.cmpi eq, %[[K]], %{{.*}} : i64
  // CHECK-DAG:   math.exp
  // CHECK:       colossal.yield
  func.func @forward(%x: tensor<4x6xf32> {colossal.name = "x", colossal.role = #colossal.role<parameter>}) -> (tensor<f32> {colossal.metric = "loss"}) {
    %v, %p = colossal.generic "top" [i = 4, k = 6 : argmax] (%x : [i, k]) -> ([i], [i]) {
    ^bb0(%0: f32):
      %1 = colossal.index "k"
      colossal.yield %0, %1 : f32, i64
    } : (tensor<4x6xf32>) -> (tensor<4xf32>, tensor<4xi64>)
    %m, %s = colossal.generic "pair" [i = 4, k = 6 : max_sum_exp] (%x : [i, k]) -> ([i], [i]) {
    ^bb0(%0: f32):
      %1 = arith.constant 1.0 : f32
      colossal.yield %0, %1 : f32, f32
    } : (tensor<4x6xf32>) -> (tensor<4xf32>, tensor<4xf32>)
    %n, %mean, %q = colossal.generic "moments" [i = 4, k = 6 : welford] (%x : [i, k]) -> ([i], [i], [i]) {
    ^bb0(%0: f32):
      %1 = arith.constant 1 : i64
      %2 = arith.constant 0.0 : f32
      colossal.yield %1, %0, %2 : i64, f32, f32
    } : (tensor<4x6xf32>) -> (tensor<4xi64>, tensor<4xf32>, tensor<4xf32>)
    %loss = colossal.generic "loss" [i = 4 : sum] (%v : [i], %m : [i], %s : [i], %mean : [i], %q : [i]) -> ([]) {
    ^bb0(%0: f32, %1: f32, %2: f32, %3: f32, %4: f32):
      %5 = math.log %2 : f32
      %6 = arith.addf %1, %5 : f32
      %7 = arith.mulf %0, %6 : f32
      %8 = arith.mulf %3, %4 : f32
      %9 = arith.addf %7, %8 : f32
      colossal.yield %9 : f32
    } : (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<f32>
    return %loss : tensor<f32>
  }
}
