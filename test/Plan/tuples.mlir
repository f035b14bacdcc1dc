// A row of ten million is cut along what an argmax reduces: each device finds the greatest of its own, and the results of the op
// are complete, so that nothing has to be moved to use them.
// RUN: colossal-opt %s "--colossal-plan=cluster=%examples/clusters/cpu-2.json pin=tensor=2" | FileCheck %s
// RUN: colossal-opt %s "--colossal-plan=cluster=%examples/clusters/cpu-2.json pin=tensor=2" --colossal-partition --colossal-check-collectives | FileCheck %s --check-prefix LOCAL
// CHECK: tensor<10000000xf32> {{{.*}}colossal.sharding = #colossal.sharding<[tensor]>}
// CHECK: colossal.generic "top"
// CHECK-SAME: axes = {tensor = v}
// CHECK-NOT: colossal.reshard
// CHECK: colossal.generic "loss"
// LOCAL: colossal.generic "top/parts" [v = 5000000 of 10000000 {tensor(2) * 5000000} : argmax, part = 1 of 2 {tensor(2) * 1}]
// LOCAL: colossal.generic "top" [part = 2 : argmax]
func.func @train_step(%w: tensor<10000000xf32> {colossal.name = "w", colossal.role = #colossal.role<buffer>}) -> (tensor<f32> {colossal.metric = "loss"}) {
  %top:2 = colossal.generic "top" [v = 10000000 : argmax] (%w : [v]) -> ([], []) attributes {pass = forward} {
  ^bb0(%0: f32):
    %1 = colossal.index "v"
    colossal.yield %0, %1 : f32, i64
  } : (tensor<10000000xf32>) -> (tensor<f32>, tensor<i64>)
  %loss = colossal.generic "loss" [] (%top#0 : [], %top#1 : []) -> ([]) attributes {pass = forward} {
  ^bb0(%0: f32, %1: i64):
    %2 = arith.sitofp %1 : i64 to f32
    %3 = arith.mulf %0, %2 : f32
    colossal.yield %3 : f32
  } : (tensor<f32>, tensor<i64>) -> tensor<f32>
  return %loss : tensor<f32>
}
