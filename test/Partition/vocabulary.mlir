// RUN: colossal-opt %s --colossal-partition --colossal-check-collectives | FileCheck %s

// A vocabulary of 7 over 2 ranks (4 and 3), and a loss that needs the whole of it: the maximum and
// the sum of exponentials are reduced, the logits never gathered. exp and the division would turn
// padding into garbage: padding contributes nothing to reductions and is zero in results.
//
// The number of labels that count is needed complete in every microbatch: it is computed in the
// prologue, over the whole batch. `valid` is used there and in the loop, where it is computed again
// for the microbatch.
module attributes {colossal.mesh = #colossal.mesh<a0 = 2>, colossal.stages = 1 : i64, colossal.microbatches = 2 : i64} {

// CHECK-LABEL: func.func @group0.prologue
// CHECK-SAME:    tensor<8xi64> {{{.*}}colossal.name = "labels", colossal.role = #colossal.role<batch>, colossal.sharding = #colossal.sharding<[_]>}
// CHECK-SAME:  -> (tensor<f32> {{{.*}}colossal.link = "count"
// CHECK:         colossal.generic "valid" [b = 8]
// CHECK:         colossal.generic "count" [b = 8 : sum]

// CHECK-LABEL: func.func @stage0.forward
// CHECK-SAME:    tensor<4x4xf32> {{{.*}}colossal.global_shape = {{\[\[8\], \[7\]\]}}, colossal.name = "logits", colossal.per_microbatch, {{.*}}<[time], [a0]>
// CHECK:         %[[MAX:.*]] = colossal.generic "max" [b = 4 of 8 {time(2) * 4}, v = 4 of 7 {a0(2) * 4} : max]
// CHECK:         %[[ALLMAX:.*]] = colossal.all_reduce "max/all" max %[[MAX]] over ["a0"] : tensor<4xf32>
// CHECK:         %[[SUM:.*]] = colossal.generic "sumexp" [b = 4 of 8 {time(2) * 4}, v = 4 of 7 {a0(2) * 4} : sum]
// CHECK:         colossal.all_reduce "sumexp/all" sum %[[SUM]] over ["a0"] : tensor<4xf32>
// CHECK:         %[[VALID:.*]] = colossal.generic "valid/time" [b = 4 of 8 {time(2) * 4}] ({{.*}}) -> ([b]) attributes {axes = {time = b}}
// CHECK:         colossal.generic "nll" {{.*}}%[[VALID]] : [b]
func.func @train_step(
    %logits: tensor<8x7xf32> {colossal.role = #colossal.role<batch>, colossal.name = "logits", colossal.batch_dim = 0 : i64, colossal.sharding = #colossal.sharding<[time], [a0]>},
    %labels: tensor<8xi64> {colossal.role = #colossal.role<batch>, colossal.name = "labels", colossal.batch_dim = 0 : i64, colossal.sharding = #colossal.sharding<[time]>})
    -> (tensor<f32> {colossal.metric = "loss"}) {
  %valid = colossal.generic "valid" [b = 8] (%labels : [b]) -> ([b])
      attributes {segment = prologue, stage = 0, axes = {}} {
    ^bb0(%0: i64):
      %ignored = arith.constant -100 : i64
      %1 = arith.cmpi ne, %0, %ignored : i64
      %2 = arith.uitofp %1 : i1 to f32
      colossal.yield %2 : f32
  } : (tensor<8xi64>) -> tensor<8xf32>
  %count = colossal.generic "count" [b = 8 : sum] (%valid : [b]) -> ([])
      attributes {segment = prologue, stage = 0, axes = {}} {
    ^bb0(%0: f32):
      colossal.yield %0 : f32
  } : (tensor<8xf32>) -> tensor<f32>
  %m = colossal.generic "max" [b = 8, v = 7 : max] (%logits : [b, v]) -> ([b])
      attributes {segment = forward, stage = 0, axes = {a0 = v, time = b}} {
    ^bb0(%0: f32):
      colossal.yield %0 : f32
  } : (tensor<8x7xf32>) -> tensor<8xf32>
  %mm = colossal.reshard "max/all" %m from <[time], partial {a0 = max}> to <[time]>
      {segment = forward, stage = 0} : tensor<8xf32>
  %s = colossal.generic "sumexp" [b = 8, v = 7 : sum] (%logits : [b, v], %mm : [b]) -> ([b])
      attributes {segment = forward, stage = 0, axes = {a0 = v, time = b}} {
    ^bb0(%0: f32, %1: f32):
      %2 = arith.subf %0, %1 : f32
      %3 = math.exp %2 : f32
      colossal.yield %3 : f32
  } : (tensor<8x7xf32>, tensor<8xf32>) -> tensor<8xf32>
  %ss = colossal.reshard "sumexp/all" %s from <[time], partial {a0 = sum}> to <[time]>
      {segment = forward, stage = 0} : tensor<8xf32>
  %nll = colossal.generic "nll" [b = 8 : sum] (%mm : [b], %ss : [b], %valid : [b], %count : []) -> ([])
      attributes {segment = forward, stage = 0, axes = {time = b}} {
    ^bb0(%0: f32, %1: f32, %2: f32, %3: f32):
      %4 = math.log %1 : f32
      %5 = arith.addf %0, %4 : f32
      %6 = arith.mulf %5, %2 : f32
      %7 = arith.divf %6, %3 : f32
      colossal.yield %7 : f32
  } : (tensor<8xf32>, tensor<8xf32>, tensor<8xf32>, tensor<f32>) -> tensor<f32>
  return %nll : tensor<f32>
}
}
