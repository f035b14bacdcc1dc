// RUN: colossal-opt --colossal-normalize -split-input-file %s | FileCheck %s

// A linear layer is a contraction and a bias. The weight is stored [out, in].
// CHECK-LABEL: func.func @forward
func.func @forward(
    %w: tensor<12x8xf32> {colossal.role = #colossal.role<parameter>, colossal.name = "fc.weight"},
    %b: tensor<12xf32> {colossal.role = #colossal.role<parameter>, colossal.name = "fc.bias"},
    %x: tensor<4x16x8xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x", colossal.batch_dim = 0 : i64}) -> !colossal.any {
  // CHECK: %[[Y:.*]] = colossal.generic "fc/linear.0" [b = 4, s = 16, n = 12, k = 8 : sum] (%{{.*}} : [b, s, k], %{{.*}} : [n, k]) -> ([b, s, n])
  // CHECK: arith.mulf
  // CHECK: colossal.generic "fc/linear.0.bias" [b = 4, s = 16, n = 12] (%[[Y]] : [b, s, n], %{{.*}} : [n]) -> ([b, s, n])
  // CHECK: arith.addf
  %y = colossal.aten "aten::linear(Tensor input, Tensor weight, Tensor? bias=None) -> Tensor"(%x, %w, %b)
      name "fc/linear.0" : (tensor<4x16x8xf32>, tensor<12x8xf32>, tensor<12xf32>) -> !colossal.any
  return %y : !colossal.any
}

// -----

// GPT-2's Conv1D: the batch and the sequence are merged, multiplied, and taken
// apart again. They stay two factors, b and s, of the merged dimension.
// CHECK-LABEL: func.func @forward
func.func @forward(
    %w: tensor<8x12xf32> {colossal.role = #colossal.role<parameter>, colossal.name = "w"},
    %b: tensor<12xf32> {colossal.role = #colossal.role<parameter>, colossal.name = "b"},
    %x: tensor<4x16x8xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x", colossal.batch_dim = 0 : i64}) -> !colossal.any {
  %m1 = colossal.aten_constant -1 : i64 -> !colossal.any
  %c1 = colossal.aten_constant 1 : i64 -> !colossal.any
  %c8 = colossal.aten_constant 8 : i64 -> !colossal.any
  %flat = colossal.aten "prim::ListConstruct"(%m1, %c8) name "ListConstruct.0" : (!colossal.any, !colossal.any) -> !colossal.any
  // CHECK: colossal.generic "view.0" [b = 4, s = 16, d2 = 8] (%{{.*}} : [b, s, d2]) -> ([(b, s), d2])
  %v = colossal.aten "aten::view(Tensor(a) self, SymInt[] size) -> Tensor(a)"(%x, %flat)
      name "view.0" : (tensor<4x16x8xf32>, !colossal.any) -> !colossal.any
  // CHECK: colossal.generic "addmm.0" [b = 4, s = 16, n = 12, k = 8 : sum] (%{{.*}} : [(b, s), k], %{{.*}} : [k, n]) -> ([(b, s), n])
  // CHECK: colossal.generic "addmm.0.bias"
  %y = colossal.aten "aten::addmm(Tensor self, Tensor mat1, Tensor mat2, *, Scalar beta=1, Scalar alpha=1) -> Tensor"(%b, %v, %w, %c1, %c1)
      name "addmm.0" : (tensor<12xf32>, !colossal.any, tensor<8x12xf32>, !colossal.any, !colossal.any) -> !colossal.any
  // Sizes are computed while normalizing: nothing of that is left.
  %c0 = colossal.aten_constant 0 : i64 -> !colossal.any
  %c12 = colossal.aten_constant 12 : i64 -> !colossal.any
  %s0 = colossal.aten "aten::size.int(Tensor self, int dim) -> int"(%x, %c0) name "size.0" : (tensor<4x16x8xf32>, !colossal.any) -> !colossal.any
  %shape = colossal.aten "prim::ListConstruct"(%s0, %m1, %c12) name "ListConstruct.1" : (!colossal.any, !colossal.any, !colossal.any) -> !colossal.any
  // CHECK: %[[Z:.*]] = colossal.generic "view.1" [b = 4, s = 16, n = 12] (%{{.*}} : [(b, s), n]) -> ([b, s, n])
  // CHECK-NOT: aten
  // CHECK: return %[[Z]] : tensor<4x16x12xf32>
  %z = colossal.aten "aten::view(Tensor(a) self, SymInt[] size) -> Tensor(a)"(%y, %shape)
      name "view.1" : (!colossal.any, !colossal.any) -> !colossal.any
  return %z : !colossal.any
}

// -----

// Batched matrices: each operand may lack batch dimensions, or have them of size 1.
// CHECK-LABEL: func.func @forward
func.func @forward(
    %x: tensor<2x1x3x4xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x"},
    %y: tensor<5x4x6xf32> {colossal.role = #colossal.role<batch>, colossal.name = "y"}) -> !colossal.any {
  // CHECK: colossal.generic "matmul.0" [d0 = 2, d0_1 = 5, d2 = 3, n = 6, k = 4 : sum] (%{{.*}} : [d0, 0 of 1, d2, k], %{{.*}} : [d0_1, k, n]) -> ([d0, d0_1, d2, n])
  %z = colossal.aten "aten::matmul(Tensor self, Tensor other) -> Tensor"(%x, %y)
      name "matmul.0" : (tensor<2x1x3x4xf32>, tensor<5x4x6xf32>) -> !colossal.any
  return %z : !colossal.any
}

// -----

// A letter of an einsum is a factor.
// CHECK-LABEL: func.func @forward
func.func @forward(
    %x: tensor<2x3x4xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x"},
    %y: tensor<2x5x4xf32> {colossal.role = #colossal.role<batch>, colossal.name = "y"}) -> !colossal.any {
  %e = colossal.aten_constant "bij,bkj->bik" -> !colossal.any
  %none = colossal.aten_constant unit -> !colossal.any
  %l = colossal.aten "prim::ListConstruct"(%x, %y) name "ListConstruct.0" : (tensor<2x3x4xf32>, tensor<2x5x4xf32>) -> !colossal.any
  // CHECK: colossal.generic "einsum.0" [b = 2, i = 3, j = 4 : sum, k = 5] (%{{.*}} : [b, i, j], %{{.*}} : [b, k, j]) -> ([b, i, k])
  %z = colossal.aten "aten::einsum(str equation, Tensor[] tensors, *, int[]? path=None) -> Tensor"(%e, %l, %none)
      name "einsum.0" : (!colossal.any, !colossal.any, !colossal.any) -> !colossal.any
  return %z : !colossal.any
}
