// RUN: colossal-opt %s -colossal-refine-factors -split-input-file -verify-diagnostics | FileCheck %s

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

func.func @conflict(%x: tensor<6xf32>) -> (tensor<2x3xf32>, tensor<3x2xf32>) {
  %a = colossal.generic "a" [i = 2, j = 3] (%x : [(i, j)]) -> ([i, j]) {
    ^bb0(%0: f32):
      colossal.yield %0 : f32
  } : (tensor<6xf32>) -> tensor<2x3xf32>
  // expected-error @below {{divides it; regroup the reshape}}
  %b = colossal.generic "b" [i = 3, j = 2] (%x : [(i, j)]) -> ([i, j]) {
    ^bb0(%0: f32):
      colossal.yield %0 : f32
  } : (tensor<6xf32>) -> tensor<3x2xf32>
  return %a, %b : tensor<2x3xf32>, tensor<3x2xf32>
}
