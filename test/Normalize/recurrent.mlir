// RUN: colossal-opt --colossal-normalize %s | FileCheck %s

// A recurrence is unrolled: one product of all inputs, then for each step a product of the state and an elementwise op
// that reads its step and its gates.
// CHECK-LABEL: func.func @forward
func.func @forward(
    %x: tensor<4x2x3xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x", colossal.batch_dim = 0 : i64},
    %h: tensor<1x4x5xf32> {colossal.role = #colossal.role<batch>, colossal.name = "h", colossal.batch_dim = 1 : i64},
    %wi: tensor<15x3xf32> {colossal.role = #colossal.role<parameter>, colossal.name = "wi"},
    %wh: tensor<15x5xf32> {colossal.role = #colossal.role<parameter>, colossal.name = "wh"}) -> (!colossal.any, !colossal.any) {
  %c0 = colossal.aten_constant 0.0 : f64 -> !colossal.any
  %c1 = colossal.aten_constant 1 : i64 -> !colossal.any
  %true = colossal.aten_constant true -> !colossal.any
  %false = colossal.aten_constant false -> !colossal.any
  %weights = colossal.aten "prim::ListConstruct"(%wi, %wh) name "ListConstruct.0" : (tensor<15x3xf32>, tensor<15x5xf32>) -> !colossal.any
  // CHECK: %[[INPUTS:.*]] = colossal.generic "gru.0.l0.inputs" [b = 4, s = 2, n = 15, k = 3 : sum] (%arg0 : [b, s, k], %arg2 : [n, k]) -> ([b, s, n])
  // CHECK: %[[START:.*]] = colossal.generic "gru.0.l0.start"
  // CHECK: %[[SUMS:.*]] = colossal.generic "gru.0.l0.t0.product"{{.*}}(%[[START]] : {{.*}}, %arg3 :
  // CHECK: colossal.generic "gru.0.l0.t0" [{{.*}}h = 5] (%[[INPUTS]] : [{{.*}}, 0 of 2, (0 of 3, h)], %[[SUMS]] : [{{.*}}, (0 of 3, h)], %[[INPUTS]] : [{{.*}}, 0 of 2, (1 of 3, h)]
  // CHECK: colossal.generic "gru.0.l0.t1"
  // CHECK: colossal.generic "gru.0.l0.outputs"
  %y, %n = colossal.aten "aten::gru.input"(%x, %h, %weights, %false, %c1, %c0, %false, %false, %true) name "gru.0" : (tensor<4x2x3xf32>, tensor<1x4x5xf32>, !colossal.any, !colossal.any, !colossal.any, !colossal.any, !colossal.any, !colossal.any, !colossal.any) -> (!colossal.any, !colossal.any)
  return %y, %n : !colossal.any, !colossal.any
}
