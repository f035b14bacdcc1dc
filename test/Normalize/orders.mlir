// RUN: colossal-opt --colossal-normalize %s | FileCheck %s

// An element's rank counts the elements before it; the places of the first ranks are scattered by rank, and the values
// are read at their places, so that they have a derivative.
// CHECK-LABEL: func.func @forward
func.func @forward(%x: tensor<4x8xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x", colossal.batch_dim = 0 : i64}) -> (!colossal.any, !colossal.any) {
  %c2 = colossal.aten_constant 2 : i64 -> !colossal.any
  %m1 = colossal.aten_constant -1 : i64 -> !colossal.any
  %true = colossal.aten_constant true -> !colossal.any
  // CHECK: %[[RANKS:.*]] = colossal.generic "topk.0.rank" [b = 4, i = 8, j = 8 : sum] (%arg0 : [b, i], %arg0 : [b, j]) -> ([b, i])
  // CHECK: %[[PLACES:.*]] = colossal.generic "topk.0.places" [v = 2, b = 4, i = 8 : sum] (%[[RANKS]] : [b, i]) -> ([b, v])
  // CHECK: colossal.generic "topk.0" [b = 4, v = 2, v1 = 8 : sum] (%[[PLACES]] : [b, v], %arg0 : [b, v1]) -> ([b, v])
  %values, %places = colossal.aten "aten::topk"(%x, %c2, %m1, %true, %true) name "topk.0" : (tensor<4x8xf32>, !colossal.any, !colossal.any, !colossal.any, !colossal.any) -> (!colossal.any, !colossal.any)
  return %values, %places : !colossal.any, !colossal.any
}
