// Convolution and its derivatives: text form, work of passes, constraints.
// RUN: colossal-opt -split-input-file -verify-diagnostics %s | FileCheck %s
// RUN: colossal-opt -split-input-file -verify-diagnostics --colossal-fuse-elementwise --colossal-refine-factors %s | FileCheck %s --check-prefix=PASSES

// CHECK-LABEL: func.func @forward
// CHECK: colossal.convolution "c" stride array<i64: 2> padding array<i64: 1> dilation array<i64: 1> [n = 2, o = 3, c = 4 : sum, x = 5 : sum, k = 3 : sum, y = 3] (%{{.*}} : [n, c, x], %{{.*}} : [o, c, k]) -> ([n, o, y]) : (tensor<2x4x5xf32>, tensor<3x4x3xf32>) -> tensor<2x3x3xf32>
func.func @forward(%x: tensor<2x4x5xf32>, %w: tensor<3x4x3xf32>) -> tensor<2x3x3xf32> {
  %y = colossal.convolution "c" stride array<i64: 2> padding array<i64: 1> dilation array<i64: 1>
    [n = 2, o = 3, c = 4 : sum, x = 5 : sum, k = 3 : sum, y = 3]
    (%x : [n, c, x], %w : [o, c, k]) -> ([n, o, y]) : (tensor<2x4x5xf32>, tensor<3x4x3xf32>) -> tensor<2x3x3xf32>
  return %y : tensor<2x3x3xf32>
}

// -----

// Two groups, two dimensions. A body in the text is the same as none.
// CHECK-LABEL: func.func @backward
// CHECK: colossal.convolution_backward_data
// CHECK-SAME: -> ([n, (g, c), x0, x1]) : (
// CHECK: colossal.convolution_backward_weights
// CHECK-SAME: -> ([(g, o), c, k0, k1]) : (
func.func @backward(%x: tensor<2x4x5x5xf32>, %w: tensor<6x2x3x3xf32>, %dy: tensor<2x6x3x3xf32>) -> (tensor<2x4x5x5xf32>, tensor<6x2x3x3xf32>) {
  %dx = colossal.convolution_backward_data "dx" stride array<i64: 1, 1> padding array<i64: 0, 0> dilation array<i64: 1, 1>
    [n = 2, g = 2, o = 3 : sum, c = 2, x0 = 5, x1 = 5, k0 = 3 : sum, k1 = 3 : sum, y0 = 3 : sum, y1 = 3 : sum]
    (%dy : [n, (g, o), y0, y1], %w : [(g, o), c, k0, k1]) -> ([n, (g, c), x0, x1])
    {
      colossal.yield
    } : (tensor<2x6x3x3xf32>, tensor<6x2x3x3xf32>) -> tensor<2x4x5x5xf32>
  %dw = colossal.convolution_backward_weights "dw" stride array<i64: 1, 1> padding array<i64: 0, 0> dilation array<i64: 1, 1>
    [n = 2 : sum, g = 2, o = 3, c = 2, x0 = 5 : sum, x1 = 5 : sum, k0 = 3, k1 = 3, y0 = 3 : sum, y1 = 3 : sum]
    (%x : [n, (g, c), x0, x1], %dy : [n, (g, o), y0, y1]) -> ([(g, o), c, k0, k1])
    : (tensor<2x4x5x5xf32>, tensor<2x6x3x3xf32>) -> tensor<6x2x3x3xf32>
  return %dx, %dw : tensor<2x4x5x5xf32>, tensor<6x2x3x3xf32>
}

// -----

// Channels last, said by an attribute: where sizes are 1, the maps do not tell. Weights keep their order.
// CHECK-LABEL: func.func @channels_last
// CHECK: colossal.convolution "c"
// CHECK-SAME: (%{{.*}} : [n, x, 0 of 1, (g, c)], %{{.*}} : [(g, o), c, k, 0 of 1]) -> ([n, y, 0 of 1, (g, o)]) attributes {channels_last} :
func.func @channels_last(%x: tensor<2x5x1x4xf32>, %w: tensor<6x2x3x1xf32>) -> tensor<2x3x1x6xf32> {
  %y = colossal.convolution "c" stride array<i64: 2, 1> padding array<i64: 1, 0> dilation array<i64: 1, 1>
    [n = 2, g = 2, o = 3, c = 2 : sum, x = 5 : sum, k = 3 : sum, y = 3]
    (%x : [n, x, 0 of 1, (g, c)], %w : [(g, o), c, k, 0 of 1]) -> ([n, y, 0 of 1, (g, o)]) attributes {channels_last}
    : (tensor<2x5x1x4xf32>, tensor<6x2x3x1xf32>) -> tensor<2x3x1x6xf32>
  return %y : tensor<2x3x1x6xf32>
}

// -----

// Movement before and after stays; only factors are split.
// PASSES-LABEL: func.func @movement
// PASSES: %[[IN:.*]] = colossal.generic "in"
// PASSES: %[[C:.*]] = colossal.convolution "c"
// PASSES-SAME: c.0 = 2 : sum, c.1 = 2 : sum
// PASSES-SAME: (%[[IN]] : [n, (c.0, c.1), x], %{{.*}} : [o, (c.0, c.1), k]) -> ([n, o, y])
// PASSES: colossal.generic "out"
// PASSES-SAME: (%[[C]] : [n, o, y])
func.func @movement(%x: tensor<2x5x2x2xf32>, %w: tensor<3x4x3xf32>) -> tensor<2x3x3xf32> {
  %in = colossal.generic "in" [n = 2, x = 5, a = 2, b = 2] (%x : [n, x, a, b]) -> ([n, (a, b), x]) {
  ^bb0(%0: f32):
    colossal.yield %0 : f32
  } : (tensor<2x5x2x2xf32>) -> tensor<2x4x5xf32>
  %y = colossal.convolution "c" stride array<i64: 2> padding array<i64: 1> dilation array<i64: 1>
    [n = 2, o = 3, c = 4 : sum, x = 5 : sum, k = 3 : sum, y = 3]
    (%in : [n, c, x], %w : [o, c, k]) -> ([n, o, y]) : (tensor<2x4x5xf32>, tensor<3x4x3xf32>) -> tensor<2x3x3xf32>
  %out = colossal.generic "out" [n = 2, o = 3, y = 3] (%y : [n, o, y]) -> ([n, y, o]) {
  ^bb0(%0: f32):
    colossal.yield %0 : f32
  } : (tensor<2x3x3xf32>) -> tensor<2x3x3xf32>
  return %out : tensor<2x3x3xf32>
}

// -----

func.func @types(%x: tensor<2x4x5xf32>, %w: tensor<3x4x3xf64>) -> tensor<2x3x3xf32> {
  // expected-error @below {{V1: found 'tensor<3x4x3xf64>' and result 'tensor<2x3x3xf32>', expected floats of one type and 3 to 5 dimensions}}
  %y = colossal.convolution "c" stride array<i64: 2> padding array<i64: 1> dilation array<i64: 1>
    [n = 2, o = 3, c = 4 : sum, x = 5 : sum, k = 3 : sum, y = 3]
    (%x : [n, c, x], %w : [o, c, k]) -> ([n, o, y]) : (tensor<2x4x5xf32>, tensor<3x4x3xf64>) -> tensor<2x3x3xf32>
  return %y : tensor<2x3x3xf32>
}

// -----

func.func @rank(%x: tensor<2x4xf32>, %w: tensor<3x4xf32>) -> tensor<2x3xf32> {
  // expected-error @below {{V1: found 'tensor<2x4xf32>'}}
  %y = colossal.convolution "c" stride array<i64> padding array<i64> dilation array<i64>
    [n = 2, o = 3, c = 4 : sum]
    (%x : [n, c], %w : [o, c]) -> ([n, o]) : (tensor<2x4xf32>, tensor<3x4xf32>) -> tensor<2x3xf32>
  return %y : tensor<2x3xf32>
}

// -----

func.func @dimensions(%x: tensor<2x4x5xf32>, %w: tensor<3x4x3xf32>) -> tensor<2x3x3xf32> {
  // expected-error @below {{V2: found padding [1, 1], expected 1 numbers from 0 to 1048576}}
  %y = colossal.convolution "c" stride array<i64: 2> padding array<i64: 1, 1> dilation array<i64: 1>
    [n = 2, o = 3, c = 4 : sum, x = 5 : sum, k = 3 : sum, y = 3]
    (%x : [n, c, x], %w : [o, c, k]) -> ([n, o, y]) : (tensor<2x4x5xf32>, tensor<3x4x3xf32>) -> tensor<2x3x3xf32>
  return %y : tensor<2x3x3xf32>
}

// -----

func.func @stride(%x: tensor<2x4x5xf32>, %w: tensor<3x4x3xf32>) -> tensor<2x3x3xf32> {
  // expected-error @below {{V2: found stride [0], expected 1 numbers from 1 to 1048576}}
  %y = colossal.convolution "c" stride array<i64: 0> padding array<i64: 1> dilation array<i64: 1>
    [n = 2, o = 3, c = 4 : sum, x = 5 : sum, k = 3 : sum, y = 3]
    (%x : [n, c, x], %w : [o, c, k]) -> ([n, o, y]) : (tensor<2x4x5xf32>, tensor<3x4x3xf32>) -> tensor<2x3x3xf32>
  return %y : tensor<2x3x3xf32>
}

// -----

func.func @clipped(%x: tensor<2x4x5xf32>, %w: tensor<3x4x3xf32>) -> tensor<2x3x3xf32> {
  // expected-error @below {{V3: found}}
  %y = colossal.convolution "c" stride array<i64: 2> padding array<i64: 1> dilation array<i64: 1>
    [n = 2, o = 3, c = 4 : sum, x = 4 : sum, k = 3 : sum, y = 3]
    (%x : [n, c, x + 1 of 5], %w : [o, c, k]) -> ([n, o, y]) : (tensor<2x4x5xf32>, tensor<3x4x3xf32>) -> tensor<2x3x3xf32>
  return %y : tensor<2x3x3xf32>
}

// -----

func.func @twice(%x: tensor<4x4x5xf32>, %w: tensor<3x4x3xf32>) -> tensor<4x3x3xf32> {
  // expected-error @below {{V3: found}}
  %y = colossal.convolution "c" stride array<i64: 2> padding array<i64: 1> dilation array<i64: 1>
    [n = 4, o = 3, x = 5 : sum, k = 3 : sum, y = 3]
    (%x : [n, n, x], %w : [o, n, k]) -> ([n, o, y]) : (tensor<4x4x5xf32>, tensor<3x4x3xf32>) -> tensor<4x3x3xf32>
  return %y : tensor<4x3x3xf32>
}

// -----

func.func @permuted(%x: tensor<2x5x4xf32>, %w: tensor<3x4x3xf32>) -> tensor<2x3x3xf32> {
  // expected-error @below {{V4: found x by}}
  %y = colossal.convolution "c" stride array<i64: 2> padding array<i64: 1> dilation array<i64: 1>
    [n = 2, o = 3, c = 4 : sum, x = 5 : sum, k = 3 : sum, y = 3]
    (%x : [n, x, c], %w : [o, c, k]) -> ([n, o, y]) : (tensor<2x5x4xf32>, tensor<3x4x3xf32>) -> tensor<2x3x3xf32>
  return %y : tensor<2x3x3xf32>
}

// -----

// Both images have one layout.
func.func @half_permuted(%x: tensor<2x5x4xf32>, %w: tensor<3x4x3xf32>) -> tensor<2x3x3xf32> {
  // expected-error @below {{expected [n, positions..., (g, o)], each role's factors in order}}
  %y = colossal.convolution "c" stride array<i64: 2> padding array<i64: 1> dilation array<i64: 1>
    [n = 2, o = 3, c = 4 : sum, x = 5 : sum, k = 3 : sum, y = 3]
    (%x : [n, x, c], %w : [o, c, k]) -> ([n, o, y]) attributes {channels_last} : (tensor<2x5x4xf32>, tensor<3x4x3xf32>) -> tensor<2x3x3xf32>
  return %y : tensor<2x3x3xf32>
}

// -----

func.func @minor_groups(%x: tensor<2x4x5xf32>, %w: tensor<6x2x3xf32>) -> tensor<2x6x3xf32> {
  // expected-error @below {{V4: found y by}}
  %y = colossal.convolution "c" stride array<i64: 2> padding array<i64: 1> dilation array<i64: 1>
    [n = 2, g = 2, o = 3, c = 2 : sum, x = 5 : sum, k = 3 : sum, y = 3]
    (%x : [n, (g, c), x], %w : [(g, o), c, k]) -> ([n, (o, g), y]) : (tensor<2x4x5xf32>, tensor<6x2x3xf32>) -> tensor<2x6x3xf32>
  return %y : tensor<2x6x3xf32>
}

// -----

func.func @shared_position(%x: tensor<2x4x3xf32>, %w: tensor<3x4x3xf32>) -> tensor<2x3x3xf32> {
  // expected-error @below {{V4: found x by}}
  %y = colossal.convolution "c" stride array<i64: 1> padding array<i64: 1> dilation array<i64: 1>
    [n = 2, o = 3, c = 4 : sum, k = 3 : sum, y = 3]
    (%x : [n, c, y], %w : [o, c, k]) -> ([n, o, y]) : (tensor<2x4x3xf32>, tensor<3x4x3xf32>) -> tensor<2x3x3xf32>
  return %y : tensor<2x3x3xf32>
}

// -----

func.func @kind(%x: tensor<2x4x5xf32>, %w: tensor<3x4x3xf32>) -> tensor<2x3x3xf32> {
  // expected-error @below {{V5: factor 'c' is 'parallel', expected 'sum'}}
  %y = colossal.convolution "c" stride array<i64: 2> padding array<i64: 1> dilation array<i64: 1>
    [n = 2, o = 3, c = 4, x = 5 : sum, k = 3 : sum, y = 3]
    (%x : [n, c, x], %w : [o, c, k]) -> ([n, o, y]) : (tensor<2x4x5xf32>, tensor<3x4x3xf32>) -> tensor<2x3x3xf32>
  return %y : tensor<2x3x3xf32>
}

// -----

func.func @body(%x: tensor<2x4x5xf32>, %w: tensor<3x4x3xf32>) -> tensor<2x3x3xf32> {
  // expected-error @below {{V6: the body is not empty}}
  %y = colossal.convolution "c" stride array<i64: 2> padding array<i64: 1> dilation array<i64: 1>
    [n = 2, o = 3, c = 4 : sum, x = 5 : sum, k = 3 : sum, y = 3]
    (%x : [n, c, x], %w : [o, c, k]) -> ([n, o, y]) {
    ^bb0(%0: f32):
      colossal.yield %0 : f32
    } : (tensor<2x4x5xf32>, tensor<3x4x3xf32>) -> tensor<2x3x3xf32>
  return %y : tensor<2x3x3xf32>
}
