// RUN: colossal-opt --split-input-file --colossal-normalize %s | FileCheck %s

// Bytes are computed with as numbers, and are bytes again after each op.
// CHECK-LABEL: func.func @forward
// CHECK: colossal.generic "add.0"
// CHECK: %[[A:.*]] = colossal.widen
// CHECK: %[[B:.*]] = colossal.widen
// CHECK: %[[SUM:.*]] = arith.addi %[[A]], %[[B]] : i32
// CHECK: %[[BYTE:.*]] = colossal.wrap %[[SUM]]
// CHECK: colossal.yield %[[BYTE]] : ui8
// CHECK: colossal.generic "lt.0"
// CHECK: arith.cmpi slt, %{{.*}}, %{{.*}} : i32
// CHECK: tensor<4xi1>
func.func @forward(%x: tensor<4xui8> {colossal.role = #colossal.role<batch>, colossal.name = "x"}, %y: tensor<4xui8> {colossal.role = #colossal.role<batch>, colossal.name = "y"}) -> (!colossal.any, !colossal.any) {
  %c1 = colossal.aten_constant 1 : i64 -> !colossal.any
  %sum = colossal.aten "aten::add.Tensor"(%x, %y, %c1) name "add.0" : (tensor<4xui8>, tensor<4xui8>, !colossal.any) -> !colossal.any
  %less = colossal.aten "aten::lt.Tensor"(%sum, %y) name "lt.0" : (!colossal.any, tensor<4xui8>) -> !colossal.any
  return %sum, %less : !colossal.any, !colossal.any
}

// -----

// With an i8 they meet in i16; a sum is i64; 255 of ui8 is no -1 of i64.
// CHECK-LABEL: func.func @forward
// CHECK: colossal.generic "mul.0"
// CHECK: %[[A:.*]] = colossal.widen
// CHECK: %[[WIDE:.*]] = arith.trunci %[[A]] : i32 to i16
// CHECK: %[[B:.*]] = arith.extsi %{{.*}} : i8 to i16
// CHECK: arith.muli %[[WIDE]], %[[B]] : i16
// CHECK: colossal.generic "sum.0"
// CHECK: colossal.widen
// CHECK: arith.extsi %{{.*}} : i32 to i64
// CHECK: tensor<i64>
func.func @forward(%x: tensor<4xui8> {colossal.role = #colossal.role<batch>, colossal.name = "x"}, %y: tensor<4xi8> {colossal.role = #colossal.role<batch>, colossal.name = "y"}) -> (!colossal.any, !colossal.any) {
  %none = colossal.aten_constant unit -> !colossal.any
  %product = colossal.aten "aten::mul.Tensor"(%x, %y) name "mul.0" : (tensor<4xui8>, tensor<4xi8>) -> !colossal.any
  %sum = colossal.aten "aten::sum"(%x, %none) name "sum.0" : (tensor<4xui8>, !colossal.any) -> !colossal.any
  return %product, %sum : !colossal.any, !colossal.any
}

// -----

// A float becomes a byte by its integer's low bits, and a narrow quotient is one of i32.
// CHECK-LABEL: func.func @forward
// CHECK: colossal.generic "to.0"
// CHECK: %[[N:.*]] = arith.fptosi %{{.*}} : f32 to i64
// CHECK: %[[LOW:.*]] = arith.trunci %[[N]] : i64 to i32
// CHECK: colossal.wrap %[[LOW]]
// CHECK: colossal.generic "floor_divide.0"
// CHECK: arith.floordivsi %{{.*}}, %{{.*}} : i32
// CHECK: arith.trunci %{{.*}} : i32 to i8
func.func @forward(%x: tensor<4xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x"}, %y: tensor<4xi8> {colossal.role = #colossal.role<batch>, colossal.name = "y"}) -> (!colossal.any, !colossal.any) {
  %none = colossal.aten_constant unit -> !colossal.any
  %false = colossal.aten_constant false -> !colossal.any
  %c0 = colossal.aten_constant 0 : i64 -> !colossal.any
  %byte = colossal.aten "aten::to.dtype"(%x, %c0, %false, %false, %none) name "to.0" : (tensor<4xf32>, !colossal.any, !colossal.any, !colossal.any, !colossal.any) -> !colossal.any
  %quotient = colossal.aten "aten::floor_divide"(%y, %y) name "floor_divide.0" : (tensor<4xi8>, tensor<4xi8>) -> !colossal.any
  return %byte, %quotient : !colossal.any, !colossal.any
}
