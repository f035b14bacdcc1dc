// RUN: colossal-opt %s --colossal-partition --colossal-check-collectives | FileCheck %s

// Three stages. A skip from the first to the last goes by way of the second, so that the first may
// begin its next microbatch; a mask of the batch and a table from a buffer that no step writes are
// computed by each stage that reads them.
module attributes {colossal.mesh = #colossal.mesh<>, colossal.stages = 3 : i64, colossal.microbatches = 4 : i64, colossal.schedule = #colossal.schedule<"1f1b">} {

// CHECK-LABEL: func.func @group0.prologue
// CHECK:         colossal.send "rates/0->2"
// CHECK-LABEL: func.func @stage0.forward
// CHECK:         colossal.generic "mask"
// CHECK:         colossal.generic "table"
// CHECK:         %[[SKIP:.*]] = colossal.generic "first"
// CHECK:         colossal.send "first/0->1" %[[SKIP]] to 1
// CHECK-NOT:     colossal.send

// CHECK-LABEL: func.func @stage1.forward
// CHECK:         %[[SKIP:.*]] = colossal.recv "first/0->1" from 0
// CHECK:         colossal.send "first/1->2" %[[SKIP]] to 2
// CHECK:         %[[SECOND:.*]] = colossal.generic "second" {{.*}} (%[[SKIP]] :
// CHECK:         colossal.send "second/1->2" %[[SECOND]] to 2

// CHECK-LABEL: func.func @stage2.forward
// CHECK-DAG:     %[[SKIP:.*]] = colossal.recv "first/1->2" from 1
// CHECK-DAG:     %[[SECOND:.*]] = colossal.recv "second/1->2" from 1
// CHECK-DAG:     %[[MASK:.*]] = colossal.generic "mask"
// CHECK-DAG:     %[[TABLE:.*]] = colossal.generic "table"
// CHECK:         colossal.generic "loss" {{.*}} (%[[SECOND]] : [b, k], %[[SKIP]] : [b, k], %[[MASK]] : [b], %[[TABLE]] : [k])

func.func @train_step(
    %rates: tensor<3xf32> {colossal.role = #colossal.role<buffer>, colossal.name = "rates", colossal.sharding = #colossal.sharding<[_]>},
    %x: tensor<16x3xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x", colossal.batch_dim = 0 : i64, colossal.sharding = #colossal.sharding<[time], [_]>},
    %m: tensor<16xf32> {colossal.role = #colossal.role<batch>, colossal.name = "m", colossal.batch_dim = 0 : i64, colossal.sharding = #colossal.sharding<[time]>})
    -> (tensor<f32> {colossal.metric = "loss"}) {
  %mask = colossal.generic "mask" [b = 16] (%m : [b]) -> ([b])
      attributes {segment = forward, stage = 0, axes = {time = b}} {
    ^bb0(%0: f32):
      %1 = arith.negf %0 : f32
      colossal.yield %1 : f32
  } : (tensor<16xf32>) -> tensor<16xf32>
  %table = colossal.generic "table" [k = 3] (%rates : [k]) -> ([k])
      attributes {segment = forward, stage = 0, axes = {}} {
    ^bb0(%0: f32):
      %1 = math.cos %0 : f32
      colossal.yield %1 : f32
  } : (tensor<3xf32>) -> tensor<3xf32>
  %first = colossal.generic "first" [b = 16, k = 3] (%x : [b, k], %mask : [b], %table : [k]) -> ([b, k])
      attributes {segment = forward, stage = 0, axes = {time = b}} {
    ^bb0(%0: f32, %1: f32, %2: f32):
      %3 = arith.mulf %0, %1 : f32
      %4 = arith.mulf %3, %2 : f32
      colossal.yield %4 : f32
  } : (tensor<16x3xf32>, tensor<16xf32>, tensor<3xf32>) -> tensor<16x3xf32>
  %second = colossal.generic "second" [b = 16, k = 3] (%first : [b, k]) -> ([b, k])
      attributes {segment = forward, stage = 1, axes = {time = b}} {
    ^bb0(%0: f32):
      %1 = arith.negf %0 : f32
      colossal.yield %1 : f32
  } : (tensor<16x3xf32>) -> tensor<16x3xf32>
  %l = colossal.generic "loss" [b = 16 : sum, k = 3 : sum] (%second : [b, k], %first : [b, k], %mask : [b], %table : [k]) -> ([])
      attributes {segment = forward, stage = 2, axes = {time = b}} {
    ^bb0(%0: f32, %1: f32, %2: f32, %3: f32):
      %4 = arith.mulf %0, %1 : f32
      %5 = arith.mulf %2, %3 : f32
      %6 = arith.addf %4, %5 : f32
      colossal.yield %6 : f32
  } : (tensor<16x3xf32>, tensor<16x3xf32>, tensor<16xf32>, tensor<3xf32>) -> tensor<f32>
  %loss = colossal.reshard "loss/reduce" %l from <partial {time = sum}> to <>
      {segment = update, stage = 2} : tensor<f32>
  return %loss : tensor<f32>
}
}
