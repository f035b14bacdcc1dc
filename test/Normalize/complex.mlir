// RUN: colossal-opt --colossal-normalize -split-input-file -verify-diagnostics %s | FileCheck %s

// A rotation of pairs. An argument of complex numbers is one of pairs; a product reads the four parts.
// CHECK-LABEL: func.func @forward
// CHECK-SAME: %[[TURNS:.*]]: tensor<4x2xf32> {colossal.name = "turns"
func.func @forward(
    %turns: tensor<4xcomplex<f32>> {colossal.role = #colossal.role<buffer>, colossal.name = "turns"},
    %x: tensor<8x4x2xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x", colossal.batch_dim = 0 : i64}) -> !colossal.any {
  // CHECK-DAG: %[[XR:.*]] = colossal.generic "z.re" [b = 8, s = 4] (%{{.*}} : [b, s, 0 of 2]) -> ([b, s])
  // CHECK-DAG: %[[XI:.*]] = colossal.generic "z.im" [b = 8, s = 4] (%{{.*}} : [b, s, 1 of 2]) -> ([b, s])
  %z = colossal.aten "aten::view_as_complex(Tensor(a) self) -> Tensor(a)"(%x) name "z" : (tensor<8x4x2xf32>) -> !colossal.any
  // CHECK: %[[RE:.*]] = colossal.generic "turned.re" [b = 8, s = 4] (%[[XR]] : [b, s], %[[XI]] : [b, s], %{{.*}} : [s], %{{.*}} : [s]) -> ([b, s])
  // CHECK: arith.subf
  // CHECK: %[[IM:.*]] = colossal.generic "turned.im"
  // CHECK: arith.addf
  %w = colossal.aten "aten::mul.Tensor(Tensor self, Tensor other) -> Tensor"(%z, %turns) name "turned" : (!colossal.any, tensor<4xcomplex<f32>>) -> !colossal.any
  // CHECK: %[[PAIRS:.*]] = colossal.generic "pairs" [b = 8, s = 4, {{.*}} = 2] (%[[RE]] : [b, s], %[[IM]] : [b, s])
  // CHECK: return %[[PAIRS]] : tensor<8x4x2xf32>
  %y = colossal.aten "aten::view_as_real(Tensor(a) self) -> Tensor(a)"(%w) name "pairs" : (!colossal.any) -> !colossal.any
  return %y : !colossal.any
}

// -----

// What moves elements does so with each part.
// CHECK-LABEL: func.func @forward
func.func @forward(
    %x: tensor<8x4x2xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x", colossal.batch_dim = 0 : i64}) -> !colossal.any {
  %0 = colossal.aten_constant 0 : i64 -> !colossal.any
  %1 = colossal.aten_constant -1 : i64 -> !colossal.any
  %z = colossal.aten "aten::view_as_complex(Tensor(a) self) -> Tensor(a)"(%x) name "z" : (tensor<8x4x2xf32>) -> !colossal.any
  // CHECK: colossal.generic "last" [b = 8] (%{{.*}} : [b, 3 of 4]) -> ([b])
  %y = colossal.aten "aten::select.int(Tensor(a) self, int dim, SymInt index) -> Tensor(a)"(%z, %1, %1) name "last" : (!colossal.any, !colossal.any, !colossal.any) -> !colossal.any
  // CHECK: colossal.generic "length" [b = 8]
  %length = colossal.aten "aten::abs(Tensor self) -> Tensor"(%y) name "length" : (!colossal.any) -> !colossal.any
  return %length : !colossal.any
}

// -----

// Half a spectrum: products with matrices that are functions of their indices.
// CHECK-LABEL: func.func @forward
func.func @forward(
    %x: tensor<8x6xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x", colossal.batch_dim = 0 : i64}) -> !colossal.any {
  %none = colossal.aten_constant unit -> !colossal.any
  %1 = colossal.aten_constant -1 : i64 -> !colossal.any
  // CHECK: %[[COS:.*]] = colossal.generic "spectrum.cosines" [d0 = 4, d1 = 6] () -> ([d0, d1])
  // CHECK: arith.remsi
  // CHECK: math.cos
  // CHECK: arith.truncf
  // CHECK: colossal.generic "spectrum.re" [b = 8, s = 6 : sum, j = 4] (%{{.*}} : [b, s], %[[COS]] : [j, s]) -> ([b, j])
  %y = colossal.aten "aten::fft_rfft(Tensor self, SymInt? n=None, int dim=-1, str? norm=None) -> Tensor"(%x, %none, %1, %none) name "spectrum" : (tensor<8x6xf32>, !colossal.any, !colossal.any, !colossal.any) -> !colossal.any
  return %y : !colossal.any
}

// -----

func.func @forward(
    %x: tensor<8x4x2xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x", colossal.batch_dim = 0 : i64}) -> !colossal.any {
  %z = colossal.aten "aten::view_as_complex(Tensor(a) self) -> Tensor(a)"(%x) name "z" : (tensor<8x4x2xf32>) -> !colossal.any
  // expected-error@+1 {{has no form for complex numbers}}
  %y = colossal.aten "aten::relu(Tensor self) -> Tensor"(%z) name "relu" : (!colossal.any) -> !colossal.any
  return %y : !colossal.any
}
