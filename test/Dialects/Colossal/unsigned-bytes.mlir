// RUN: colossal-opt %s -split-input-file -verify-diagnostics | FileCheck %s
// RUN: colossal-opt %s -split-input-file -verify-diagnostics --colossal-fuse-elementwise | FileCheck %s --check-prefix=FUSED

// A byte is passed on as it is, and computed with as the number that it is.
// CHECK-LABEL: @halves
// CHECK: ^bb0(%[[A:.*]]: ui8, %[[B:.*]]: ui8):
// CHECK: %[[X:.*]] = colossal.widen %[[A]]
// CHECK: %[[Q:.*]] = arith.divsi %[[X]], %{{.*}} : i32
// CHECK: %[[BYTE:.*]] = colossal.wrap %[[Q]]
// CHECK: arith.select %{{.*}}, %[[BYTE]], %[[B]] : ui8
func.func @halves(%x: tensor<4xui8>, %y: tensor<4xui8>) -> tensor<4xui8> {
  %z = colossal.generic "z" [i = 4] (%x : [i], %y : [i]) -> ([i]) {
    ^bb0(%0: ui8, %1: ui8):
      %c2 = arith.constant 2 : i32
      %2 = colossal.widen %0
      %3 = arith.divsi %2, %c2 : i32
      %4 = colossal.wrap %3
      %5 = arith.cmpi slt, %2, %c2 : i32
      %6 = arith.select %5, %4, %1 : ui8
      colossal.yield %6 : ui8
  } : (tensor<4xui8>, tensor<4xui8>) -> tensor<4xui8>
  return %z : tensor<4xui8>
}

// -----

// A byte that is widened and wrapped is itself; a number that is wrapped and widened is not.
// FUSED-LABEL: @twice
// FUSED: ^bb0(%[[A:.*]]: ui8, %[[N:.*]]: i32):
// FUSED-NOT: colossal.wrap
// FUSED: %[[W:.*]] = colossal.wrap %[[N]]
// FUSED: %[[M:.*]] = colossal.widen %[[W]]
// FUSED: colossal.yield %[[A]], %[[M]] : ui8, i32
func.func @twice(%x: tensor<4xui8>, %n: tensor<4xi32>) -> (tensor<4xui8>, tensor<4xi32>) {
  %z:2 = colossal.generic "z" [i = 4] (%x : [i], %n : [i]) -> ([i], [i]) {
    ^bb0(%0: ui8, %1: i32):
      %2 = colossal.widen %0
      %3 = colossal.wrap %2
      %4 = colossal.wrap %1
      %5 = colossal.widen %4
      colossal.yield %3, %5 : ui8, i32
  } : (tensor<4xui8>, tensor<4xi32>) -> (tensor<4xui8>, tensor<4xi32>)
  return %z#0, %z#1 : tensor<4xui8>, tensor<4xi32>
}

// -----

// Nobody computes with the bits.
func.func @sum(%x: tensor<4xui8>) -> tensor<4xui8> {
  %z = colossal.generic "z" [i = 4] (%x : [i]) -> ([i]) {
    ^bb0(%0: ui8):
      // expected-error@+1 {{operand #0 must be signless-integer-like, but got 'ui8'}}
      %1 = arith.addi %0, %0 : ui8
      colossal.yield %1 : ui8
  } : (tensor<4xui8>) -> tensor<4xui8>
  return %z : tensor<4xui8>
}

// -----

func.func @as_signed(%x: tensor<4xui8>) -> tensor<4xi32> {
  %z = colossal.generic "z" [i = 4] (%x : [i]) -> ([i]) {
    ^bb0(%0: ui8):
      // expected-error@+1 {{operand #0 must be signless-fixed-width-integer-like, but got 'ui8'}}
      %1 = arith.extsi %0 : ui8 to i32
      colossal.yield %1 : i32
  } : (tensor<4xui8>) -> tensor<4xi32>
  return %z : tensor<4xi32>
}
