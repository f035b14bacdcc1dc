// RUN: colossal-opt %s | colossal-opt | FileCheck %s
// RUN: colossal-opt %s --colossal-fuse-elementwise | FileCheck %s --check-prefix=SIMPLE

// A look-up: of the rows of %w, the one whose number is the id.
// CHECK-LABEL: func.func @gather
// CHECK:         colossal.where %{{.*}} [v == %{{.*}} : i32] : f32
func.func @gather(%ids: tensor<5xi32>, %w: tensor<7x3xf32>) -> tensor<5x3xf32> {
  %y = colossal.generic "gather" [i = 5, d = 3, v = 7 : sum] (%ids : [i], %w : [v, d]) -> ([i, d]) {
    ^bb0(%id: i32, %0: f32):
      %1 = colossal.where %0 [v == %id : i32] : f32
      colossal.yield %1 : f32
  } : (tensor<5xi32>, tensor<7x3xf32>) -> tensor<5x3xf32>
  return %y : tensor<5x3xf32>
}

// An equation alone.
// CHECK-LABEL: func.func @alone
// CHECK-SAME:    copy = #colossal.equation<8 * a + "c d" == 6 * i + j - 3>, id = #colossal.equation<0 == ? + v>
func.func @alone() attributes {
    copy = #colossal.equation<8 * a + "c d" == 6 * i + j - 3>, id = #colossal.equation<0 == ? + v>} {
  return
}

// Terms are collected; those of negative stride stand on the right.
// CHECK-LABEL: func.func @forms
// CHECK:         colossal.where %{{.*}} [8 * a + c == 6 * i + j + 3] : f32
// CHECK:         colossal.where %{{.*}} [a + i == 5, c == -1] : f32
// CHECK:         colossal.where %{{.*}} [3 * j + i == 0] : f32
// CHECK:         colossal.where %{{.*}} [2 * a == %{{.*}} : i64 + c - 4] : f32
// CHECK:         colossal.where %{{.*}} [] : i64
func.func @forms(%x: tensor<12x8xf32>) -> tensor<12x8x3x4xi64> {
  %y = colossal.generic "forms" [a = 12, c = 8, i = 3, j = 4] (%x : [a, c]) -> ([a, c, i, j]) {
    ^bb0(%0: f32):
      %id = colossal.index "i"
      %1 = colossal.where %0 [8 * a + c - 3 == 5 * i + j + i] : f32
      %2 = colossal.where %1 [a == 5 - i, 0 == c + 1] : f32
      %3 = colossal.where %2 [-3 * j == i] : f32
      %4 = colossal.where %3 [2 * a + 5 == 1 + c + %id : i64] : f32
      %5 = arith.fptosi %4 : f32 to i64
      %6 = colossal.where %5 [] : i64
      colossal.yield %6 : i64
  } : (tensor<12x8xf32>) -> tensor<12x8x3x4xi64>
  return %y : tensor<12x8x3x4xi64>
}

// One selection, last: after casts, signs, choices, scales and sums of what is
// selected alike. An id that is a sum of indices is terms.
// SIMPLE-LABEL: func.func @last
// SIMPLE:         %[[S:.*]] = arith.select %{{.*}}, %{{.*}}, %{{.*}} : f32
// SIMPLE:         %[[N:.*]] = arith.negf %[[S]] : f32
// SIMPLE:         %[[D:.*]] = arith.extf %[[N]] : f32 to f64
// SIMPLE:         %[[M:.*]] = arith.mulf %[[D]], %{{.*}} : f64
// SIMPLE:         %[[A:.*]] = arith.addf %[[M]], %[[D]] : f64
// SIMPLE:         %[[W:.*]] = colossal.where %[[A]] [v == i + 1, v == %{{.*}} : i64] : f64
// SIMPLE-NEXT:    colossal.yield %[[W]] : f64
func.func @last(%ids: tensor<5xi64>, %x: tensor<5x7xf32>) -> tensor<5xf64> {
  %y = colossal.generic "last" [i = 5, v = 7 : sum] (%ids : [i], %x : [i, v]) -> ([i]) {
    ^bb0(%id: i64, %0: f32):
      %i = colossal.index "i"
      %one = arith.constant 1 : i64
      %next = arith.addi %i, %one : i64
      %zero = arith.constant 0.0 : f32
      %third = arith.constant 3.0 : f64
      %kept = arith.cmpi ne, %id, %one : i64
      %1 = colossal.where %0 [v == %next : i64] : f32
      %2 = arith.select %kept, %1, %zero : f32
      %3 = colossal.where %2 [v == %id : i64] : f32
      %4 = arith.negf %3 : f32
      %5 = arith.extf %4 : f32 to f64
      %6 = arith.mulf %5, %third : f64
      %7 = arith.addf %6, %5 : f64
      %8 = colossal.where %7 [v == %id : i64] : f64
      colossal.yield %8 : f64
  } : (tensor<5xi64>, tensor<5x7xf32>) -> tensor<5xf64>
  return %y : tensor<5xf64>
}

// Equations that always hold go; one that never does leaves zero.
// SIMPLE-LABEL: func.func @known
// SIMPLE:         ^bb0(%[[X:.*]]: f32):
// SIMPLE-DAG:       %[[ZERO:.*]] = arith.constant 0.0
// SIMPLE:           colossal.yield %[[X]], %[[ZERO]] : f32, f32
func.func @known(%x: tensor<5xf32>) -> (tensor<5xf32>, tensor<5xf32>) {
  %y:2 = colossal.generic "known" [i = 5] (%x : [i]) -> ([i], [i]) {
    ^bb0(%0: f32):
      %1 = colossal.where %0 [3 == 3, i == i] : f32
      %2 = colossal.where %0 [i == 2, 3 == 4] : f32
      colossal.yield %1, %2 : f32, f32
  } : (tensor<5xf32>) -> (tensor<5xf32>, tensor<5xf32>)
  return %y#0, %y#1 : tensor<5xf32>, tensor<5xf32>
}

// An index in another place is another term; the diagonal of a one-hot matrix,
// whose id varies with the index it is compared with, is a question.
// SIMPLE-LABEL: func.func @inlined
// SIMPLE:         colossal.where %{{.*}} [i == 1] : f32
// SIMPLE:       colossal.generic "diagonal"
// SIMPLE:         %[[I:.*]] = colossal.index "k"
// SIMPLE:         arith.cmpi eq, %[[I]], %{{.*}} : i64
func.func @inlined(%ids: tensor<6xi64>, %x: tensor<6xf32>) -> (tensor<4xf32>, tensor<6xf32>) {
  %p = colossal.generic "part" [n = 6] (%x : [n]) -> ([n]) {
    ^bb0(%0: f32):
      %1 = colossal.where %0 [n == 3] : f32
      colossal.yield %1 : f32
  } : (tensor<6xf32>) -> tensor<6xf32>
  %w = colossal.generic "window" [i = 4] (%p : [i + 2 of 6]) -> ([i]) {
    ^bb0(%0: f32):
      %1 = math.exp %0 : f32
      colossal.yield %1 : f32
  } : (tensor<6xf32>) -> tensor<4xf32>
  %h = colossal.generic "one_hot" [i = 6, v = 6] (%ids : [i]) -> ([i, v]) {
    ^bb0(%0: i64):
      %one = arith.constant 1.0 : f32
      %1 = colossal.where %one [v == %0 : i64] : f32
      colossal.yield %1 : f32
  } : (tensor<6xi64>) -> tensor<6x6xf32>
  %d = colossal.generic "diagonal" [k = 6] (%h : [k, k]) -> ([k]) {
    ^bb0(%0: f32):
      %1 = math.exp %0 : f32
      colossal.yield %1 : f32
  } : (tensor<6x6xf32>) -> tensor<6xf32>
  return %w, %d : tensor<4xf32>, tensor<6xf32>
}
