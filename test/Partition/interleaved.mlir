// RUN: colossal-opt %s --colossal-partition --colossal-check-collectives | FileCheck %s

// Four stages on two device groups: stages 0 and 2 on group 0, stages 1 and 3 on group 1. What a group
// has stays there: the last stage reads `first` from where stage 1 received it, and `third`'s other
// operand is a link from stage 0 to stage 2. Prologue and update are of the group.
module attributes {colossal.mesh = #colossal.mesh<>, colossal.stages = 4 : i64, colossal.device_groups = 2 : i64, colossal.microbatches = 4 : i64, colossal.schedule = #colossal.schedule<"1f1b">} {

// CHECK-LABEL: func.func @group0.prologue
// CHECK:         colossal.send "w/0->1" {{.*}} to 1

// CHECK-LABEL: func.func @stage0.forward
// CHECK:         %[[FIRST:.*]] = colossal.generic "first"
// CHECK:         colossal.send "first/0->1" %[[FIRST]] to 1
// CHECK-NOT:     colossal.send
// CHECK:         return %[[FIRST]]

// CHECK-LABEL: func.func @stage2.forward
// CHECK-SAME:    %[[FIRST:.*]]: tensor<4x3xf32> {{.*}}colossal.link = "first", colossal.per_microbatch
// CHECK:         %[[SECOND:.*]] = colossal.recv "second/1->2" from 1
// CHECK:         %[[THIRD:.*]] = colossal.generic "third" {{.*}} (%[[SECOND]] : [b, k], %[[FIRST]] : [b, k])
// CHECK:         colossal.send "third/2->3" %[[THIRD]] to 1

// CHECK-LABEL: func.func @group1.prologue
// CHECK:         colossal.recv "w/0->1" from 0

// CHECK-LABEL: func.func @stage1.forward
// CHECK:         %[[FIRST:.*]] = colossal.recv "first/0->1" from 0
// CHECK:         colossal.send "second/1->2" {{.*}} to 0
// CHECK:         return %[[FIRST]]

// CHECK-LABEL: func.func @stage3.forward
// CHECK-DAG:     colossal.recv "third/2->3" from 0
// CHECK-DAG:     colossal.generic "loss"

// CHECK-LABEL: func.func @group1.update
// CHECK-SAME:    colossal.stage = 1
// CHECK:         colossal.generic "report"

func.func @train_step(
    %w: tensor<3xf32> {colossal.role = #colossal.role<parameter>, colossal.name = "w", colossal.sharding = #colossal.sharding<[_]>},
    %x: tensor<16x3xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x", colossal.batch_dim = 0 : i64, colossal.sharding = #colossal.sharding<[time], [_]>})
    -> (tensor<f32> {colossal.metric = "loss"}) {
  %first = colossal.generic "first" [b = 16, k = 3] (%x : [b, k], %w : [k]) -> ([b, k])
      attributes {segment = forward, stage = 0, axes = {time = b}} {
    ^bb0(%0: f32, %1: f32):
      %2 = arith.mulf %0, %1 : f32
      colossal.yield %2 : f32
  } : (tensor<16x3xf32>, tensor<3xf32>) -> tensor<16x3xf32>
  %second = colossal.generic "second" [b = 16, k = 3] (%first : [b, k]) -> ([b, k])
      attributes {segment = forward, stage = 1, axes = {time = b}} {
    ^bb0(%0: f32):
      %1 = arith.negf %0 : f32
      colossal.yield %1 : f32
  } : (tensor<16x3xf32>) -> tensor<16x3xf32>
  %third = colossal.generic "third" [b = 16, k = 3] (%second : [b, k], %first : [b, k]) -> ([b, k])
      attributes {segment = forward, stage = 2, axes = {time = b}} {
    ^bb0(%0: f32, %1: f32):
      %2 = arith.mulf %0, %1 : f32
      colossal.yield %2 : f32
  } : (tensor<16x3xf32>, tensor<16x3xf32>) -> tensor<16x3xf32>
  %l = colossal.generic "loss" [b = 16 : sum, k = 3 : sum] (%third : [b, k], %first : [b, k], %w : [k]) -> ([])
      attributes {segment = forward, stage = 3, axes = {time = b}} {
    ^bb0(%0: f32, %1: f32, %2: f32):
      %3 = arith.mulf %0, %1 : f32
      %4 = arith.mulf %3, %2 : f32
      colossal.yield %4 : f32
  } : (tensor<16x3xf32>, tensor<16x3xf32>, tensor<3xf32>) -> tensor<f32>
  %sum = colossal.reshard "loss/reduce" %l from <partial {time = sum}> to <>
      {segment = update, stage = 3} : tensor<f32>
  %loss = colossal.generic "report" [] (%sum : []) -> ([])
      attributes {segment = update, stage = 3, axes = {}} {
    ^bb0(%0: f32):
      %1 = arith.negf %0 : f32
      colossal.yield %1 : f32
  } : (tensor<f32>) -> tensor<f32>
  return %loss : tensor<f32>
}
}
