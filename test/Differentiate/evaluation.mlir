// What a model returns becomes a loss and outputs; what it writes is dropped, with all that only it needed.
// RUN: colossal-opt --colossal-evaluation %s | FileCheck %s
// RUN: sed 's/@forward/@backward/' %s | not colossal-opt --colossal-evaluation 2>&1 | FileCheck %s --check-prefix=NAMES
// NAMES: error: {{.*}}found no function @forward to evaluate
// RUN: sed 's/colossal.output = "twice"/colossal.name = "twice"/' %s | not colossal-opt --colossal-evaluation 2>&1 | FileCheck %s --check-prefix=UNNAMED
// UNNAMED: error: {{.*}}result 1 has no 'colossal.output', expected a program normalized with name-outputs

// CHECK:      func.func @evaluate(%[[X:.*]]: tensor<4x6xf32> {colossal.batch_dim = 0 : i64, colossal.name = "x", colossal.role = #colossal.role<batch>})
// CHECK-SAME:     -> (tensor<f32> {colossal.metric = "loss"}, tensor<4x6xf32> {colossal.output = "twice"}, tensor<4x6xf32> {colossal.output = "x"})
// CHECK-NEXT: %[[LOSS:.*]] = colossal.generic "loss"
// CHECK-SAME:     attributes {pass = forward}
// CHECK:      %[[TWICE:.*]] = colossal.generic "output/twice"
// CHECK:        arith.addf
// CHECK:      %[[COPY:.*]] = colossal.generic "output/x"
// CHECK-NOT:  count
// CHECK:      return %[[LOSS]], %[[TWICE]], %[[COPY]]
module {
  func.func @forward(%x: tensor<4x6xf32> {colossal.batch_dim = 0 : i64, colossal.name = "x", colossal.role = #colossal.role<batch>},
                     %n: tensor<i64> {colossal.name = "count", colossal.role = #colossal.role<buffer>})
      -> (tensor<f32> {colossal.output = "loss"}, tensor<4x6xf32> {colossal.output = "twice"}, tensor<4x6xf32> {colossal.output = "x"},
          tensor<i64> {colossal.updates = 1 : i64}) {
    %loss = colossal.generic "loss" [i = 4 : sum, j = 6 : sum] (%x : [i, j]) -> ([]) {
    ^bb0(%0: f32):
      colossal.yield %0 : f32
    } : (tensor<4x6xf32>) -> tensor<f32>
    %twice = colossal.generic "twice" [i = 4, j = 6] (%x : [i, j]) -> ([i, j]) {
    ^bb0(%0: f32):
      %1 = arith.addf %0, %0 : f32
      colossal.yield %1 : f32
    } : (tensor<4x6xf32>) -> tensor<4x6xf32>
    %count = colossal.generic "count" [] (%n : []) -> ([]) {
    ^bb0(%0: i64):
      %c1 = arith.constant 1 : i64
      %1 = arith.addi %0, %c1 : i64
      colossal.yield %1 : i64
    } : (tensor<i64>) -> tensor<i64>
    return %loss, %twice, %x, %count : tensor<f32>, tensor<4x6xf32>, tensor<4x6xf32>, tensor<i64>
  }
}
