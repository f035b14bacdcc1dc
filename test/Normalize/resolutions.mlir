// RUN: colossal-opt --colossal-normalize -split-input-file %s | FileCheck %s

// Twice the size: each element is repeated, which is a new, minor sub-dimension.
// CHECK-LABEL: func.func @forward
func.func @forward(%x: tensor<2x3x4xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x", colossal.batch_dim = 0 : i64}) -> !colossal.any {
  %c8 = colossal.aten_constant 8 : i64 -> !colossal.any
  %none = colossal.aten_constant unit -> !colossal.any
  %size = colossal.aten "prim::ListConstruct"(%c8) name "ListConstruct.0" : (!colossal.any) -> !colossal.any
  // CHECK: colossal.generic "up.0.dim2" [b = 2, s = 3, d2 = 4, r = 2] (%arg0 : [b, s, d2]) -> ([b, s, (d2, r)])
  %y = colossal.aten "aten::upsample_nearest1d"(%x, %size, %none) name "up.0" : (tensor<2x3x4xf32>, !colossal.any, !colossal.any) -> !colossal.any
  return %y : !colossal.any
}

// -----

// A weighted sum of two neighbours, which are read by numbers that are functions of the index; so are the weights.
// CHECK-LABEL: func.func @forward
func.func @forward(%x: tensor<2x3x4xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x", colossal.batch_dim = 0 : i64}) -> !colossal.any {
  %c6 = colossal.aten_constant 6 : i64 -> !colossal.any
  %false = colossal.aten_constant false -> !colossal.any
  %none = colossal.aten_constant unit -> !colossal.any
  %size = colossal.aten "prim::ListConstruct"(%c6) name "ListConstruct.0" : (!colossal.any) -> !colossal.any
  // CHECK: %[[NUMBERS:.*]] = colossal.generic "up.0.dim2tap0.ids" [o = 6] () -> ([o])
  // CHECK: math.floor
  // CHECK: %[[FIRST:.*]] = colossal.generic "up.0.dim2tap0" [o = 6, b = 2, s = 3, v = 4 : sum] (%[[NUMBERS]] : [o], %arg0 : [b, s, v]) -> ([b, s, o])
  // CHECK: %[[SECOND:.*]] = colossal.generic "up.0.dim2tap1" [o = 6, b = 2, s = 3, v = 4 : sum]
  // CHECK: colossal.generic "up.0.dim2" [b = 2, s = 3, o = 6] (%[[FIRST]] : [b, s, o], %[[SECOND]] : [b, s, o]) -> ([b, s, o])
  %y = colossal.aten "aten::upsample_linear1d"(%x, %size, %false, %none) name "up.0" : (tensor<2x3x4xf32>, !colossal.any, !colossal.any, !colossal.any) -> !colossal.any
  return %y : !colossal.any
}
