// RUN: colossal-opt --colossal-precision -split-input-file %s | FileCheck %s
// With f16 the same, in the other type, whose largest number is another.
// RUN: sed "s/bf16/f16/g; s/-3.389.*e+38/-6.550400e+04/" %s > %t.mlir
// RUN: colossal-opt --colossal-precision="type=f16" -split-input-file %t.mlir | FileCheck %t.mlir
// RUN: not colossal-opt --colossal-precision="type=f8" -split-input-file %s 2>&1 | FileCheck %s --check-prefix=BAD
// BAD: error: found type 'f8', expected bf16 or f16

// A linear layer and a loss: the product takes copies in bf16 and gives bf16,
// the bias is added in f32 registers and is part of the layer, the mean is f32.
// CHECK-LABEL: func.func @layer
// CHECK-SAME:    %arg0: tensor<4x8xf32>
// CHECK-SAME:    %arg1: tensor<3x8xf32>
// CHECK:       %[[X:.*]] = colossal.generic "x.bf16" [d0 = 4, d1 = 8] (%arg0 : [d0, d1]) -> ([d0, d1])
// CHECK:         arith.truncf %{{.*}} : f32 to bf16
// CHECK:       %[[W:.*]] = colossal.generic "fc.weight.bf16" [d0 = 3, d1 = 8] (%arg1 : [d0, d1]) -> ([d0, d1])
// CHECK:       %[[Y:.*]] = colossal.generic "fc/linear.0" {{.*}} (%[[X]] : [b, k], %[[W]] : [n, k]) -> ([b, n])
// CHECK:         arith.mulf %{{.*}}, %{{.*}} : bf16
// CHECK:       %[[Z:.*]] = colossal.generic "fc/linear.0.bias" {{.*}} (%[[Y]] : [b, n], %arg2 : [n])
// CHECK-NEXT:    ^bb0(%[[PRODUCT:.*]]: bf16, %[[BIAS:.*]]: f32):
// CHECK:         %[[WIDE:.*]] = arith.extf %[[PRODUCT]]
// CHECK:         %[[SUM:.*]] = arith.addf %[[WIDE]], %[[BIAS]] : f32
// CHECK:         arith.truncf %[[SUM]]
// CHECK:       %[[MEAN:.*]] = colossal.generic "mean.0.sum" {{.*}} (%[[Z]] : [b, n]) -> ([])
// CHECK:         arith.extf
// CHECK:         colossal.yield %{{.*}} : f32
// CHECK:       return %[[MEAN]] : tensor<f32>
func.func @layer(%x: tensor<4x8xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x"},
                 %w: tensor<3x8xf32> {colossal.role = #colossal.role<parameter>, colossal.name = "fc.weight"},
                 %b: tensor<3xf32> {colossal.role = #colossal.role<parameter>, colossal.name = "fc.bias"}) -> tensor<f32> {
  %y = colossal.generic "fc/linear.0" [b = 4, n = 3, k = 8 : sum] (%x : [b, k], %w : [n, k]) -> ([b, n]) {
    ^bb0(%0: f32, %1: f32):
      %2 = arith.mulf %0, %1 : f32
      colossal.yield %2 : f32
  } : (tensor<4x8xf32>, tensor<3x8xf32>) -> tensor<4x3xf32>
  %z = colossal.generic "fc/linear.0.bias" [b = 4, n = 3] (%y : [b, n], %b : [n]) -> ([b, n]) {
    ^bb0(%0: f32, %1: f32):
      %2 = arith.addf %0, %1 : f32
      colossal.yield %2 : f32
  } : (tensor<4x3xf32>, tensor<3xf32>) -> tensor<4x3xf32>
  %l = colossal.generic "mean.0.sum" [b = 4 : sum, n = 3 : sum] (%z : [b, n]) -> ([]) {
    ^bb0(%0: f32):
      colossal.yield %0 : f32
  } : (tensor<4x3xf32>) -> tensor<f32>
  return %l : tensor<f32>
}

// -----

// A value has one copy, and a view of it is a view of the copy; two products of
// bf16 are added as bf16, and with a tensor of f32 as f32; an exponential is f32.
// CHECK-LABEL: func.func @promote
// CHECK-COUNT-1: colossal.generic "x.bf16"
// CHECK-NOT:   "x.bf16"
// CHECK:       %[[T:.*]] = colossal.generic "t.0.bf16"
// CHECK:       (tensor<4x4xbf16>) -> tensor<4x4xbf16>
// CHECK:       colossal.generic "matmul.0"
// CHECK-SAME:    -> ([b, n])
// CHECK:       tensor<4x4xbf16>, tensor<4x4xbf16>) -> tensor<4x4xbf16>
// CHECK:       %[[SUM:.*]] = colossal.generic "add.0"
// CHECK:       tensor<4x4xbf16>) -> tensor<4x4xbf16>
// CHECK:       %[[WIDE:.*]] = colossal.generic "add.1" {{.*}} (%[[SUM]] : [b, n], %arg0 : [b, n])
// CHECK:       (tensor<4x4xbf16>, tensor<4x4xf32>) -> tensor<4x4xf32>
// CHECK:       colossal.generic "exp.0" {{.*}} (%[[SUM]] : [b, n])
// CHECK:       (tensor<4x4xbf16>) -> tensor<4x4xf32>
func.func @promote(%x: tensor<4x4xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x"}) -> (tensor<4x4xf32>, tensor<4x4xf32>) {
  %t = colossal.generic "t.0" [a = 4, b = 4] (%x : [b, a]) -> ([a, b]) {
    ^bb0(%0: f32):
      colossal.yield %0 : f32
  } : (tensor<4x4xf32>) -> tensor<4x4xf32>
  %y = colossal.generic "matmul.0" [b = 4, n = 4, k = 4 : sum] (%x : [b, k], %t : [k, n]) -> ([b, n]) {
    ^bb0(%0: f32, %1: f32):
      %2 = arith.mulf %0, %1 : f32
      colossal.yield %2 : f32
  } : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %s = colossal.generic "add.0" [b = 4, n = 4] (%y : [b, n], %y : [n, b]) -> ([b, n]) {
    ^bb0(%0: f32, %1: f32):
      %2 = arith.addf %0, %1 : f32
      colossal.yield %2 : f32
  } : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %w = colossal.generic "add.1" [b = 4, n = 4] (%s : [b, n], %x : [b, n]) -> ([b, n]) {
    ^bb0(%0: f32, %1: f32):
      %2 = arith.addf %0, %1 : f32
      colossal.yield %2 : f32
  } : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %e = colossal.generic "exp.0" [b = 4, n = 4] (%s : [b, n]) -> ([b, n]) {
    ^bb0(%0: f32):
      %2 = math.exp %0 : f32
      colossal.yield %2 : f32
  } : (tensor<4x4xf32>) -> tensor<4x4xf32>
  return %w, %e : tensor<4x4xf32>, tensor<4x4xf32>
}

// -----

// What is moved or chosen keeps its type, a mask's number with it: the lowest
// f32 is the lowest bf16, not infinity. A result has the type that it had.
// CHECK-LABEL: func.func @masked
// CHECK:       colossal.generic "masked_fill.0"
// CHECK:         arith.constant -3.389{{.*}}e+38 : bf16
// CHECK:         arith.select %{{.*}} : bf16
// CHECK:       %[[OUT:.*]] = colossal.generic "masked_fill.0.f32"
// CHECK:         arith.extf
// CHECK:       return %[[OUT]] : tensor<4x4xf32>
func.func @masked(%x: tensor<4x4xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x"},
                  %m: tensor<4x4xi1> {colossal.role = #colossal.role<batch>, colossal.name = "m"}) -> tensor<4x4xf32> {
  %y = colossal.generic "matmul.0" [b = 4, n = 4, k = 4 : sum] (%x : [b, k], %x : [k, n]) -> ([b, n]) {
    ^bb0(%0: f32, %1: f32):
      %2 = arith.mulf %0, %1 : f32
      colossal.yield %2 : f32
  } : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %z = colossal.generic "masked_fill.0" [b = 4, n = 4] (%y : [b, n], %m : [b, n]) -> ([b, n]) {
    ^bb0(%0: f32, %1: i1):
      %c = arith.constant -3.40282347E+38 : f32
      %2 = arith.select %1, %c, %0 : f32
      colossal.yield %2 : f32
  } : (tensor<4x4xf32>, tensor<4x4xi1>) -> tensor<4x4xf32>
  return %z : tensor<4x4xf32>
}

// -----

// Norms are composites, and so f32: of a row of bf16 the mean is that of its
// numbers, added up in f32.
// CHECK-LABEL: func.func @norm
// CHECK:       colossal.generic "ln/layer_norm.0.mean" {{.*}} attributes {group = "ln"
// CHECK-NEXT:    ^bb0(%{{.*}}: bf16):
// CHECK:         arith.extf
// CHECK:       (tensor<4x4xbf16>) -> tensor<4xf32>
// CHECK:       colossal.generic "ln/layer_norm.0"
// CHECK:       (tensor<4x4xbf16>, tensor<4xf32>) -> tensor<4x4xf32>
func.func @norm(%x: tensor<4x4xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x"}) -> tensor<4x4xf32> {
  %y = colossal.generic "matmul.0" [b = 4, n = 4, k = 4 : sum] (%x : [b, k], %x : [k, n]) -> ([b, n]) {
    ^bb0(%0: f32, %1: f32):
      %2 = arith.mulf %0, %1 : f32
      colossal.yield %2 : f32
  } : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %m = colossal.generic "ln/layer_norm.0.mean" [b = 4, n = 4 : sum] (%y : [b, n]) -> ([b]) attributes {group = "ln"} {
    ^bb0(%0: f32):
      colossal.yield %0 : f32
  } : (tensor<4x4xf32>) -> tensor<4xf32>
  %z = colossal.generic "ln/layer_norm.0" [b = 4, n = 4] (%y : [b, n], %m : [b]) -> ([b, n]) attributes {group = "ln"} {
    ^bb0(%0: f32, %1: f32):
      %2 = arith.subf %0, %1 : f32
      colossal.yield %2 : f32
  } : (tensor<4x4xf32>, tensor<4xf32>) -> tensor<4x4xf32>
  return %z : tensor<4x4xf32>
}

// -----

// Convolution takes and gives bf16; a pool has no such form and is f32.
// CHECK-LABEL: func.func @image
// CHECK:       %[[Y:.*]] = colossal.convolution "conv/convolution.0"
// CHECK-SAME:  (tensor<2x3x8x8xbf16>, tensor<4x3x3x3xbf16>) -> tensor<2x4x6x6xbf16>
// CHECK:       %[[WIDE:.*]] = colossal.generic "conv/convolution.0.f32"
// CHECK:       colossal.max_pool
// CHECK-SAME:  (tensor<2x4x6x6xf32>) -> tensor<2x4x3x3xf32>
func.func @image(%x: tensor<2x3x8x8xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x"},
                 %w: tensor<4x3x3x3xf32> {colossal.role = #colossal.role<parameter>, colossal.name = "conv.weight"}) -> tensor<2x4x3x3xf32> {
  %y = colossal.convolution "conv/convolution.0" stride array<i64: 1, 1> padding array<i64: 0, 0> dilation array<i64: 1, 1>
    [n = 2, o = 4, c = 3 : sum, x0 = 8 : sum, x1 = 8 : sum, k0 = 3 : sum, k1 = 3 : sum, y0 = 6, y1 = 6]
    (%x : [n, c, x0, x1], %w : [o, c, k0, k1]) -> ([n, o, y0, y1])
    : (tensor<2x3x8x8xf32>, tensor<4x3x3x3xf32>) -> tensor<2x4x6x6xf32>
  %p = colossal.max_pool "pool/max_pool2d.0" [n = 2, o = 4, x0 = 6 : max, x1 = 6 : max, y0 = 3, y1 = 3] (%y : [n, o, x0, x1]) -> ([n, o, y0, y1])
    attributes {dilation = array<i64: 1, 1>, input = array<i64: 6, 6>, kernel = array<i64: 2, 2>, output = array<i64: 3, 3>, padding = array<i64: 0, 0>, stride = array<i64: 2, 2>}
    : (tensor<2x4x6x6xf32>) -> tensor<2x4x3x3xf32>
  return %p : tensor<2x4x3x3xf32>
}

// -----

// Attention takes and gives bf16; scores, a mask that is added to them and the
// log-sum-exp are f32.
// CHECK-LABEL: func.func @attention
// CHECK:       %[[Q:.*]] = colossal.generic "q.bf16"
// CHECK:       %[[O:.*]]:2 = colossal.attention "sdpa.0" {{.*}} (%[[Q]] : [q, d], %[[Q]] : [k, d], %[[Q]] : [k, e], %arg1 : [q, k])
// CHECK-NEXT:    ^bb0(%{{.*}}: f32, %{{.*}}: f32):
// CHECK:       -> (tensor<4x2xbf16>, tensor<4xf32>)
func.func @attention(%q: tensor<4x2xf32> {colossal.role = #colossal.role<batch>, colossal.name = "q"},
                     %m: tensor<4x4xf32> {colossal.role = #colossal.role<batch>, colossal.name = "m"}) -> tensor<4x2xf32> {
  %o, %l = colossal.attention "sdpa.0" scale 0.5 [q = 4, k = 4, d = 2, e = 2] (%q : [q, d], %q : [k, d], %q : [k, e], %m : [q, k]) -> ([q, e], [q]) {
  ^bb0(%s: f32, %a: f32):
    %0 = arith.addf %s, %a : f32
    colossal.yield %0 : f32
  } : (tensor<4x2xf32>, tensor<4x2xf32>, tensor<4x2xf32>, tensor<4x4xf32>) -> (tensor<4x2xf32>, tensor<4xf32>)
  return %o : tensor<4x2xf32>
}
