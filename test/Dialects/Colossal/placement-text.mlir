// The text of what phases say of modules, functions, arguments and ops.
// RUN: colossal-opt %s | colossal-opt | FileCheck %s

// CHECK: module attributes {colossal.mesh = #colossal.mesh<data = 2, "a b" = 3>, colossal.microbatches = 2 : i64, colossal.schedule = #colossal.schedule<"1f1b">, colossal.stages = 2 : i64}
module attributes {colossal.mesh = #colossal.mesh<data = 2, "a b" = 3>, colossal.microbatches = 2 : i64,
                   colossal.schedule = #colossal.schedule<"1f1b">, colossal.stages = 2 : i64} {
// CHECK: func.func @stage1.backward(%{{.*}}: tensor<4x4xf32> {colossal.role = #colossal.role<parameter>})
// CHECK-SAME: attributes {colossal.segment = #colossal.segment<backward>, colossal.stage = 1 : i64}
func.func @stage1.backward(%x: tensor<4x4xf32> {colossal.role = #colossal.role<parameter>})
    attributes {colossal.segment = #colossal.segment<backward>, colossal.stage = 1 : i64} {
  // Axes in the order of their names; `linear` may be the name of a factor.
  // CHECK: attributes {axes = {"a b" = j, data = linear}, forward_of = "x", gradient_of = "w", group = "g", keep, no_gradient, pass = backward, segment = forward, stage = 1}
  %y = colossal.generic "y" [linear = 4, j = 4] (%x : [linear, j]) -> ([linear, j])
      attributes {stage = 1, segment = forward, pass = backward, no_gradient, keep, group = "g", gradient_of = "w",
                  forward_of = "x", axes = {data = linear, "a b" = j}} {
  ^bb0(%0: f32):
    colossal.yield %0 : f32
  } : (tensor<4x4xf32>) -> tensor<4x4xf32>
  // What the dialect does not know stays as it is.
  // CHECK: attributes {axes = {data = linear [0, 1]}, other.axes = #colossal.axes<a = b, data = linear [1]>, other.mark, other.name = [1, "two"]}
  %z = colossal.generic "z" [i = 4, j = 4] (%x : [i, j], %y : [i, j]) -> ([i, j])
      attributes {axes = {data = linear [0, 1]}, other.name = [1, "two"], other.mark, other.axes = #colossal.axes<data = linear [1], a = b>} {
  ^bb0(%0: f32, %1: f32):
    %2 = arith.addf %0, %1 : f32
    colossal.yield %2 : f32
  } : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  // CHECK: attributes {axes = {}}
  %u = colossal.generic "u" [i = 4, j = 4] (%z : [i, j]) -> ([i, j]) attributes {axes = {}} {
  ^bb0(%0: f32):
    colossal.yield %0 : f32
  } : (tensor<4x4xf32>) -> tensor<4x4xf32>
  // CHECK: colossal.reshard "r" %{{.*}} from <[data], [_]> to <[_], [_]> {segment = prologue, stage = 0} : tensor<4x4xf32>
  %r = colossal.reshard "r" %u from <[data], [_]> to <[_], [_]> {stage = 0, segment = prologue} : tensor<4x4xf32>
  // CHECK: colossal.reshard "s" %{{.*}} from <[_], [_]> to <[data], [_]> : tensor<4x4xf32>
  %s = colossal.reshard "s" %r from <[_], [_]> to <[data], [_]> : tensor<4x4xf32>
  return
}
}
