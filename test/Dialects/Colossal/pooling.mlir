// Pools: text form, and the constraints P (Pooling.td), one case each.
// RUN: colossal-opt -split-input-file -verify-diagnostics %s | FileCheck %s

// Windows of 2 without overlap, and an adaptive average of what is left: windows [0, 2) and [1, 3).
// CHECK-LABEL: func.func @windows
// CHECK: colossal.max_pool "m" [b = 2, x = 6 : max, y = 3] (%{{.*}} : [b, x]) -> ([b, y])
// CHECK: colossal.average_pool "a" [b = 2, x = 3 : sum, y = 2]
func.func @windows(%x: tensor<2x6xf32>) -> tensor<2x2xf32> {
  %m = colossal.max_pool "m" [b = 2, x = 6 : max, y = 3] (%x : [b, x]) -> ([b, y]) attributes {dilation = array<i64: 1>, input = array<i64: 6>, kernel = array<i64: 2>, output = array<i64: 3>, padding = array<i64: 0>, stride = array<i64: 2>} : (tensor<2x6xf32>) -> tensor<2x3xf32>
  %a = colossal.average_pool "a" [b = 2, x = 3 : sum, y = 2] (%m : [b, x]) -> ([b, y]) attributes {dilation = array<i64>, input = array<i64: 3>, kernel = array<i64>, output = array<i64: 2>, padding = array<i64>, stride = array<i64>} : (tensor<2x3xf32>) -> tensor<2x2xf32>
  return %a : tensor<2x2xf32>
}

// -----

// Factors of 1 are welcome where a size is 1, and anywhere else.
// CHECK-LABEL: func.func @units
// CHECK: colossal.max_pool "m" [b = 1, w = 1 : max, x = 4 : max, z = 1 : max, v = 1, y = 2] (%{{.*}} : [b, w, x, z]) -> ([b, v, y])
func.func @units(%x: tensor<1x1x4x1xf32>) -> tensor<1x1x2xf32> {
  %m = colossal.max_pool "m" [b = 1, w = 1 : max, x = 4 : max, z = 1 : max, v = 1, y = 2] (%x : [b, w, x, z]) -> ([b, v, y]) attributes {dilation = array<i64: 1, 1, 1>, input = array<i64: 1, 4, 1>, kernel = array<i64: 1, 2, 1>, output = array<i64: 1, 2, 1>, padding = array<i64: 0, 0, 0>, stride = array<i64: 1, 2, 1>} : (tensor<1x1x4x1xf32>) -> tensor<1x1x2xf32>
  return %m : tensor<1x1x2xf32>
}

// -----

func.func @f(%x: tensor<2x4xf32>) -> tensor<2x2xf32> {
  // expected-error @below {{P1: found 2 operands and 1 results, expected 1 and 1}}
  %y = colossal.max_pool "p" [b = 2, x = 4 : max, y = 2] (%x : [b, x], %x : [b, x]) -> ([b, y]) attributes {dilation = array<i64: 1>, input = array<i64: 4>, kernel = array<i64: 2>, output = array<i64: 2>, padding = array<i64: 0>, stride = array<i64: 2>} : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x2xf32>
  return %y : tensor<2x2xf32>
}

// -----

func.func @f(%x: tensor<2x4xf32>) -> tensor<2x2xf64> {
  // expected-error @below {{P2: found elements of types}}
  %y = colossal.max_pool "p" [b = 2, x = 4 : max, y = 2] (%x : [b, x]) -> ([b, y]) attributes {dilation = array<i64: 1>, input = array<i64: 4>, kernel = array<i64: 2>, output = array<i64: 2>, padding = array<i64: 0>, stride = array<i64: 2>} : (tensor<2x4xf32>) -> tensor<2x2xf64>
  return %y : tensor<2x2xf64>
}

// -----

func.func @f(%x: tensor<2x4xf32>) -> tensor<2x2xf32> {
  // expected-error @below {{P3: found 1 input and 1 output sizes, 1 of a kernel, 2 strides}}
  %y = colossal.max_pool "p" [b = 2, x = 4 : max, y = 2] (%x : [b, x]) -> ([b, y]) attributes {dilation = array<i64: 1>, input = array<i64: 4>, kernel = array<i64: 2>, output = array<i64: 2>, padding = array<i64: 0>, stride = array<i64: 2, 2>} : (tensor<2x4xf32>) -> tensor<2x2xf32>
  return %y : tensor<2x2xf32>
}

// -----

func.func @f(%x: tensor<2x4xf32>) -> tensor<2x2xf32> {
  // expected-error @below {{P4: spatial dimension 0 has a size that is too small or too large, or a padding of more than half}}
  %y = colossal.max_pool "p" [b = 2, x = 4 : max, y = 2] (%x : [b, x]) -> ([b, y]) attributes {dilation = array<i64: 1>, input = array<i64: 4>, kernel = array<i64: 2>, output = array<i64: 2>, padding = array<i64: 2>, stride = array<i64: 2>} : (tensor<2x4xf32>) -> tensor<2x2xf32>
  return %y : tensor<2x2xf32>
}

// -----

func.func @f(%x: tensor<2x4xf32>) -> tensor<2x2xf32> {
  // expected-error @below {{P4: spatial dimension 0 has a size that is too small}}
  %y = colossal.max_pool "p" [b = 2, x = 4 : max, y = 2] (%x : [b, x]) -> ([b, y]) attributes {dilation = array<i64: 1>, input = array<i64: 4>, kernel = array<i64: 2>, output = array<i64: 2>, padding = array<i64: 0>, stride = array<i64: 0>} : (tensor<2x4xf32>) -> tensor<2x2xf32>
  return %y : tensor<2x2xf32>
}

// -----

func.func @f(%x: tensor<2x4xf32>) -> tensor<2x2xf32> {
  // expected-error @below {{P5: the last of 2 windows over spatial dimension 0 begins beyond its 4 elements}}
  %y = colossal.max_pool "p" [b = 2, x = 4 : max, y = 2] (%x : [b, x]) -> ([b, y]) attributes {dilation = array<i64: 1>, input = array<i64: 4>, kernel = array<i64: 2>, output = array<i64: 2>, padding = array<i64: 0>, stride = array<i64: 4>} : (tensor<2x4xf32>) -> tensor<2x2xf32>
  return %y : tensor<2x2xf32>
}

// -----

func.func @f(%x: tensor<2x4xf32>) -> tensor<2x2xf32> {
  // expected-error @below {{P6: the input factors do not multiply to the input sizes}}
  %y = colossal.max_pool "p" [b = 2, x = 4 : max, y = 2] (%x : [b, x]) -> ([b, y]) attributes {dilation = array<i64: 1>, input = array<i64: 5>, kernel = array<i64: 2>, output = array<i64: 2>, padding = array<i64: 0>, stride = array<i64: 2>} : (tensor<2x4xf32>) -> tensor<2x2xf32>
  return %y : tensor<2x2xf32>
}

// -----

func.func @f(%x: tensor<2x4xf32>) -> tensor<2x2xf32> {
  // expected-error @below {{P6: factor 'x' is cut, shifted, of the wrong kind}}
  %y = colossal.max_pool "p" [b = 2, x = 4, y = 2] (%x : [b, x]) -> ([b, y]) attributes {dilation = array<i64: 1>, input = array<i64: 4>, kernel = array<i64: 2>, output = array<i64: 2>, padding = array<i64: 0>, stride = array<i64: 2>} : (tensor<2x4xf32>) -> tensor<2x2xf32>
  return %y : tensor<2x2xf32>
}

// -----

func.func @f(%x: tensor<2x4xf32>) -> tensor<2x2xf32> {
  // expected-error @below {{P7: found the divisor -1, expected at least 1, or 0}}
  %y = colossal.average_pool "p" [b = 2, x = 4 : sum, y = 2] (%x : [b, x]) -> ([b, y]) attributes {divisor = -1 : i64, dilation = array<i64: 1>, input = array<i64: 4>, kernel = array<i64: 2>, output = array<i64: 2>, padding = array<i64: 0>, stride = array<i64: 2>} : (tensor<2x4xf32>) -> tensor<2x2xf32>
  return %y : tensor<2x2xf32>
}
