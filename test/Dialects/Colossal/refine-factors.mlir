// RUN: colossal-opt %s -colossal-refine-factors -split-input-file | FileCheck %s

// Attention sees the fused product's columns as (3, heads, features); the
// product and its weight get the same sub-dimensions, so that an axis can cut
// the heads of all of them.
// CHECK-LABEL: func.func @fused_qkv
// CHECK:       colossal.generic "c_attn" [b = 2, s = 16, n.0 = 3, n.1 = 2, n.2 = 4, k = 8 : sum] (%arg0 : [b, s, k], %arg1 : [k, (n.0, n.1, n.2)]) -> ([b, s, (n.0, n.1, n.2)])
// CHECK:       colossal.generic "query" {{.*}} : [b, s, (0 of 3, h, d)]) -> ([b, h, s, d])
func.func @fused_qkv(%x: tensor<2x16x8xf32>, %w: tensor<8x24xf32>) -> tensor<2x2x16x4xf32> {
  %qkv = colossal.generic "c_attn" [b = 2, s = 16, n = 24, k = 8 : sum] (%x : [b, s, k], %w : [k, n]) -> ([b, s, n]) {
    ^bb0(%0: f32, %1: f32):
      %2 = arith.mulf %0, %1 : f32
      colossal.yield %2 : f32
  } : (tensor<2x16x8xf32>, tensor<8x24xf32>) -> tensor<2x16x24xf32>
  %q = colossal.generic "query" [b = 2, s = 16, h = 2, d = 4] (%qkv : [b, s, (0 of 3, h, d)]) -> ([b, h, s, d]) {
    ^bb0(%0: f32):
      colossal.yield %0 : f32
  } : (tensor<2x16x24xf32>) -> tensor<2x2x16x4xf32>
  return %q : tensor<2x2x16x4xf32>
}

// -----

// Factors of bound 1 vanish; the index of a split factor becomes arithmetic.
// CHECK-LABEL: func.func @positions
// CHECK:       colossal.generic "iota" [s.0 = 2, s.1 = 8] () -> ([0 of 1, (s.0, s.1)])
// CHECK:         colossal.index "s.0"
// CHECK:         arith.muli
func.func @positions() -> tensor<2x8xi64> {
  %i = colossal.generic "iota" [one = 1, s = 16] () -> ([one, s]) {
      %0 = colossal.index "s"
      colossal.yield %0 : i64
  } : () -> tensor<1x16xi64>
  %r = colossal.generic "view" [a = 2, c = 8] (%i : [0 of 1, (a, c)]) -> ([a, c]) {
    ^bb0(%0: i64):
      colossal.yield %0 : i64
  } : (tensor<1x16xi64>) -> tensor<2x8xi64>
  return %r : tensor<2x8xi64>
}

// -----

// Decompositions without a common refinement: the second view is a copy. Its
// sum over places has the decomposition of %x, its result one of its own.
// CHECK-LABEL: func.func @two_views
// CHECK:       colossal.generic "a" [i = 2, j = 3] (%arg0 : [(i, j)])
// CHECK:       colossal.generic "b" [i = 3, j = 2, place.0 = 2 : sum, place.1 = 3 : sum] (%arg0 : [(place.0, place.1)]) -> ([i, j])
// CHECK:         colossal.where %{{.*}} [3 * place.0 + place.1 == j + 2 * i] : f32
func.func @two_views(%x: tensor<6xf32>) -> (tensor<2x3xf32>, tensor<3x2xf32>) {
  %a = colossal.generic "a" [i = 2, j = 3] (%x : [(i, j)]) -> ([i, j]) {
    ^bb0(%0: f32):
      colossal.yield %0 : f32
  } : (tensor<6xf32>) -> tensor<2x3xf32>
  %b = colossal.generic "b" [i = 3, j = 2] (%x : [(i, j)]) -> ([i, j]) {
    ^bb0(%0: f32):
      colossal.yield %0 : f32
  } : (tensor<6xf32>) -> tensor<3x2xf32>
  return %a, %b : tensor<2x3xf32>, tensor<3x2xf32>
}

// -----

// What both have in common is no part of the copy: it can be cut.
// CHECK-LABEL: func.func @common
// CHECK:       colossal.generic "b" [g = 4, i = 3, j = 2, place.0 = 2 : sum, place.1 = 3 : sum] (%arg0 : [(g, place.0, place.1)]) -> ([g, i, j])
func.func @common(%x: tensor<24xf32>) -> (tensor<4x2x3xf32>, tensor<4x3x2xf32>) {
  %a = colossal.generic "a" [g = 4, i = 2, j = 3] (%x : [(g, i, j)]) -> ([g, i, j]) {
    ^bb0(%0: f32):
      colossal.yield %0 : f32
  } : (tensor<24xf32>) -> tensor<4x2x3xf32>
  %b = colossal.generic "b" [g = 4, i = 3, j = 2] (%x : [(g, i, j)]) -> ([g, i, j]) {
    ^bb0(%0: f32):
      colossal.yield %0 : f32
  } : (tensor<24xf32>) -> tensor<4x3x2xf32>
  return %a, %b : tensor<4x2x3xf32>, tensor<4x3x2xf32>
}

// -----

// A computation keeps its form and reads a copy; two that need the same copy
// have one between them.
// CHECK-LABEL: func.func @computation
// CHECK:       %[[COPY:.*]] = colossal.generic "b.copy" [d0.0 = 3, d0.1 = 2, place.0 = 2 : sum, place.1 = 3 : sum] (%arg0 : [(place.0, place.1)]) -> ([(d0.0, d0.1)])
// CHECK-NOT:   copy
// CHECK:       colossal.generic "b" [i = 3, j = 2] (%[[COPY]] : [(i, j)]) -> ([i, j])
// CHECK:       colossal.generic "c" [i = 3, j = 2] (%[[COPY]] : [(i, j)]) -> ([i, j])
func.func @computation(%x: tensor<6xf32>) -> (tensor<2x3xf32>, tensor<3x2xf32>, tensor<3x2xf32>) {
  %a = colossal.generic "a" [i = 2, j = 3] (%x : [(i, j)]) -> ([i, j]) {
    ^bb0(%0: f32):
      colossal.yield %0 : f32
  } : (tensor<6xf32>) -> tensor<2x3xf32>
  %b = colossal.generic "b" [i = 3, j = 2] (%x : [(i, j)]) -> ([i, j]) {
    ^bb0(%0: f32):
      %1 = math.exp %0 : f32
      colossal.yield %1 : f32
  } : (tensor<6xf32>) -> tensor<3x2xf32>
  %c = colossal.generic "c" [i = 3, j = 2] (%x : [(i, j)]) -> ([i, j]) {
    ^bb0(%0: f32):
      %1 = math.sin %0 : f32
      colossal.yield %1 : f32
  } : (tensor<6xf32>) -> tensor<3x2xf32>
  return %a, %b, %c : tensor<2x3xf32>, tensor<3x2xf32>, tensor<3x2xf32>
}

// -----

// A window that no cut of its value meets: the slice is the copy.
// CHECK-LABEL: func.func @window
// CHECK:       colossal.generic "slice" [i = 5, place.0 = 2 : sum, place.1 = 4 : sum] (%arg0 : [(place.0, place.1)]) -> ([i])
func.func @window(%x: tensor<8xf32>) -> (tensor<2x4xf32>, tensor<5xf32>) {
  %a = colossal.generic "a" [i = 2, j = 4] (%x : [(i, j)]) -> ([i, j]) {
    ^bb0(%0: f32):
      colossal.yield %0 : f32
  } : (tensor<8xf32>) -> tensor<2x4xf32>
  %b = colossal.generic "slice" [i = 5] (%x : [i + 1 of 8]) -> ([i]) {
    ^bb0(%0: f32):
      colossal.yield %0 : f32
  } : (tensor<8xf32>) -> tensor<5xf32>
  return %a, %b : tensor<2x4xf32>, tensor<5xf32>
}

// -----

// The result of a concatenation is divided where its windows are not; of truth
// values a copy takes any of those in its place.
// CHECK-LABEL: func.func @joined
// CHECK:       %[[CAT:.*]] = colossal.generic "cat" [n = 6]
// CHECK:       %[[COPY:.*]] = colossal.generic "cat.copy" [d0.0 = 2, d0.1 = 3, place = 6 : any] (%[[CAT]] : [place]) -> ([(d0.0, d0.1)])
// CHECK:       colossal.generic "view" [i = 2, j = 3] (%[[COPY]] : [(i, j)])
func.func @joined(%x: tensor<1xi1>, %y: tensor<5xi1>) -> tensor<2x3xi1> {
  %cat = colossal.generic "cat" [n = 6] (%x : [n + 0 of 1], %y : [n - 1 of 5]) -> ([n]) {
    ^bb0(%0: i1, %1: i1):
      %2 = arith.ori %0, %1 : i1
      colossal.yield %2 : i1
  } : (tensor<1xi1>, tensor<5xi1>) -> tensor<6xi1>
  %r = colossal.generic "view" [i = 2, j = 3] (%cat : [(i, j)]) -> ([i, j]) {
    ^bb0(%0: i1):
      %true = arith.constant true
      %1 = arith.xori %0, %true : i1
      colossal.yield %1 : i1
  } : (tensor<6xi1>) -> tensor<2x3xi1>
  return %r : tensor<2x3xi1>
}

// -----

// A window that a cut leaves one element of is a condition.
// CHECK-LABEL: func.func @narrow
// CHECK:       colossal.generic "pad" [n.0 = 3, n.1 = 2] (%arg0 : [n.1]) -> ([(n.0, n.1)])
// CHECK:         colossal.where %{{.*}} [n.0 == 1] : f32
func.func @narrow(%x: tensor<2xf32>) -> tensor<3x2xf32> {
  %p = colossal.generic "pad" [n = 6] (%x : [n - 2 of 2]) -> ([n]) {
    ^bb0(%0: f32):
      colossal.yield %0 : f32
  } : (tensor<2xf32>) -> tensor<6xf32>
  %r = colossal.generic "view" [i = 3, j = 2] (%p : [(i, j)]) -> ([i, j]) {
    ^bb0(%0: f32):
      colossal.yield %0 : f32
  } : (tensor<6xf32>) -> tensor<3x2xf32>
  return %r : tensor<3x2xf32>
}

// -----

// State keeps one decomposition: what replaces it is copied into it. No cut
// goes into a window without elements.
// CHECK-LABEL: func.func @state
// CHECK:       %[[NEW:.*]] = colossal.generic "new" [i = 3, j = 2] {{.*}} -> ([(i, j)])
// CHECK:       colossal.generic "empty" [n = 0] (%arg0 : [n + 2 of 6])
// CHECK:       %[[COPY:.*]] = colossal.generic "new.copy" [d0.0 = 2, d0.1 = 3, place.0 = 3 : sum, place.1 = 2 : sum] (%[[NEW]] : [(place.0, place.1)])
// CHECK:       return {{.*}}, %[[COPY]]
func.func @state(%x: tensor<6xf32> {colossal.role = #colossal.role<buffer>, colossal.name = "x"}, %y: tensor<3x2xf32>)
    -> (tensor<2x3xf32>, tensor<0xf32>, tensor<6xf32> {colossal.updates = 0 : i64}) {
  %a = colossal.generic "a" [i = 2, j = 3] (%x : [(i, j)]) -> ([i, j]) {
    ^bb0(%0: f32):
      colossal.yield %0 : f32
  } : (tensor<6xf32>) -> tensor<2x3xf32>
  %n = colossal.generic "new" [i = 3, j = 2] (%y : [i, j]) -> ([(i, j)]) {
    ^bb0(%0: f32):
      colossal.yield %0 : f32
  } : (tensor<3x2xf32>) -> tensor<6xf32>
  %e = colossal.generic "empty" [n = 0] (%x : [n + 2 of 6]) -> ([n]) {
    ^bb0(%0: f32):
      colossal.yield %0 : f32
  } : (tensor<6xf32>) -> tensor<0xf32>
  return %a, %e, %n : tensor<2x3xf32>, tensor<0xf32>, tensor<6xf32>
}

// -----

// A small image in the corner of a larger one, which is cut into windows: what is left of a window that is one element
// wide is a condition; two dimensions have two.
// CHECK-LABEL: func.func @corner
// CHECK:       colossal.generic "pad" [b = 2, i.0 = 2, i.1 = 4, j.0 = 2, j.1 = 4] (%arg0 : [b, i.1, j.1]) -> ([b, (i.0, i.1), (j.0, j.1)])
// CHECK:         colossal.where %arg1 [i.0 == 0, j.0 == 0] : f32
func.func @corner(%x: tensor<2x4x4xf32>) -> tensor<2x4x4x4xf32> {
  %p = colossal.generic "pad" [b = 2, i = 8, j = 8] (%x : [b, i + 0 of 4, j + 0 of 4]) -> ([b, i, j]) {
    ^bb0(%0: f32):
      colossal.yield %0 : f32
  } : (tensor<2x4x4xf32>) -> tensor<2x8x8xf32>
  %w = colossal.generic "window" [b = 2, n = 2, m = 2, i = 4, j = 4] (%p : [b, (n, i), (m, j)]) -> ([b, (n, m), i, j]) {
    ^bb0(%0: f32):
      colossal.yield %0 : f32
  } : (tensor<2x8x8xf32>) -> tensor<2x4x4x4xf32>
  return %w : tensor<2x4x4x4xf32>
}
