// RUN: colossal-opt %s | colossal-opt | FileCheck %s

// A matrix product: an index map names each dimension's factors; (b, s) is one
// dimension of two sub-dimensions, b major.
// CHECK-LABEL: func.func @linear
func.func @linear(%x: tensor<4x16x8xf32>, %w: tensor<8x12xf32>) -> tensor<64x12xf32> {
  // CHECK: colossal.generic "fc/linear.0" [b = 4, s = 16, n = 12, k = 8 : sum] (%{{.*}} : [b, s, k], %{{.*}} : [k, n]) -> ([(b, s), n])
  %y = colossal.generic "fc/linear.0" [b = 4, s = 16, n = 12, k = 8 : sum]
      (%x : [b, s, k], %w : [k, n]) -> ([(b, s), n]) {
    ^bb0(%0: f32, %1: f32):
      %2 = arith.mulf %0, %1 : f32
      colossal.yield %2 : f32
  } : (tensor<4x16x8xf32>, tensor<8x12xf32>) -> tensor<64x12xf32>
  return %y : tensor<64x12xf32>
}

// A causal mask is a function of indices: no operand, no constant tensor.
// CHECK-LABEL: func.func @causal
func.func @causal() -> tensor<16x16xi1> {
  // CHECK: colossal.generic "mask" [q = 16, k = 16] () -> ([q, k])
  %m = colossal.generic "mask" [q = 16, k = 16] () -> ([q, k]) {
      %q = colossal.index "q"
      %k = colossal.index "k"
      %0 = arith.cmpi sle, %k, %q : i64
      colossal.yield %0 : i1
  } : () -> tensor<16x16xi1>
  return %m : tensor<16x16xi1>
}

// Labels shifted by one: an access outside the tensor reads zero, the select
// puts -100 there. The second of three equal parts: `1 of 3`.
// CHECK-LABEL: func.func @shift
func.func @shift(%l: tensor<2x8xi64>, %qkv: tensor<2x24xf32>) -> (tensor<2x8xi64>, tensor<2x8xf32>) {
  // CHECK: (%{{.*}} : [b, s + 1 of 8]) -> ([b, s])
  %s = colossal.generic "shift" [b = 2, s = 8] (%l : [b, s + 1 of 8]) -> ([b, s]) {
    ^bb0(%0: i64):
      %i = colossal.index "s"
      %last = arith.constant 7 : i64
      %ignored = arith.constant -100 : i64
      %in = arith.cmpi slt, %i, %last : i64
      %1 = arith.select %in, %0, %ignored : i64
      colossal.yield %1 : i64
  } : (tensor<2x8xi64>) -> tensor<2x8xi64>
  // CHECK: (%{{.*}} : [b, (1 of 3, h)]) -> ([b, h])
  %k = colossal.generic "key" [b = 2, h = 8] (%qkv : [b, (1 of 3, h)]) -> ([b, h]) {
    ^bb0(%0: f32):
      colossal.yield %0 : f32
  } : (tensor<2x24xf32>) -> tensor<2x8xf32>
  return %s, %k : tensor<2x8xi64>, tensor<2x8xf32>
}

// A local factor: 13 of 25 rows on each of two ranks, the last one is padding.
// CHECK-LABEL: func.func @local
func.func @local(%x: tensor<13xf32>) -> tensor<f32> {
  // CHECK: [v = 13 of 25 {tensor(2) * 13} : sum]
  %y = colossal.generic "sum" [v = 13 of 25 {tensor(2) * 13} : sum] (%x : [v]) -> ([]) {
    ^bb0(%0: f32):
      colossal.yield %0 : f32
  } : (tensor<13xf32>) -> tensor<f32>
  // CHECK: colossal.all_reduce "sum" sum %{{.*}} over ["tensor"]
  %z = colossal.all_reduce "sum" sum %y over ["tensor"] : tensor<f32> -> tensor<f32>
  return %z : tensor<f32>
}

// CHECK-LABEL: func.func @reshard
func.func @reshard(%x: tensor<8x24xf32>) -> tensor<8x24xf32> {
  // CHECK: from <[_], [_, tensor, _], partial {data = sum}> to <[data * tensor], [_, _, _]>
  %y = colossal.reshard "r" %x from <[_], [_, tensor, _], partial {data = sum}>
      to <[data * tensor], [_, _, _]> : tensor<8x24xf32>
  return %y : tensor<8x24xf32>
}

// CHECK-LABEL: func.func @attention
func.func @attention(%qkv: tensor<2x16x24xf32>) -> (tensor<2x2x16x4xf32>, tensor<2x2x16xf32>) {
  // CHECK: colossal.attention "attn" scale 5.000000e-01 [b = 2, h = 2, q = 16, k = 16, d = 4, e = 4]
  %o, %lse = colossal.attention "attn" scale 0.5 [b = 2, h = 2, q = 16, k = 16, d = 4, e = 4]
      (%qkv : [b, q, (0 of 3, h, d)], %qkv : [b, k, (1 of 3, h, d)], %qkv : [b, k, (2 of 3, h, e)])
      -> ([b, h, q, e], [b, h, q]) {
    ^bb0(%s: f32):
      colossal.yield %s : f32
  } : (tensor<2x16x24xf32>, tensor<2x16x24xf32>, tensor<2x16x24xf32>) -> (tensor<2x2x16x4xf32>, tensor<2x2x16xf32>)
  return %o, %lse : tensor<2x2x16x4xf32>, tensor<2x2x16xf32>
}
