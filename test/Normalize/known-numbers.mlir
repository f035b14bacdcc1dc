// RUN: colossal-opt --split-input-file --colossal-normalize %s | FileCheck %s

// The least of a list of constants is a number known at compile time: here a size.
// CHECK-LABEL: func.func @forward
func.func @forward(%x: tensor<2x6xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x"}) -> !colossal.any {
  %sizes = colossal.aten_constant dense<[5, 3, 4]> : tensor<3xi64> -> !colossal.any
  %c0 = colossal.aten_constant 0 : i64 -> !colossal.any
  %c1 = colossal.aten_constant 1 : i64 -> !colossal.any
  %least = colossal.aten "aten::min"(%sizes) name "min.0" : (!colossal.any) -> !colossal.any
  %n = colossal.aten "aten::Int.Tensor"(%least) name "Int.0" : (!colossal.any) -> !colossal.any
  // CHECK: colossal.generic "narrow.0"
  // CHECK: tensor<2x3xf32>
  %y = colossal.aten "aten::narrow"(%x, %c1, %c0, %n) name "narrow.0" : (tensor<2x6xf32>, !colossal.any, !colossal.any, !colossal.any) -> !colossal.any
  return %y : !colossal.any
}

// -----

// So is what further steps make of it, and of a part that was written in place: 6 mod (the least - 1) + 1.
// CHECK-LABEL: func.func @forward
func.func @forward(%x: tensor<2x6xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x"}) -> !colossal.any {
  %sizes = colossal.aten_constant dense<[5, 7, 6]> : tensor<3xi64> -> !colossal.any
  %c0 = colossal.aten_constant 0 : i64 -> !colossal.any
  %c1 = colossal.aten_constant 1 : i64 -> !colossal.any
  %c6 = colossal.aten_constant dense<6> : tensor<i64> -> !colossal.any
  %first = colossal.aten "aten::select.int"(%sizes, %c0, %c0) name "select.0" : (!colossal.any, !colossal.any, !colossal.any) -> !colossal.any
  %w = colossal.aten "aten::sub_.Scalar"(%first, %c1, %c1) name "sub_.0" : (!colossal.any, !colossal.any, !colossal.any) -> !colossal.any
  %least = colossal.aten "aten::min"(%sizes) name "min.0" : (!colossal.any) -> !colossal.any
  %rest = colossal.aten "aten::remainder.Tensor"(%c6, %least) name "remainder.0" : (!colossal.any, !colossal.any) -> !colossal.any
  %more = colossal.aten "aten::add.Tensor"(%rest, %c1, %c1) name "add.0" : (!colossal.any, !colossal.any, !colossal.any) -> !colossal.any
  %n = colossal.aten "aten::Int.Tensor"(%more) name "Int.0" : (!colossal.any) -> !colossal.any
  // CHECK: colossal.generic "narrow.0"
  // CHECK: tensor<2x3xf32>
  %y = colossal.aten "aten::narrow"(%x, %c1, %c0, %n) name "narrow.0" : (tensor<2x6xf32>, !colossal.any, !colossal.any, !colossal.any) -> !colossal.any
  return %y : !colossal.any
}
