// RUN: colossal-opt --colossal-normalize --split-input-file --verify-diagnostics %s | FileCheck %s

// An if takes the region that a size chooses; what the other holds is of no consequence.
// CHECK-LABEL: func.func @forward
// CHECK: colossal.generic "relu.0"
// CHECK-NOT: colossal.generic
func.func @forward(%x: tensor<2x6xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x"}) -> !colossal.any {
  %c1 = colossal.aten_constant 1 : i64 -> !colossal.any
  %c6 = colossal.aten_constant 6 : i64 -> !colossal.any
  %n = colossal.aten "aten::size.int"(%x, %c1) name "size.0" : (tensor<2x6xf32>, !colossal.any) -> !colossal.any
  %is = colossal.aten "aten::eq.int"(%n, %c6) name "eq.0" : (!colossal.any, !colossal.any) -> !colossal.any
  %y = colossal.aten_if %is name "If.0" {
    %relu = colossal.aten "aten::relu"(%x) name "relu.0" : (tensor<2x6xf32>) -> !colossal.any
    colossal.aten_yield %relu : !colossal.any
  } else {
    %other = colossal.aten "aten::fft_whatever"(%x) name "other.0" : (tensor<2x6xf32>) -> !colossal.any
    colossal.aten_yield %other : !colossal.any
  } : (!colossal.any) -> !colossal.any
  return %y : !colossal.any
}

// -----

// A loop becomes its iterations, each with names of its own: x + 0, + 1.
// CHECK-LABEL: func.func @forward
// CHECK: colossal.generic "add.0.0"
// CHECK: colossal.generic "add.0.1"
// CHECK-NOT: colossal.generic
func.func @forward(%x: tensor<2xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x"}) -> !colossal.any {
  %c1 = colossal.aten_constant 1 : i64 -> !colossal.any
  %c2 = colossal.aten_constant 2 : i64 -> !colossal.any
  %true = colossal.aten_constant true -> !colossal.any
  %y = colossal.aten_loop %c2 while %true carried(%x) name "Loop.0" {
  ^bb0(%i: !colossal.any, %h: !colossal.any):
    %sum = colossal.aten "aten::add.Scalar"(%h, %i, %c1) name "add.0" : (!colossal.any, !colossal.any, !colossal.any) -> !colossal.any
    colossal.aten_yield %true, %sum : !colossal.any, !colossal.any
  } : (!colossal.any, !colossal.any, tensor<2xf32>) -> !colossal.any
  return %y : !colossal.any
}

// -----

func.func @forward(%x: tensor<i1> {colossal.role = #colossal.role<batch>, colossal.name = "x"}) -> !colossal.any {
  // expected-error-re @below {{cannot normalize 'prim::If' in module path 'm' ({{.*}}): the condition depends on data}}
  %y = colossal.aten_if %x name "m/If.0" {
    colossal.aten_yield %x : tensor<i1>
  } else {
    colossal.aten_yield %x : tensor<i1>
  } : (tensor<i1>) -> !colossal.any
  return %y : !colossal.any
}

// -----

// A way that ends in an exception is not taken.
// CHECK-LABEL: func.func @forward
func.func @forward(%x: tensor<i1> {colossal.role = #colossal.role<batch>, colossal.name = "x"}) -> tensor<i1> {
  %text = colossal.aten_constant "no" -> !colossal.any
  %none = colossal.aten_constant unit -> !colossal.any
  colossal.aten_if %x name "m/If.0" {
    colossal.aten_yield
  } else {
    colossal.aten "prim::RaiseException"(%text, %none) name "m/RaiseException.0" : (!colossal.any, !colossal.any) -> ()
    colossal.aten_yield
  } : (tensor<i1>) -> ()
  return %x : tensor<i1>
}

// -----

func.func @forward(%x: tensor<i64> {colossal.role = #colossal.role<batch>, colossal.name = "x"}) -> !colossal.any {
  %true = colossal.aten_constant true -> !colossal.any
  // expected-error-re @below {{cannot normalize 'prim::Loop' in the root module ({{.*}}): how often it runs depends on data}}
  %y = colossal.aten_loop %x while %true carried(%x) name "Loop.0" {
  ^bb0(%i: !colossal.any, %h: !colossal.any):
    colossal.aten_yield %true, %h : !colossal.any, !colossal.any
  } : (tensor<i64>, !colossal.any, tensor<i64>) -> !colossal.any
  return %y : !colossal.any
}

// -----

func.func @forward(%x: tensor<2xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x"}) -> !colossal.any {
  %many = colossal.aten_constant 9223372036854775807 : i64 -> !colossal.any
  %true = colossal.aten_constant true -> !colossal.any
  // expected-error @below {{it runs more than 4096 times}}
  %y = colossal.aten_loop %many while %true carried(%x) name "Loop.0" {
  ^bb0(%i: !colossal.any, %h: !colossal.any):
    colossal.aten_yield %true, %h : !colossal.any, !colossal.any
  } : (!colossal.any, !colossal.any, tensor<2xf32>) -> !colossal.any
  return %y : !colossal.any
}
