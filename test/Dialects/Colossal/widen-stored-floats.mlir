// Buffers and constants of 16 bits that are only moved and read are f32.
// RUN: colossal-opt -split-input-file --colossal-widen-stored-floats %s | FileCheck %s

// The file's numbers stay what they are: `elements` says so.
// CHECK-LABEL: func.func @read
// CHECK-SAME: (%[[B:.*]]: tensor<4xf32> {colossal.name = "b", {{.*}}colossal.source = {bytes = 8 : i64, elements = "bf16", file = "m.pt", offset = 0 : i64}}, %[[X:.*]]: tensor<4xf32>
func.func @read(%b: tensor<4xbf16> {colossal.name = "b", colossal.role = #colossal.role<buffer>, colossal.source = {file = "m.pt", offset = 0 : i64, bytes = 8 : i64}},
                %x: tensor<4xf32> {colossal.name = "x", colossal.role = #colossal.role<batch>}) -> tensor<4xf32> {
  // CHECK: colossal.generic "c" {{.*}} -> ([i]) {
  // CHECK-DAG: arith.constant 1.500000e+00 : f32
  // CHECK-DAG: arith.constant 0.100097656 : f32
  // CHECK: } : () -> tensor<4xf32>
  %c = colossal.generic "c" [i = 4] () -> ([i]) {
    %i = colossal.index "i"
    %zero = arith.constant 0 : i64
    %first = arith.cmpi eq, %i, %zero : i64
    %0 = arith.constant 1.5 : bf16
    %written = arith.constant 0.1 : f64
    %1 = arith.truncf %written : f64 to bf16
    %2 = arith.select %first, %0, %1 : bf16
    colossal.yield %2 : bf16
  } : () -> tensor<4xbf16>
  // CHECK: colossal.generic "y"
  // CHECK-NEXT: ^bb0(%[[B0:.*]]: f32, %[[C0:.*]]: f32, %[[X0:.*]]: f32):
  // CHECK-NEXT: %[[S:.*]] = arith.addf %[[B0]], %[[C0]] : f32
  // CHECK-NEXT: %[[P:.*]] = arith.mulf %[[S]], %[[X0]] : f32
  // CHECK-NEXT: colossal.yield %[[P]] : f32
  %y = colossal.generic "y" [i = 4] (%b : [i], %c : [i], %x : [i]) -> ([i]) {
    ^bb0(%0: bf16, %1: bf16, %2: f32):
      %3 = arith.extf %0 : bf16 to f32
      %4 = arith.extf %1 : bf16 to f32
      %5 = arith.addf %3, %4 : f32
      %6 = arith.mulf %5, %2 : f32
      colossal.yield %6 : f32
  } : (tensor<4xbf16>, tensor<4xbf16>, tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

// A sum in 16 bits is rounded: it stays one.
// CHECK-LABEL: func.func @computed
// CHECK-SAME: (%{{.*}}: tensor<4xf16>
func.func @computed(%b: tensor<4xf16> {colossal.name = "b", colossal.role = #colossal.role<buffer>}) -> tensor<4xf32> {
  // CHECK: arith.addf %{{.*}}, %{{.*}} : f16
  %y = colossal.generic "y" [i = 4] (%b : [i]) -> ([i]) {
    ^bb0(%0: f16):
      %1 = arith.addf %0, %0 : f16
      %2 = arith.extf %1 : f16 to f32
      colossal.yield %2 : f32
  } : (tensor<4xf16>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

// What a function takes or gives keeps its type.
// CHECK-LABEL: func.func @given
// CHECK-SAME: (%{{.*}}: tensor<4xf16>{{.*}} -> tensor<4xf16>
func.func @given(%b: tensor<4xf16> {colossal.name = "b", colossal.role = #colossal.role<buffer>}) -> tensor<4xf16> {
  return %b : tensor<4xf16>
}
