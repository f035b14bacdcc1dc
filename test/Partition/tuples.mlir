// RUN: colossal-opt %s -split-input-file --colossal-partition --colossal-check-collectives | FileCheck %s

// Ten classes over four ranks, of which the last has one: each finds the greatest of its own, the tuples are gathered along
// a dimension for the ranks, and combined.
module attributes {colossal.mesh = #colossal.mesh<a0 = 2, a1 = 2>, colossal.stages = 1 : i64, colossal.microbatches = 2 : i64} {

// CHECK-LABEL: func.func @stage0.forward
// CHECK:         %[[TOP:.*]]:2 = colossal.generic "top/parts" [b = 4 of 8 {time(2) * 4}, k = 3 of 10 {a0(2) * 6, a1(2) * 3} : argmax, part = 1 of 4 {a0(2) * 2, a1(2) * 1}]
// CHECK-SAME:      ({{.*}} : [b, k]) -> ([part, b], [part, b])
// CHECK:         %[[VS:.*]] = colossal.all_gather "top/parts.0" %[[TOP]]#0 over ["a0", "a1"] outer 1 extent 4 innermost 4 : tensor<1x4xf32> -> tensor<4x4xf32>
// CHECK:         %[[PS:.*]] = colossal.all_gather "top/parts.1" %[[TOP]]#1 over ["a0", "a1"] outer 1 extent 4 innermost 4 : tensor<1x4xi64> -> tensor<4x4xi64>
// CHECK:         colossal.generic "top" [b = 4 of 8 {time(2) * 4}, part = 4 : argmax] (%[[VS]] : [part, b], %[[PS]] : [part, b]) -> ([b], [b]) attributes {axes = {time = b}}
// CHECK-NEXT:    ^bb0(%[[X:.*]]: f32, %[[I:.*]]: i64)
// CHECK-NEXT:      colossal.yield %[[X]], %[[I]] : f32, i64
func.func @train_step(
    %x: tensor<8x10xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x", colossal.batch_dim = 0 : i64, colossal.sharding = #colossal.sharding<[time], [a0 * a1]>})
    -> (tensor<f32> {colossal.metric = "loss"}) {
  %v, %p = colossal.generic "top" [b = 8, k = 10 : argmax] (%x : [b, k]) -> ([b], [b])
      attributes {segment = forward, stage = 0, axes = {a0 = k, a1 = k, time = b}} {
    ^bb0(%0: f32):
      %1 = colossal.index "k"
      colossal.yield %0, %1 : f32, i64
  } : (tensor<8x10xf32>) -> (tensor<8xf32>, tensor<8xi64>)
  %loss = colossal.generic "loss" [b = 8 : sum] (%v : [b], %p : [b]) -> ([])
      attributes {segment = forward, stage = 0, axes = {time = b}} {
    ^bb0(%0: f32, %1: i64):
      %2 = arith.sitofp %1 : i64 to f32
      %3 = arith.addf %0, %2 : f32
      colossal.yield %3 : f32
  } : (tensor<8xf32>, tensor<8xi64>) -> tensor<f32>
  return %loss : tensor<f32>
}
}
