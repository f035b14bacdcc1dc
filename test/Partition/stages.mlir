// RUN: colossal-opt %s --colossal-partition --colossal-check-collectives | FileCheck %s

// Two stages, four microbatches, and a weight that both use: w embeds on stage 0 (h = x w) and
// projects back on stage 1 (y = h w^T). Stage 0 updates it; stage 1 receives it before the step and
// sends its part of the gradient, added up over the microbatches, after it.
module attributes {colossal.mesh = #colossal.mesh<a0 = 2>, colossal.stages = 2 : i64,
                   colossal.microbatches = 4 : i64, colossal.schedule = #colossal.schedule<"1f1b">} {

// CHECK-LABEL: func.func @group0.prologue
// CHECK-SAME:    %[[W:.*]]: tensor<3x6xf32> {{{.*}}colossal.name = "w"
// CHECK-NEXT:    colossal.send "w/0->1" %[[W]] to 1 tag [[WTAG:[0-9]+]] : tensor<3x6xf32>
// CHECK-NEXT:    return

// CHECK-LABEL: func.func @stage0.forward
// CHECK:         %[[H:.*]] = colossal.generic "embed" [b = 2 of 16 {time(4) * 4, a0(2) * 2}
// CHECK:         colossal.send "embed/0->1" %[[H]] to 1 tag [[HTAG:[0-9]+]] : tensor<2x6xf32>
// CHECK-NEXT:    return

// CHECK-LABEL: func.func @stage0.backward
// CHECK-SAME:  -> (tensor<3x6xf32> {colossal.accumulate = "sum", {{.*}}colossal.link = "embed/dw"
// CHECK:         %[[DH:.*]] = colossal.recv "project/dh/1->0" from 1 tag [[DHTAG:[0-9]+]] {{.*}} : tensor<2x6xf32>
// CHECK:         colossal.generic "embed/dw" {{.*}} (%{{.*}} : [b, k], %[[DH]] : [b, n])

// CHECK-LABEL: func.func @group0.update
// CHECK-SAME:  -> (tensor<3x6xf32> {{{.*}}colossal.updates = "w"
// CHECK:         %[[DW1:.*]] = colossal.recv "project/dw/1->0" from 1 tag [[DWTAG:[0-9]+]] {{.*}} : tensor<3x6xf32>
// CHECK:         colossal.generic "w/gradient" {{.*}} (%{{.*}} : [k, n], %[[DW1]] : [k, n])
// CHECK:         colossal.all_reduce "w/reduce"

// CHECK-LABEL: func.func @group1.prologue
// CHECK-SAME:  -> (tensor<3x6xf32> {{{.*}}colossal.link = "w"
// CHECK-NEXT:    %[[W:.*]] = colossal.recv "w/0->1" from 0 tag [[WTAG]]
// CHECK-NEXT:    return %[[W]]

// CHECK-LABEL: func.func @stage1.forward
// CHECK-SAME:    %[[W:[a-z0-9]+]]: tensor<3x6xf32> {{{[^}]*}}colossal.link = "w", colossal.sharding
// CHECK-SAME:  -> (tensor<2x3xf32> {{{.*}}colossal.link = "project", colossal.per_microbatch{{.*}} tensor<2x6xf32> {{{.*}}colossal.link = "embed", colossal.per_microbatch
// CHECK-NEXT:    %[[H:.*]] = colossal.recv "embed/0->1" from 0 tag [[HTAG]]
// CHECK:         colossal.generic "project" {{.*}} (%[[H]] : [b, n], %[[W]] : [k, n])

// CHECK-LABEL: func.func @stage1.backward
// CHECK:         %[[DH:.*]] = colossal.generic "project/dh"
// CHECK:         colossal.send "project/dh/1->0" %[[DH]] to 0 tag [[DHTAG]]

// CHECK-LABEL: func.func @group1.update
// CHECK-SAME:  %[[DW:[a-z0-9]+]]: tensor<3x6xf32> {{.*}}colossal.link = "project/dw"
// CHECK-NEXT:    colossal.send "project/dw/1->0" %[[DW]] to 0 tag [[DWTAG]]
// CHECK:         colossal.all_reduce "loss/reduce"

func.func @train_step(
    %w: tensor<3x6xf32> {colossal.role = #colossal.role<parameter>, colossal.name = "w", colossal.aliases = ["head.weight"], colossal.sharding = #colossal.sharding<[_], [_]>},
    %x: tensor<16x3xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x", colossal.batch_dim = 0 : i64, colossal.sharding = #colossal.sharding<[a0 * time], [_]>})
    -> (tensor<f32> {colossal.metric = "loss"}, tensor<3x6xf32> {colossal.updates = 0 : i64}) {
  %h = colossal.generic "embed" [b = 16, n = 6, k = 3 : sum] (%x : [b, k], %w : [k, n]) -> ([b, n])
      attributes {segment = forward, stage = 0, axes = {a0 = b, time = b}} {
    ^bb0(%0: f32, %1: f32):
      %2 = arith.mulf %0, %1 : f32
      colossal.yield %2 : f32
  } : (tensor<16x3xf32>, tensor<3x6xf32>) -> tensor<16x6xf32>
  %y = colossal.generic "project" [b = 16, k = 3, n = 6 : sum] (%h : [b, n], %w : [k, n]) -> ([b, k])
      attributes {segment = forward, stage = 1, axes = {a0 = b, time = b}} {
    ^bb0(%0: f32, %1: f32):
      %2 = arith.mulf %0, %1 : f32
      colossal.yield %2 : f32
  } : (tensor<16x6xf32>, tensor<3x6xf32>) -> tensor<16x3xf32>
  %l = colossal.generic "loss" [b = 16 : sum, k = 3 : sum] (%y : [b, k]) -> ([])
      attributes {segment = forward, stage = 1, axes = {a0 = b, time = b}} {
    ^bb0(%0: f32):
      %1 = arith.mulf %0, %0 : f32
      colossal.yield %1 : f32
  } : (tensor<16x3xf32>) -> tensor<f32>
  %loss = colossal.reshard "loss/reduce" %l from <partial {a0 = sum, time = sum}> to <>
      {segment = update, stage = 1} : tensor<f32>
  %dh = colossal.generic "project/dh" [b = 16, n = 6, k = 3 : sum] (%y : [b, k], %w : [k, n]) -> ([b, n])
      attributes {segment = backward, stage = 1, axes = {a0 = b, time = b}} {
    ^bb0(%0: f32, %1: f32):
      %2 = arith.mulf %0, %1 : f32
      colossal.yield %2 : f32
  } : (tensor<16x3xf32>, tensor<3x6xf32>) -> tensor<16x6xf32>
  %dw1 = colossal.generic "project/dw" [k = 3, n = 6, b = 16 : sum] (%y : [b, k], %h : [b, n]) -> ([k, n])
      attributes {segment = backward, stage = 1, axes = {a0 = b, time = b}} {
    ^bb0(%0: f32, %1: f32):
      %2 = arith.mulf %0, %1 : f32
      colossal.yield %2 : f32
  } : (tensor<16x3xf32>, tensor<16x6xf32>) -> tensor<3x6xf32>
  %dw0 = colossal.generic "embed/dw" [k = 3, n = 6, b = 16 : sum] (%x : [b, k], %dh : [b, n]) -> ([k, n])
      attributes {segment = backward, stage = 0, axes = {a0 = b, time = b}} {
    ^bb0(%0: f32, %1: f32):
      %2 = arith.mulf %0, %1 : f32
      colossal.yield %2 : f32
  } : (tensor<16x3xf32>, tensor<16x6xf32>) -> tensor<3x6xf32>
  %sum = colossal.generic "w/gradient" [k = 3, n = 6] (%dw0 : [k, n], %dw1 : [k, n]) -> ([k, n])
      attributes {segment = update, stage = 0, axes = {a0 = linear [0, 1], time = linear [0, 1]}} {
    ^bb0(%0: f32, %1: f32):
      %2 = arith.addf %0, %1 : f32
      colossal.yield %2 : f32
  } : (tensor<3x6xf32>, tensor<3x6xf32>) -> tensor<3x6xf32>
  %g = colossal.reshard "w/reduce" %sum from <[_], [_], partial {a0 = sum, time = sum}> to <[_], [_]>
      {segment = update, stage = 0} : tensor<3x6xf32>
  %new = colossal.generic "w/sgd" [k = 3, n = 6] (%w : [k, n], %g : [k, n]) -> ([k, n])
      attributes {segment = update, stage = 0, axes = {}} {
    ^bb0(%0: f32, %1: f32):
      %2 = arith.subf %0, %1 : f32
      colossal.yield %2 : f32
  } : (tensor<3x6xf32>, tensor<3x6xf32>) -> tensor<3x6xf32>
  return %loss, %new : tensor<f32>, tensor<3x6xf32>
}
}
