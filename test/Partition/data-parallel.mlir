// RUN: colossal-opt %s --colossal-partition --colossal-check-collectives | FileCheck %s

// Data parallelism over two ranks and two microbatches: y = x w, loss = sum (y - t)^2 / 2,
// w -= lr * x^T (y - t). The batch of 8 is cut over time, then over a0: 2 samples at a time.
// The gradient is added up over the microbatches, then reduced once.
module attributes {colossal.mesh = #colossal.mesh<a0 = 2>, colossal.stages = 1 : i64,
                   colossal.microbatches = 2 : i64, colossal.schedule = #colossal.schedule<"1f1b">} {

// CHECK: module attributes {{.*}}colossal.mesh = #colossal.mesh<a0 = 2>
// CHECK-NOT: train_step

// CHECK-LABEL: func.func @stage0.forward
// CHECK-SAME:    tensor<2x6xf32> {colossal.batch_dim = 0 : i64, colossal.global_shape = {{\[\[8\], \[6\]\]}}, colossal.name = "x", colossal.per_microbatch, colossal.role = #colossal.role<batch>, colossal.sharding = #colossal.sharding<[time * a0], [_]>}
// CHECK-SAME:    tensor<6x4xf32> {{{.*}}colossal.name = "w"
// CHECK-SAME:    tensor<2x4xf32> {{{.*}}colossal.name = "t"
// CHECK-SAME:  -> (tensor<2x4xf32> {{{.*}}colossal.link = "sub", colossal.per_microbatch
// CHECK-SAME:      tensor<f32> {colossal.accumulate = "sum"{{.*}}colossal.link = "loss", colossal.sharding = #colossal.sharding<partial {a0 = sum, time = sum}>})
// CHECK-SAME:  colossal.segment = #colossal.segment<forward>, colossal.stage = 0
// CHECK:         colossal.generic "fc" [b = 2 of 8 {time(2) * 4, a0(2) * 2}, n = 4, k = 6 : sum]
// CHECK:         colossal.generic "loss" [b = 2 of 8 {time(2) * 4, a0(2) * 2} : sum, n = 4 : sum]

// CHECK-LABEL: func.func @stage0.backward
// CHECK-SAME:    tensor<2x4xf32> {{{.*}}colossal.link = "sub", colossal.per_microbatch
// CHECK-SAME:  -> (tensor<6x4xf32> {colossal.accumulate = "sum"{{.*}}colossal.link = "dw"
// CHECK-NOT:     all_reduce
// CHECK:         return

// CHECK-LABEL: func.func @group0.update
// CHECK-SAME:    %[[LOSS:[a-z0-9]+]]: tensor<f32> {{{.*}}colossal.link = "loss"
// CHECK-SAME:    %[[DW:[a-z0-9]+]]: tensor<6x4xf32> {{{.*}}colossal.link = "dw"
// CHECK-SAME:  -> (tensor<f32> {{{.*}}colossal.metric = "loss"
// CHECK-SAME:      tensor<6x4xf32> {{{.*}}colossal.updates = "w"
// CHECK:         %[[TOTAL:.*]] = colossal.all_reduce "loss/reduce" sum %[[LOSS]] over ["a0"] : tensor<f32>
// CHECK:         %[[GRADIENT:.*]] = colossal.all_reduce "dw/reduce" sum %[[DW]] over ["a0"] : tensor<6x4xf32>
// CHECK:         %[[NEW:.*]] = colossal.generic "sgd" [k = 6, n = 4] (%{{.*}} : [k, n], %[[GRADIENT]] : [k, n], %{{.*}} : [])
// CHECK:         return %[[TOTAL]], %[[NEW]]

func.func @train_step(
    %w: tensor<6x4xf32> {colossal.role = #colossal.role<parameter>, colossal.name = "w", colossal.sharding = #colossal.sharding<[_], [_]>},
    %x: tensor<8x6xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x", colossal.batch_dim = 0 : i64, colossal.sharding = #colossal.sharding<[a0 * time], [_]>},
    %t: tensor<8x4xf32> {colossal.role = #colossal.role<batch>, colossal.name = "t", colossal.batch_dim = 0 : i64, colossal.sharding = #colossal.sharding<[a0 * time], [_]>},
    %lr: tensor<f32> {colossal.role = #colossal.role<control>, colossal.name = "lr", colossal.sharding = #colossal.sharding<>})
    -> (tensor<f32> {colossal.metric = "loss"}, tensor<6x4xf32> {colossal.updates = 0 : i64}) {
  %y = colossal.generic "fc" [b = 8, n = 4, k = 6 : sum] (%x : [b, k], %w : [k, n]) -> ([b, n])
      attributes {segment = forward, stage = 0, pass = forward, axes = {a0 = b, time = b}} {
    ^bb0(%0: f32, %1: f32):
      %2 = arith.mulf %0, %1 : f32
      colossal.yield %2 : f32
  } : (tensor<8x6xf32>, tensor<6x4xf32>) -> tensor<8x4xf32>
  %d = colossal.generic "sub" [b = 8, n = 4] (%y : [b, n], %t : [b, n]) -> ([b, n])
      attributes {segment = forward, stage = 0, pass = forward, axes = {a0 = b, time = b}} {
    ^bb0(%0: f32, %1: f32):
      %2 = arith.subf %0, %1 : f32
      colossal.yield %2 : f32
  } : (tensor<8x4xf32>, tensor<8x4xf32>) -> tensor<8x4xf32>
  %l = colossal.generic "loss" [b = 8 : sum, n = 4 : sum] (%d : [b, n]) -> ([])
      attributes {segment = forward, stage = 0, pass = forward, axes = {a0 = b, time = b}} {
    ^bb0(%0: f32):
      %half = arith.constant 0.5 : f32
      %1 = arith.mulf %0, %0 : f32
      %2 = arith.mulf %1, %half : f32
      colossal.yield %2 : f32
  } : (tensor<8x4xf32>) -> tensor<f32>
  %loss = colossal.reshard "loss/reduce" %l from <partial {a0 = sum, time = sum}> to <>
      {segment = update, stage = 0} : tensor<f32>
  %dw = colossal.generic "dw" [k = 6, n = 4, b = 8 : sum] (%x : [b, k], %d : [b, n]) -> ([k, n])
      attributes {segment = backward, stage = 0, pass = backward, axes = {a0 = b, time = b}} {
    ^bb0(%0: f32, %1: f32):
      %2 = arith.mulf %0, %1 : f32
      colossal.yield %2 : f32
  } : (tensor<8x6xf32>, tensor<8x4xf32>) -> tensor<6x4xf32>
  %g = colossal.reshard "dw/reduce" %dw from <[_], [_], partial {a0 = sum, time = sum}> to <[_], [_]>
      {segment = update, stage = 0} : tensor<6x4xf32>
  %new = colossal.generic "sgd" [k = 6, n = 4] (%w : [k, n], %g : [k, n], %lr : []) -> ([k, n])
      attributes {segment = update, stage = 0, pass = update, axes = {}} {
    ^bb0(%0: f32, %1: f32, %2: f32):
      %3 = arith.mulf %1, %2 : f32
      %4 = arith.subf %0, %3 : f32
      colossal.yield %4 : f32
  } : (tensor<6x4xf32>, tensor<6x4xf32>, tensor<f32>) -> tensor<6x4xf32>
  return %loss, %new : tensor<f32>, tensor<6x4xf32>
}
}
