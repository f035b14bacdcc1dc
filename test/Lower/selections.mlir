// RUN: colossal-opt %s --colossal-print-kernels -o /dev/null | FileCheck %s

// Indices that equations determine are no loops: 50000 rows in two digits, of
// which an id is one. The only loop is that over the rows of the result.
// CHECK-LABEL: func.func @k{{[0-9a-f]+}}_gather
// CHECK:         scf.for
// CHECK:           %[[ID:.*]] = llvm.load {{.*}} -> i64
// CHECK-DAG:       arith.divsi %[[ID]], %{{.*}}
// CHECK-DAG:       arith.remsi %[[ID]], %{{.*}}
// CHECK-NOT:       scf.for
// CHECK:           llvm.store
func.func @digits(%ids: tensor<64xi64>, %w: tensor<50000xf32>) -> tensor<64xf32> {
  %y = colossal.generic "gather" [i = 64, v = 500 : sum, u = 100 : sum] (%ids : [i], %w : [(v, u)]) -> ([i]) {
    ^bb0(%id: i64, %0: f32):
      %1 = colossal.where %0 [100 * v + u == %id : i64] : f32
      colossal.yield %1 : f32
  } : (tensor<64xi64>, tensor<50000xf32>) -> tensor<64xf32>
  return %y : tensor<64xf32>
}

// A scatter of computed ids: one loop clears rows, one passes over the ids.
// CHECK-LABEL: func.func @k{{[0-9a-f]+}}_scatter
// CHECK:         scf.for
// CHECK:           llvm.store
// CHECK:         scf.for
// CHECK:           llvm.load {{.*}} -> i64
// CHECK:           arith.muli
// CHECK:           scf.for %{{.*}} = %{{.*}} to %{{.*}} step
// CHECK-NOT:         scf.for
// CHECK:             llvm.store
// CHECK-NOT:     scf.for
// CHECK:         return
func.func @computed(%ids: tensor<64xi64>, %g: tensor<64xf32>) -> tensor<50000xf32> {
  %y = colossal.generic "scatter" [v = 50000, i = 64 : sum] (%ids : [i], %g : [i]) -> ([v]) {
    ^bb0(%id: i64, %0: f32):
      %square = arith.muli %id, %id : i64
      %1 = colossal.where %0 [v == %square : i64] : f32
      colossal.yield %1 : f32
  } : (tensor<64xi64>, tensor<64xf32>) -> tensor<50000xf32>
  return %y : tensor<50000xf32>
}
