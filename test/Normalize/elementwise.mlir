// RUN: colossal-opt --colossal-normalize -split-input-file %s | FileCheck %s

// One scalar expression per op. Python numbers become constants of the body: they do not change the type
// (weak), and one that f32 cannot hold exactly keeps its digits in f64.
// CHECK-LABEL: func.func @forward
func.func @forward(%x: tensor<4x3xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x", colossal.batch_dim = 0 : i64}) -> !colossal.any {
  %half = colossal.aten_constant dense<0.5> : tensor<f64> weak -> tensor<f64>
  %tenth = colossal.aten_constant dense<0.1> : tensor<f64> weak -> tensor<f64>
  %one = colossal.aten_constant 1 : i64 -> !colossal.any
  // CHECK: %[[A:.*]] = colossal.generic "mul.0" [b = 4, s = 3] (%{{.*}} : [b, s]) -> ([b, s])
  // CHECK: arith.constant 5.000000e-01 : f32
  // CHECK: arith.mulf
  %a = colossal.aten "aten::mul.Tensor"(%x, %half) name "mul.0" : (tensor<4x3xf32>, tensor<f64>) -> !colossal.any
  // CHECK: colossal.generic "add.0"
  // CHECK: arith.constant 1.000000e-01 : f64
  // CHECK: arith.truncf %{{.*}} : f64 to f32
  %b = colossal.aten "aten::add.Tensor"(%a, %tenth, %one) name "add.0" : (!colossal.any, tensor<f64>, !colossal.any) -> !colossal.any
  // CHECK: colossal.generic "tanh.0"
  // CHECK: math.tanh
  %c = colossal.aten "aten::tanh"(%b) name "tanh.0" : (!colossal.any) -> !colossal.any
  return %c : !colossal.any
}

// -----

// Operands broadcast: a dimension of size 1 is read at `0 of 1`. Types promote by PyTorch's rules: i64 and f32 to
// f32.
// CHECK-LABEL: func.func @forward
func.func @forward(
    %x: tensor<4x1xi64> {colossal.role = #colossal.role<batch>, colossal.name = "x", colossal.batch_dim = 0 : i64},
    %y: tensor<3xf32> {colossal.role = #colossal.role<parameter>, colossal.name = "y"}) -> !colossal.any {
  // CHECK: colossal.generic "mul.0" [b = 4, d0 = 3] (%{{.*}} : [b, 0 of 1], %{{.*}} : [d0]) -> ([b, d0])
  // CHECK: arith.sitofp %{{.*}} : i64 to f32
  // CHECK: tensor<4x3xf32>
  %z = colossal.aten "aten::mul.Tensor"(%x, %y) name "mul.0" : (tensor<4x1xi64>, tensor<3xf32>) -> !colossal.any
  return %z : !colossal.any
}

// -----

// NaN passes through relu, whose derivative at 0 is 0.
// CHECK-LABEL: func.func @forward
func.func @forward(%x: tensor<4xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x", colossal.batch_dim = 0 : i64}) -> !colossal.any {
  // CHECK: %[[LOW:.*]] = arith.cmpf ole, %[[X:.*]], %[[ZERO:.*]] : f32
  // CHECK: arith.select %[[LOW]], %[[ZERO]], %[[X]]
  %y = colossal.aten "aten::relu"(%x) name "relu.0" : (tensor<4xf32>) -> !colossal.any
  return %y : !colossal.any
}

// -----

// What is computed from sizes is a number, whatever ops compute it: here 1 / sqrt(3 * 4 + 4).
// CHECK-LABEL: func.func @forward
func.func @forward(%x: tensor<4x3xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x", colossal.batch_dim = 0 : i64}) -> !colossal.any {
  %c0 = colossal.aten_constant 0 : i64 -> !colossal.any
  %c1 = colossal.aten_constant 1 : i64 -> !colossal.any
  %half = colossal.aten_constant 0.5 : f64 -> !colossal.any
  %f32 = colossal.aten_constant 6 : i64 -> !colossal.any
  %none = colossal.aten_constant unit -> !colossal.any
  %n = colossal.aten "aten::size.int"(%x, %c0) name "size.0" : (tensor<4x3xf32>, !colossal.any) -> !colossal.any
  %m = colossal.aten "aten::size.int"(%x, %c1) name "size.1" : (tensor<4x3xf32>, !colossal.any) -> !colossal.any
  %nt = colossal.aten "prim::NumToTensor.Scalar"(%n) name "NumToTensor.0" : (!colossal.any) -> !colossal.any
  %mt = colossal.aten "prim::NumToTensor.Scalar"(%m) name "NumToTensor.1" : (!colossal.any) -> !colossal.any
  %p = colossal.aten "aten::mul.Tensor"(%nt, %mt) name "mul.0" : (!colossal.any, !colossal.any) -> !colossal.any
  %q = colossal.aten "aten::add.Tensor"(%p, %nt, %c1) name "add.0" : (!colossal.any, !colossal.any, !colossal.any) -> !colossal.any
  %r = colossal.aten "aten::pow.Tensor_Scalar"(%q, %half) name "pow.0" : (!colossal.any, !colossal.any) -> !colossal.any
  %s = colossal.aten "aten::ScalarImplicit"(%r) name "ScalarImplicit.0" : (!colossal.any) -> !colossal.any
  %shape = colossal.aten "prim::ListConstruct"() name "ListConstruct.0" : () -> !colossal.any
  %t = colossal.aten "aten::full"(%shape, %s, %f32, %none, %none, %none) name "full.0"
      : (!colossal.any, !colossal.any, !colossal.any, !colossal.any, !colossal.any, !colossal.any) -> !colossal.any
  // CHECK-NEXT: %[[Y:.*]] = colossal.generic "div.0"
  // CHECK: arith.constant 4.000000e+00 : f32
  // CHECK: arith.divf
  // CHECK: return %[[Y]]
  %y = colossal.aten "aten::div.Tensor"(%x, %t) name "div.0" : (tensor<4x3xf32>, !colossal.any) -> !colossal.any
  return %y : !colossal.any
}

// -----

// GELU is x P, where P is the chance of a normal number below x; its derivative is P + x p with the density p: one
// error function and one exponential.
// CHECK-LABEL: func.func @forward
func.func @forward(%x: tensor<4x3xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x", colossal.batch_dim = 0 : i64}) -> !colossal.any {
  %none = colossal.aten_constant "none" -> !colossal.any
  // CHECK: ^bb0(%[[X:.*]]: f32):
  // CHECK: %[[ERF:.*]] = math.erf
  // CHECK: %[[HALF:.*]] = arith.mulf %[[ERF]]
  // CHECK: %[[P:.*]] = arith.addf %[[HALF]]
  // CHECK: %[[EXP:.*]] = math.exp
  // CHECK: %[[DENSITY:.*]] = arith.mulf %[[EXP]]
  // CHECK: %[[Y:.*]] = arith.mulf %[[X]], %[[P]]
  // CHECK: %[[XP:.*]] = arith.mulf %[[X]], %[[DENSITY]]
  // CHECK: %[[SLOPE:.*]] = arith.addf %[[P]], %[[XP]]
  // CHECK: colossal.with_derivative %[[Y]] of(%[[X]]) by(%[[SLOPE]])
  %y = colossal.aten "aten::gelu"(%x, %none) name "gelu.0" : (tensor<4x3xf32>, !colossal.any) -> !colossal.any
  return %y : !colossal.any
}
