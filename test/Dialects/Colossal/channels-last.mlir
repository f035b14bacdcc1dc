// Which values get their channels last, and where elements are moved.
// RUN: colossal-opt -split-input-file --colossal-channels-last %s | FileCheck %s

// A chain: the elementwise op, the pool and the residual have the layout of the convolutions. Elements are moved
// once before and once after; what is read per channel is not moved.
// CHECK-LABEL: func.func @chain
// CHECK-SAME: (%[[X:.*]]: tensor<2x3x8x8xf32>, %[[W:.*]]: tensor<16x3x3x3xf32>, %[[V:.*]]: tensor<16x16x3x3xf32>, %[[B:.*]]: tensor<16xf32>)
// CHECK: %[[IN:.*]] = colossal.generic "a.channels_last" {{.*}} (%[[X]] : [d0, d1, d2, d3]) -> ([d0, d2, d3, d1]) {
// CHECK: %[[A:.*]] = colossal.convolution "a"
// CHECK-SAME: (%[[IN]] : [n, i, j, c], %[[W]] : [o, c, k, l]) -> ([n, y, z, o]) attributes {channels_last}
// CHECK: %[[R:.*]] = colossal.generic "relu" {{.*}} (%[[A]] : [n, y, z, o], %[[B]] : [o]) -> ([n, y, z, o]) {
// CHECK: %[[P:.*]] = colossal.max_pool "pool" {{.*}} (%[[R]] : [n, i, j, o]) -> ([n, y, z, o])
// CHECK: %[[C:.*]] = colossal.convolution "b"
// CHECK-SAME: (%[[P]] : [n, i, j, c], %[[V]] : [o, c, k, l]) -> ([n, y, z, o]) attributes {channels_last}
// CHECK: %[[S:.*]] = colossal.generic "add" {{.*}} (%[[P]] : [n, y, z, o], %[[C]] : [n, y, z, o]) -> ([n, y, z, o]) {
// CHECK: %[[OUT:.*]] = colossal.generic "add.channels_first" {{.*}} (%[[S]] : [d0, d1, d2, d3]) -> ([d0, d3, d1, d2]) {
// CHECK: return %[[OUT]]
func.func @chain(%x: tensor<2x3x8x8xf32>, %w: tensor<16x3x3x3xf32>, %v: tensor<16x16x3x3xf32>, %b: tensor<16xf32>) -> tensor<2x16x4x4xf32> {
  %a = colossal.convolution "a" stride array<i64: 1, 1> padding array<i64: 1, 1> dilation array<i64: 1, 1>
    [n = 2, o = 16, c = 3 : sum, i = 8 : sum, j = 8 : sum, k = 3 : sum, l = 3 : sum, y = 8, z = 8]
    (%x : [n, c, i, j], %w : [o, c, k, l]) -> ([n, o, y, z]) : (tensor<2x3x8x8xf32>, tensor<16x3x3x3xf32>) -> tensor<2x16x8x8xf32>
  %r = colossal.generic "relu" [n = 2, o = 16, y = 8, z = 8] (%a : [n, o, y, z], %b : [o]) -> ([n, o, y, z]) {
  ^bb0(%0: f32, %1: f32):
    %2 = arith.addf %0, %1 : f32
    %3 = arith.constant 0.0 : f32
    %4 = arith.maximumf %2, %3 : f32
    colossal.yield %4 : f32
  } : (tensor<2x16x8x8xf32>, tensor<16xf32>) -> tensor<2x16x8x8xf32>
  %p = colossal.max_pool "pool" [n = 2, o = 16, i = 8 : max, j = 8 : max, y = 4, z = 4] (%r : [n, o, i, j]) -> ([n, o, y, z])
    attributes {input = array<i64: 8, 8>, output = array<i64: 4, 4>, kernel = array<i64: 2, 2>, stride = array<i64: 2, 2>,
                padding = array<i64: 0, 0>, dilation = array<i64: 1, 1>} : (tensor<2x16x8x8xf32>) -> tensor<2x16x4x4xf32>
  %c = colossal.convolution "b" stride array<i64: 1, 1> padding array<i64: 1, 1> dilation array<i64: 1, 1>
    [n = 2, o = 16, c = 16 : sum, i = 4 : sum, j = 4 : sum, k = 3 : sum, l = 3 : sum, y = 4, z = 4]
    (%p : [n, c, i, j], %v : [o, c, k, l]) -> ([n, o, y, z]) : (tensor<2x16x4x4xf32>, tensor<16x16x3x3xf32>) -> tensor<2x16x4x4xf32>
  %s = colossal.generic "add" [n = 2, o = 16, y = 4, z = 4] (%p : [n, o, y, z], %c : [n, o, y, z]) -> ([n, o, y, z]) {
  ^bb0(%0: f32, %1: f32):
    %2 = arith.addf %0, %1 : f32
    colossal.yield %2 : f32
  } : (tensor<2x16x4x4xf32>, tensor<2x16x4x4xf32>) -> tensor<2x16x4x4xf32>
  return %s : tensor<2x16x4x4xf32>
}

// -----

// Reductions and views read any layout: the order of the dimensions in their maps changes. A contraction reads
// what it did before.
// CHECK-LABEL: func.func @readers
// CHECK: %[[A:.*]] = colossal.convolution "a"
// CHECK: %[[FIRST:.*]] = colossal.generic "a.channels_first" {{.*}} (%[[A]] : [d0, d1, d2]) -> ([d0, d2, d1]) {
// CHECK: colossal.generic "mean" {{.*}} (%[[A]] : [n, y, o]) -> ([o]) {
// CHECK: colossal.generic "flat" {{.*}} (%[[A]] : [n, y, o]) -> ([n, (o, y)]) {
// CHECK: colossal.generic "product" {{.*}} (%[[FIRST]] : [n, o, y], %{{.*}} : [m, (o, y)]) -> ([n, m]) {
func.func @readers(%x: tensor<2x3x8xf32>, %w: tensor<16x3x1xf32>, %v: tensor<5x128xf32>) -> (tensor<16xf32>, tensor<2x128xf32>, tensor<2x5xf32>) {
  %a = colossal.convolution "a" stride array<i64: 1> padding array<i64: 0> dilation array<i64: 1>
    [n = 2, o = 16, c = 3 : sum, i = 8 : sum, y = 8]
    (%x : [n, c, i], %w : [o, c, 0 of 1]) -> ([n, o, y]) : (tensor<2x3x8xf32>, tensor<16x3x1xf32>) -> tensor<2x16x8xf32>
  %m = colossal.generic "mean" [n = 2 : sum, o = 16, y = 8 : sum] (%a : [n, o, y]) -> ([o]) {
  ^bb0(%0: f32):
    colossal.yield %0 : f32
  } : (tensor<2x16x8xf32>) -> tensor<16xf32>
  %f = colossal.generic "flat" [n = 2, o = 16, y = 8] (%a : [n, o, y]) -> ([n, (o, y)]) {
  ^bb0(%0: f32):
    colossal.yield %0 : f32
  } : (tensor<2x16x8xf32>) -> tensor<2x128xf32>
  %p = colossal.generic "product" [n = 2, m = 5, o = 16 : sum, y = 8 : sum] (%a : [n, o, y], %v : [m, (o, y)]) -> ([n, m]) {
  ^bb0(%0: f32, %1: f32):
    %2 = arith.mulf %0, %1 : f32
    colossal.yield %2 : f32
  } : (tensor<2x16x8xf32>, tensor<5x128xf32>) -> tensor<2x5xf32>
  return %m, %f, %p : tensor<16xf32>, tensor<2x128xf32>, tensor<2x5xf32>
}

// -----

// Two groups of three channels: the library has nothing for them, the chain stays as it is.
// CHECK-LABEL: func.func @groups
// CHECK-NOT: channels_last
// CHECK: return
func.func @groups(%x: tensor<2x16x8xf32>, %w: tensor<6x16x1xf32>, %v: tensor<6x3x1xf32>) -> tensor<2x6x8xf32> {
  %a = colossal.convolution "a" stride array<i64: 1> padding array<i64: 0> dilation array<i64: 1>
    [n = 2, o = 6, c = 16 : sum, i = 8 : sum, y = 8]
    (%x : [n, c, i], %w : [o, c, 0 of 1]) -> ([n, o, y]) : (tensor<2x16x8xf32>, tensor<6x16x1xf32>) -> tensor<2x6x8xf32>
  %b = colossal.convolution "b" stride array<i64: 1> padding array<i64: 0> dilation array<i64: 1>
    [n = 2, g = 2, o = 3, c = 3 : sum, i = 8 : sum, y = 8]
    (%a : [n, (g, c), i], %v : [(g, o), c, 0 of 1]) -> ([n, (g, o), y]) : (tensor<2x6x8xf32>, tensor<6x3x1xf32>) -> tensor<2x6x8xf32>
  return %b : tensor<2x6x8xf32>
}

// -----

// A pool alone has no wish.
// CHECK-LABEL: func.func @pool
// CHECK: colossal.average_pool "pool" {{.*}} (%{{.*}} : [n, c, i]) -> ([n, c, y])
func.func @pool(%x: tensor<2x32x8xf32>) -> tensor<2x32x4xf32> {
  %p = colossal.average_pool "pool" [n = 2, c = 32, i = 8 : sum, y = 4] (%x : [n, c, i]) -> ([n, c, y])
    attributes {input = array<i64: 8>, output = array<i64: 4>, kernel = array<i64: 2>, stride = array<i64: 2>,
                padding = array<i64: 0>, dilation = array<i64: 1>} : (tensor<2x32x8xf32>) -> tensor<2x32x4xf32>
  return %p : tensor<2x32x4xf32>
}

// -----

// Large patches of images: only the forward pass would be faster.
// CHECK-LABEL: func.func @patches
// CHECK-NOT: channels_last
// CHECK: return
func.func @patches(%x: tensor<2x3x32x32xf32>, %w: tensor<64x3x16x16xf32>) -> tensor<2x64x2x2xf32> {
  %a = colossal.convolution "a" stride array<i64: 16, 16> padding array<i64: 0, 0> dilation array<i64: 1, 1>
    [n = 2, o = 64, c = 3 : sum, i = 32 : sum, j = 32 : sum, k = 16 : sum, l = 16 : sum, y = 2, z = 2]
    (%x : [n, c, i, j], %w : [o, c, k, l]) -> ([n, o, y, z]) : (tensor<2x3x32x32xf32>, tensor<64x3x16x16xf32>) -> tensor<2x64x2x2xf32>
  return %a : tensor<2x64x2x2xf32>
}
