// RUN: colossal-opt --colossal-normalize -split-input-file -verify-diagnostics %s | FileCheck %s

// Groups are the major part of the channels of all three tensors; a bias is an op of its own, which fuses.
// CHECK-LABEL: func.func @forward
func.func @forward(
    %w: tensor<6x2x3x3xf32> {colossal.role = #colossal.role<parameter>, colossal.name = "conv.weight"},
    %b: tensor<6xf32> {colossal.role = #colossal.role<parameter>, colossal.name = "conv.bias"},
    %x: tensor<8x4x9x9xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x", colossal.batch_dim = 0 : i64}) -> !colossal.any {
  %2 = colossal.aten_constant 2 : i64 -> !colossal.any
  %1 = colossal.aten_constant 1 : i64 -> !colossal.any
  %stride = colossal.aten "prim::ListConstruct"(%2, %1) name "stride" : (!colossal.any, !colossal.any) -> !colossal.any
  %ones = colossal.aten "prim::ListConstruct"(%1, %1) name "ones" : (!colossal.any, !colossal.any) -> !colossal.any
  // CHECK: %[[Y:.*]] = colossal.convolution "conv" stride array<i64: 2, 1> padding array<i64: 1, 1> dilation array<i64: 1, 1>
  // CHECK-SAME: [b = 8, g = 2, o = 3, c = 2 : sum, x0 = 9 : sum, k0 = 3 : sum, y0 = 5, x1 = 9 : sum, k1 = 3 : sum, y1 = 9]
  // CHECK-SAME: (%{{.*}} : [b, (g, c), x0, x1], %{{.*}} : [(g, o), c, k0, k1]) -> ([b, (g, o), y0, y1])
  // CHECK: colossal.generic "conv.bias" [b = 8, g = 2, o = 3, y0 = 5, y1 = 9] (%[[Y]] : [b, (g, o), y0, y1], %{{.*}} : [(g, o)])
  %y = colossal.aten "aten::conv2d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[2] stride=[1, 1], SymInt[2] padding=[0, 0], SymInt[2] dilation=[1, 1], SymInt groups=1) -> Tensor"(%x, %w, %b, %stride, %ones, %ones, %2)
      name "conv" : (tensor<8x4x9x9xf32>, tensor<6x2x3x3xf32>, tensor<6xf32>, !colossal.any, !colossal.any, !colossal.any, !colossal.any) -> !colossal.any
  return %y : !colossal.any
}

// -----

// A transposed convolution is the derivative by x: its input is what a convolution's result would be.
// CHECK-LABEL: func.func @forward
func.func @forward(
    %w: tensor<4x3x3xf32> {colossal.role = #colossal.role<parameter>, colossal.name = "w"},
    %x: tensor<8x4x5xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x", colossal.batch_dim = 0 : i64}) -> !colossal.any {
  %none = colossal.aten_constant unit -> !colossal.any
  %2 = colossal.aten_constant 2 : i64 -> !colossal.any
  %1 = colossal.aten_constant 1 : i64 -> !colossal.any
  // CHECK: colossal.convolution_backward_data "up" stride array<i64: 2> padding array<i64: 1> dilation array<i64: 1>
  // CHECK-SAME: [b = 8, o = 4 : sum, c = 3, x0 = 10, k0 = 3 : sum, y0 = 5 : sum]
  // CHECK-SAME: (%{{.*}} : [b, o, y0], %{{.*}} : [o, c, k0]) -> ([b, c, x0])
  %y = colossal.aten "aten::conv_transpose1d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[1] stride=[1], SymInt[1] padding=[0], SymInt[1] output_padding=[0], SymInt groups=1, SymInt[1] dilation=[1]) -> Tensor"(%x, %w, %none, %2, %1, %1, %1, %1)
      name "up" : (tensor<8x4x5xf32>, tensor<4x3x3xf32>, !colossal.any, !colossal.any, !colossal.any, !colossal.any, !colossal.any, !colossal.any) -> !colossal.any
  return %y : !colossal.any
}

// -----

func.func @forward(
    %w: tensor<6x3x3xf32> {colossal.role = #colossal.role<parameter>, colossal.name = "w"},
    %x: tensor<8x4x9xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x", colossal.batch_dim = 0 : i64}) -> !colossal.any {
  %none = colossal.aten_constant unit -> !colossal.any
  %1 = colossal.aten_constant 1 : i64 -> !colossal.any
  // expected-error @below {{found an input of [8, 4, 9], expected 3 channels as the weights have}}
  %y = colossal.aten "aten::conv1d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[1] stride=[1], SymInt[1] padding=[0], SymInt[1] dilation=[1], SymInt groups=1) -> Tensor"(%x, %w, %none, %1, %1, %1, %1)
      name "conv" : (tensor<8x4x9xf32>, tensor<6x3x3xf32>, !colossal.any, !colossal.any, !colossal.any, !colossal.any, !colossal.any) -> !colossal.any
  return %y : !colossal.any
}

// -----

func.func @forward(
    %w: tensor<6x4x3xf32> {colossal.role = #colossal.role<parameter>, colossal.name = "w"},
    %x: tensor<8x4x2xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x", colossal.batch_dim = 0 : i64}) -> !colossal.any {
  %none = colossal.aten_constant unit -> !colossal.any
  %0 = colossal.aten_constant 0 : i64 -> !colossal.any
  %1 = colossal.aten_constant 1 : i64 -> !colossal.any
  // expected-error @below {{dimension 0 of 2 positions is too small for 3 taps, padding 0 and dilation 1}}
  %y = colossal.aten "aten::conv1d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[1] stride=[1], SymInt[1] padding=[0], SymInt[1] dilation=[1], SymInt groups=1) -> Tensor"(%x, %w, %none, %1, %0, %1, %1)
      name "conv" : (tensor<8x4x2xf32>, tensor<6x4x3xf32>, !colossal.any, !colossal.any, !colossal.any, !colossal.any, !colossal.any) -> !colossal.any
  return %y : !colossal.any
}
