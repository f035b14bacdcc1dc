// RUN: colossal-opt %s -colossal-fuse-elementwise | FileCheck %s

// A reshape in front of a product becomes part of the product's index map, and
// the bias and the activation behind it become one op with one result.
// CHECK-LABEL: func.func @linear_relu
// CHECK:       colossal.generic "mm" [m.0 = 4, m.1 = 16, n = 12, k = 8 : sum] (%arg0 : [m.0, m.1, k], %arg1 : [k, n]) -> ([(m.0, m.1), n])
// CHECK:       colossal.generic "relu" [{{.*}}]
// CHECK:         arith.addf
// CHECK:         arith.select
// CHECK-NOT:   colossal.generic
func.func @linear_relu(%x: tensor<4x16x8xf32>, %w: tensor<8x12xf32>, %bias: tensor<12xf32>) -> tensor<64x12xf32> {
  %flat = colossal.generic "view" [b = 4, s = 16, k = 8] (%x : [b, s, k]) -> ([(b, s), k]) {
    ^bb0(%0: f32):
      colossal.yield %0 : f32
  } : (tensor<4x16x8xf32>) -> tensor<64x8xf32>
  %mm = colossal.generic "mm" [m = 64, n = 12, k = 8 : sum] (%flat : [m, k], %w : [k, n]) -> ([m, n]) {
    ^bb0(%0: f32, %1: f32):
      %2 = arith.mulf %0, %1 : f32
      colossal.yield %2 : f32
  } : (tensor<64x8xf32>, tensor<8x12xf32>) -> tensor<64x12xf32>
  %sum = colossal.generic "bias" [m = 64, n = 12] (%mm : [m, n], %bias : [n]) -> ([m, n]) {
    ^bb0(%0: f32, %1: f32):
      %2 = arith.addf %0, %1 : f32
      colossal.yield %2 : f32
  } : (tensor<64x12xf32>, tensor<12xf32>) -> tensor<64x12xf32>
  %relu = colossal.generic "relu" [i = 64, j = 12] (%sum : [i, j]) -> ([i, j]) {
    ^bb0(%0: f32):
      %zero = arith.constant 0.0 : f32
      %1 = arith.cmpf ogt, %0, %zero : f32
      %2 = arith.select %1, %0, %zero : f32
      colossal.yield %2 : f32
  } : (tensor<64x12xf32>) -> tensor<64x12xf32>
  return %relu : tensor<64x12xf32>
}

// A mask that depends on indices alone disappears into its users; the expanded
// causal mask never exists as a tensor.
// CHECK-LABEL: func.func @masked
// CHECK-NEXT:  colossal.generic "add" [b = 2, q = 16, k = 16] (%arg0 : [b, q, k]) -> ([b, q, k])
// CHECK:         colossal.index "k"
func.func @masked(%s: tensor<2x16x16xf32>) -> tensor<2x16x16xf32> {
  %m = colossal.generic "mask" [i = 16, j = 16] () -> ([i, j]) {
      %i = colossal.index "i"
      %j = colossal.index "j"
      %0 = arith.cmpi sgt, %j, %i : i64
      %low = arith.constant -1.0e30 : f32
      %zero = arith.constant 0.0 : f32
      %1 = arith.select %0, %low, %zero : f32
      colossal.yield %1 : f32
  } : () -> tensor<16x16xf32>
  %r = colossal.generic "add" [b = 2, q = 16, k = 16] (%s : [b, q, k], %m : [q, k]) -> ([b, q, k]) {
    ^bb0(%0: f32, %1: f32):
      %2 = arith.addf %0, %1 : f32
      colossal.yield %2 : f32
  } : (tensor<2x16x16xf32>, tensor<16x16xf32>) -> tensor<2x16x16xf32>
  return %r : tensor<2x16x16xf32>
}

// Labels padded by one at the end, then sliced from 1: one shifted access.
// CHECK-LABEL: func.func @shift
// CHECK-NEXT:  colossal.generic "slice" [b = 2, s = 8] (%arg0 : [b, s + 1 of 8]) -> ([b, s])
func.func @shift(%l: tensor<2x8xi64>) -> tensor<2x8xi64> {
  %p = colossal.generic "pad" [b = 2, t = 9] (%l : [b, t + 0 of 8]) -> ([b, t]) {
    ^bb0(%0: i64):
      %i = colossal.index "t"
      %c8 = arith.constant 8 : i64
      %ignored = arith.constant -100 : i64
      %in = arith.cmpi slt, %i, %c8 : i64
      %1 = arith.select %in, %0, %ignored : i64
      colossal.yield %1 : i64
  } : (tensor<2x8xi64>) -> tensor<2x9xi64>
  %s = colossal.generic "slice" [b = 2, s = 8] (%p : [b, s + 1 of 9]) -> ([b, s]) {
    ^bb0(%0: i64):
      colossal.yield %0 : i64
  } : (tensor<2x9xi64>) -> tensor<2x8xi64>
  return %s : tensor<2x8xi64>
}

// One of three equal parts, then heads: a constant sub-dimension of the operand.
// CHECK-LABEL: func.func @heads
// CHECK-NEXT:  colossal.generic "key" {{.*}} (%arg0 : [s, (1 of 3, h, d)]) -> ([h, s, d])
func.func @heads(%qkv: tensor<16x24xf32>) -> tensor<2x16x4xf32> {
  %k = colossal.generic "split" [s = 16, n = 8] (%qkv : [s, (1 of 3, n)]) -> ([s, n]) {
    ^bb0(%0: f32):
      colossal.yield %0 : f32
  } : (tensor<16x24xf32>) -> tensor<16x8xf32>
  %t = colossal.generic "key" [h = 2, s = 16, d = 4] (%k : [s, (h, d)]) -> ([h, s, d]) {
    ^bb0(%0: f32):
      colossal.yield %0 : f32
  } : (tensor<16x8xf32>) -> tensor<2x16x4xf32>
  return %t : tensor<2x16x4xf32>
}

// Behind a product nothing else reads: the product writes the new order.
// CHECK-LABEL: func.func @transposed
// CHECK-NEXT:  colossal.generic "pv" {{.*}} -> ([q, (h, d)])
// CHECK-NOT:   colossal.generic
func.func @transposed(%p: tensor<2x16x16xf32>, %v: tensor<2x16x4xf32>) -> tensor<16x8xf32> {
  %o = colossal.generic "pv" [h = 2, q = 16, d = 4, k = 16 : sum] (%p : [h, q, k], %v : [h, k, d]) -> ([h, q, d]) {
    ^bb0(%0: f32, %1: f32):
      %2 = arith.mulf %0, %1 : f32
      colossal.yield %2 : f32
  } : (tensor<2x16x16xf32>, tensor<2x16x4xf32>) -> tensor<2x16x4xf32>
  %t = colossal.generic "transpose" [s = 16, h = 2, d = 4] (%o : [h, s, d]) -> ([s, (h, d)]) {
    ^bb0(%0: f32):
      colossal.yield %0 : f32
  } : (tensor<2x16x4xf32>) -> tensor<16x8xf32>
  return %t : tensor<16x8xf32>
}

// Positions are a window of a table. They stay a value of their own: the sum
// could not be cut along s otherwise.
// CHECK-LABEL: func.func @positions
func.func @positions(%x: tensor<2x8x4xf32>, %table: tensor<32x4xf32>) -> tensor<2x8x4xf32> {
  // CHECK: colossal.generic "window" [s = 8, d = 4] (%{{.*}} : [s + 0 of 32, d])
  %p = colossal.generic "window" [s = 8, d = 4] (%table : [s + 0 of 32, d]) -> ([s, d]) {
    ^bb0(%0: f32):
      colossal.yield %0 : f32
  } : (tensor<32x4xf32>) -> tensor<8x4xf32>
  // CHECK: colossal.generic "sum" [b = 2, s = 8, d = 4] (%{{.*}} : [b, s, d], %{{.*}} : [s, d])
  %y = colossal.generic "sum" [b = 2, s = 8, d = 4] (%x : [b, s, d], %p : [s, d]) -> ([b, s, d]) {
    ^bb0(%0: f32, %1: f32):
      %2 = arith.addf %0, %1 : f32
      colossal.yield %2 : f32
  } : (tensor<2x8x4xf32>, tensor<8x4xf32>) -> tensor<2x8x4xf32>
  return %y : tensor<2x8x4xf32>
}

// A call of attention walks its queries by one stride: windows, whose rows and columns lie apart, are moved before it.
// What only reorders batch, heads and features is part of its maps.
// CHECK-LABEL: func.func @windows
// CHECK-NEXT:  %[[Q:.*]] = colossal.generic "half" [b = 2, q.0 = 3, q.1 = 2, d = 4] (%arg0 : [0 of 2, q.0, b, q.1, d]) -> ([b, (q.0, q.1), d])
// CHECK:       colossal.attention "attn" scale 5.000000e-01 [b = 2, q = 6, k = 6, d = 4, e = 4] (%[[Q]] : [b, q, d], %arg1 : [k, b, d], %arg1 : [k, b, e])
func.func @windows(%x: tensor<2x3x2x2x4xf32>, %kv: tensor<6x2x4xf32>) -> tensor<2x6x4xf32> {
  %w = colossal.generic "windows" [i = 2, a = 3, b = 2, c = 2, d = 4] (%x : [i, a, b, c, d]) -> ([b, (a, c), (i, d)]) {
    ^bb0(%0: f32):
      colossal.yield %0 : f32
  } : (tensor<2x3x2x2x4xf32>) -> tensor<2x6x8xf32>
  %q = colossal.generic "half" [b = 2, q = 6, d = 4] (%w : [b, q, (0 of 2, d)]) -> ([b, q, d]) {
    ^bb0(%0: f32):
      colossal.yield %0 : f32
  } : (tensor<2x6x8xf32>) -> tensor<2x6x4xf32>
  %k = colossal.generic "keys" [k = 6, b = 2, d = 4] (%kv : [k, b, d]) -> ([b, k, d]) {
    ^bb0(%0: f32):
      colossal.yield %0 : f32
  } : (tensor<6x2x4xf32>) -> tensor<2x6x4xf32>
  %out, %lse = colossal.attention "attn" scale 5.000000e-01 [b = 2, q = 6, k = 6, d = 4, e = 4] (%q : [b, q, d], %k : [b, k, d], %k : [b, k, e]) -> ([b, q, e], [b, q]) {
    ^bb0(%s: f32):
      colossal.yield %s : f32
  } : (tensor<2x6x4xf32>, tensor<2x6x4xf32>, tensor<2x6x4xf32>) -> (tensor<2x6x4xf32>, tensor<2x6xf32>)
  return %out : tensor<2x6x4xf32>
}

// An id is not itself selected: the label of a short target becomes a choice.
// CHECK-LABEL: func.func @labels
func.func @labels(%scores: tensor<2x3xf32>) -> tensor<2x2xf32> {
  %labels = colossal.generic "labels" [n = 2, u = 2] () -> ([n, u]) {
    %0 = colossal.index "n"
    %1 = colossal.where %0 [u == 0] : i64
    colossal.yield %1 : i64
  } : () -> tensor<2x2xi64>
  // CHECK: colossal.generic "scores" [n = 2, u = 2, v = 3 : sum] (%{{.*}} : [n, v]) -> ([n, u])
  // CHECK: %[[LABEL:.*]] = arith.select
  // CHECK: colossal.where %{{.*}} [v == %[[LABEL]] : i64] : f32
  %y = colossal.generic "scores" [n = 2, u = 2, v = 3 : sum] (%labels : [n, u], %scores : [n, v]) -> ([n, u]) {
    ^bb0(%0: i64, %1: f32):
      %2 = colossal.where %1 [v == %0 : i64] : f32
      colossal.yield %2 : f32
  } : (tensor<2x2xi64>, tensor<2x3xf32>) -> tensor<2x2xf32>
  return %y : tensor<2x2xf32>
}
