// RUN: colossal-opt %s --colossal-print-kernels -o /dev/null | FileCheck %s

// Two layers with the same structure share one kernel, whatever their names. The
// range is the rows; the scalar of the row is loaded outside the lanes' loop.
// CHECK: // first: @k1_first, range 64
// CHECK: // second: @k1_first, range 64
// CHECK: #llvm.loop_vectorize<disable = false, width = 16 : i32>
// CHECK: parallelAccesses = #[[GROUP:.*]]>
// CHECK-LABEL: func.func @k1_first(%arg0: !llvm.ptr, %arg1: i64, %arg2: i64)
// CHECK: scf.for %[[ROW:.*]] = %arg1 to %arg2
// CHECK: %[[SCALE:.*]] = llvm.load
// CHECK: scf.for %[[LANE:.*]] = %{{.*}} to %{{.*}} step
// CHECK: %[[X:.*]] = llvm.load {{.*}}access_groups
// CHECK: %[[Y:.*]] = arith.mulf %[[X]], %[[SCALE]]
// CHECK: llvm.store %[[Y]]
// CHECK-NOT: func.func
func.func @scale(%x: tensor<64x32xf32>, %y: tensor<64x32xf32>, %s: tensor<64xf32>) -> (tensor<64x32xf32>, tensor<64x32xf32>) {
  %a = colossal.generic "first" [i = 64, k = 32] (%x : [i, k], %s : [i]) -> ([i, k]) {
    ^bb0(%0: f32, %1: f32):
      %2 = arith.mulf %0, %1 : f32
      colossal.yield %2 : f32
  } : (tensor<64x32xf32>, tensor<64xf32>) -> tensor<64x32xf32>
  %b = colossal.generic "second" [row = 64, n = 32] (%y : [row, n], %s : [row]) -> ([row, n]) {
    ^bb0(%0: f32, %1: f32):
      %2 = arith.mulf %0, %1 : f32
      colossal.yield %2 : f32
  } : (tensor<64x32xf32>, tensor<64xf32>) -> tensor<64x32xf32>
  return %a, %b : tensor<64x32xf32>, tensor<64x32xf32>
}
