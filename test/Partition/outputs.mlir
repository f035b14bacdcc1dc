// Evaluation on two ranks and two microbatches: what it gives back stays cut as it is, each microbatch its own part.
// RUN: colossal-opt %s --colossal-partition --colossal-check-collectives | FileCheck %s
// RUN: colossal-opt %s --colossal-partition | colossal-opt --colossal-schedule --colossal-print-schedule 2>&1 | FileCheck %s --check-prefix=SCHEDULE
// RUN: sed 's/axes = {data = b, time = b}/axes = {data = k, time = b}/; s/\[time \* data\], \[_\]/[time], [data]/; s/sharding<\[_\], \[_\]>, colossal.stage/sharding<[data], [_]>, colossal.stage/' %s | not colossal-opt --colossal-partition 2>&1 | FileCheck %s --check-prefix=PARTIAL
// PARTIAL: error: {{.*}}output 'scores' must be complete, found it as

// CHECK-LABEL: func.func @stage0.forward
// CHECK-SAME:    tensor<2x6xf32> {colossal.batch_dim = 0 : i64{{.*}}colossal.name = "x", colossal.per_microbatch
// CHECK-SAME:  -> (tensor<2x4xf32> {colossal.batch_dim = 0 : i64, colossal.global_shape = {{\[\[8\], \[4\]\]}}, colossal.output = "scores", colossal.sharding = #colossal.sharding<[time * data], [_]>})
// CHECK-NOT:   func.func

// SCHEDULE: output{{.*}}scores
module attributes {colossal.mesh = #colossal.mesh<data = 2>, colossal.stages = 1 : i64,
                   colossal.microbatches = 2 : i64, colossal.schedule = #colossal.schedule<"1f1b">} {
  func.func @evaluate(
      %x: tensor<8x6xf32> {colossal.batch_dim = 0 : i64, colossal.name = "x", colossal.role = #colossal.role<batch>, colossal.sharding = #colossal.sharding<[time * data], [_]>},
      %w: tensor<6x4xf32> {colossal.name = "w", colossal.role = #colossal.role<parameter>, colossal.sharding = #colossal.sharding<[_], [_]>, colossal.stage = 0 : i64})
      -> (tensor<8x4xf32> {colossal.batch_dim = 0 : i64, colossal.output = "scores"}) {
    %y = colossal.generic "scores" [b = 8, n = 4, k = 6 : sum] (%x : [b, k], %w : [k, n]) -> ([b, n])
        attributes {axes = {data = b, time = b}, pass = forward, segment = forward, stage = 0} {
    ^bb0(%0: f32, %1: f32):
      %2 = arith.mulf %0, %1 : f32
      colossal.yield %2 : f32
    } : (tensor<8x6xf32>, tensor<6x4xf32>) -> tensor<8x4xf32>
    return %y : tensor<8x4xf32>
  }
}
