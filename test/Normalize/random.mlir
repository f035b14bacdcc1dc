// RUN: colossal-opt --colossal-normalize --colossal-differentiate --split-input-file %s | FileCheck %s

// An element is kept where a hash of op, seed, step and its place is not below p; the derivative draws the same
// number again, so no mask crosses to backward. The step is the optimizer's too.
// CHECK-LABEL: func.func @train_step
// CHECK-SAME: colossal.name = "seed", colossal.role = #colossal.role<control>, colossal.source = {fill = 0.000000e+00 : f64}
// CHECK-SAME: colossal.name = "step", colossal.role = #colossal.role<control>
// CHECK-NOT: colossal.name = "step"
// CHECK: colossal.generic "mean.0" [b = 4 : sum, s = 3 : sum]
// CHECK: colossal.random "drop/dropout.0"
// CHECK-NEXT: arith.cmpf oge
// CHECK: arith.select
// CHECK: colossal.generic "drop/dropout.0.gradient0" [b = 4, s = 3]
// CHECK: colossal.random "drop/dropout.0"
// CHECK-NEXT: arith.cmpf oge
func.func @forward(
    %x: tensor<4x3xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x", colossal.batch_dim = 0 : i64},
    %w: tensor<3xf32> {colossal.role = #colossal.role<parameter>, colossal.name = "w"}) -> !colossal.any {
  %p = colossal.aten_constant 0.25 : f64 -> !colossal.any
  %yes = colossal.aten_constant true -> !colossal.any
  %none = colossal.aten_constant unit -> !colossal.any
  %a = colossal.aten "aten::mul.Tensor"(%x, %w) name "mul.0" : (tensor<4x3xf32>, tensor<3xf32>) -> !colossal.any
  %d = colossal.aten "aten::dropout"(%a, %p, %yes) name "drop/dropout.0" : (!colossal.any, !colossal.any, !colossal.any) -> !colossal.any
  %l = colossal.aten "aten::mean"(%d, %none) name "mean.0" : (!colossal.any, !colossal.any) -> !colossal.any
  return %l : !colossal.any
}
