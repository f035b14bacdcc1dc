// What the planner and the grouper decided, as MLIR's remarks.
// RUN: colossal-opt %s "--colossal-plan=cluster=%examples/clusters/cpu-2.json pin=data=2" --remark-format=emitRemark --remarks-filter=plan -o %t.mlir 2>&1 | FileCheck %s
// RUN: colossal-opt %t.mlir --colossal-partition --colossal-print-groups --remark-format=emitRemark --remarks-filter=group 2>&1 | FileCheck %s --check-prefix=GROUP
// CHECK: remark: [Passed] strategy {{.*}}Category:plan{{.*}}"scores" in forward of stage 0, data cuts b
// GROUP: remark: [Passed] gemm {{.*}}Category:group{{.*}}gemm "scores", reads 2, writes 1
module {
  func.func @evaluate(
      %x: tensor<64x128xf32> {colossal.batch_dim = 0 : i64, colossal.name = "x", colossal.role = #colossal.role<batch>},
      %w: tensor<128x96xf32> {colossal.name = "w", colossal.role = #colossal.role<parameter>})
      -> (tensor<64x96xf32> {colossal.output = "scores"}) {
    %y = colossal.generic "scores" [b = 64, n = 96, k = 128 : sum] (%x : [b, k], %w : [k, n]) -> ([b, n]) attributes {pass = forward} {
    ^bb0(%0: f32, %1: f32):
      %2 = arith.mulf %0, %1 : f32
      colossal.yield %2 : f32
    } : (tensor<64x128xf32>, tensor<128x96xf32>) -> tensor<64x96xf32>
    return %y : tensor<64x96xf32>
  }
}
