// RUN: colossal-opt %s --colossal-print-kernels -o /dev/null | FileCheck %s

// The second half of 25 rows: the sum stops at the extent, known at run time from
// the rank's offset, which is an argument of the kernel.
// CHECK: // sum: @k{{[0-9a-f]+}}_sum, range 8
// CHECK-LABEL: func.func @k{{[0-9a-f]+}}_sum
// CHECK-DAG: %[[EXTENT:.*]] = arith.constant 25 : i64
// CHECK-DAG: %[[BOUND:.*]] = arith.constant 13 : i64
// CHECK: %[[OFFSET:.*]] = llvm.load %{{.*}} -> i64
// CHECK: %[[LEFT:.*]] = arith.subi %[[EXTENT]], %[[OFFSET]] : i64
// CHECK: %[[LESS:.*]] = arith.minsi %[[LEFT]], %[[BOUND]] : i64
// CHECK: %[[LIMIT:.*]] = arith.maxsi %[[LESS]]
// CHECK: scf.for
// CHECK: scf.for %{{.*}} = %{{.*}} to %[[LIMIT]]
func.func @sum(%x: tensor<8x13xf32>) -> tensor<8xf32> {
  %y = colossal.generic "sum" [i = 8, v = 13 of 25 {tensor(2) * 13} : sum] (%x : [i, v]) -> ([i]) {
    ^bb0(%0: f32):
      colossal.yield %0 : f32
  } : (tensor<8x13xf32>) -> tensor<8xf32>
  return %y : tensor<8xf32>
}
