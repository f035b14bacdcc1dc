// One op per node, in order; parameters first, with the place of their bytes; a Python line on every op.
// REQUIRES: colossal-translate
// RUN: colossal-translate --import-torchscript %inputs/mlp.pt | FileCheck %s

// CHECK-LABEL: func.func @forward(
// CHECK-SAME: tensor<16x8xf32> {colossal.name = "layers.0.weight", colossal.role = #colossal.role<parameter>, colossal.source = {bytes = 512 : i64, crc = {{[0-9]+}} : i64, file = "{{.*}}mlp.pt", offset = 64 : i64, record = "data/0"}}
// CHECK-SAME: tensor<16xf32> {colossal.name = "layers.0.bias", colossal.role = #colossal.role<parameter>
// CHECK-SAME: tensor<5x16xf32> {colossal.name = "layers.1.weight", colossal.role = #colossal.role<parameter>
// CHECK-SAME: tensor<5xf32> {colossal.name = "layers.1.bias", colossal.role = #colossal.role<parameter>
// CHECK-SAME: %[[X:.*]]: tensor<4x8xf32> {colossal.batch_dim = 0 : i64, colossal.name = "features", colossal.role = #colossal.role<batch>}
// CHECK-SAME: %[[LABELS:.*]]: tensor<4xi64> {colossal.batch_dim = 0 : i64, colossal.name = "labels", colossal.role = #colossal.role<batch>}
// CHECK-SAME: -> !colossal.any

// CHECK-DAG: %[[NONE:.*]] = colossal.aten_constant unit -> !colossal.any
// CHECK-DAG: %[[IGNORE:.*]] = colossal.aten_constant -100 : i64 -> !colossal.any
// CHECK-DAG: %[[MEAN:.*]] = colossal.aten_constant 1 : i64 -> !colossal.any
// CHECK-DAG: %[[SMOOTHING:.*]] = colossal.aten_constant 0.000000e+00 : f64 -> !colossal.any
// CHECK: %[[H:.*]] = colossal.aten "aten::linear(Tensor input, Tensor weight, Tensor? bias=None) -> Tensor"(%[[X]], %arg0, %arg1) name "layers.0/linear.0"
// CHECK-SAME: (tensor<4x8xf32>, tensor<16x8xf32>, tensor<16xf32>) -> !colossal.any loc(#[[L0:.*]])
// CHECK: %[[A:.*]] = colossal.aten "aten::relu(Tensor self) -> Tensor"(%[[H]]) name "relu.0"
// CHECK: %[[LOGITS:.*]] = colossal.aten "aten::linear({{.*}}"(%[[A]], %arg2, %arg3) name "layers.1/linear.0"
// CHECK: %[[LOSS:.*]] = colossal.aten "aten::cross_entropy_loss({{.*}}"(%[[LOGITS]], %[[LABELS]], %[[NONE]], %[[MEAN]], %[[IGNORE]], %[[SMOOTHING]]) name "cross_entropy_loss.0"
// CHECK: return %[[LOSS]] : !colossal.any

// CHECK: #[[LINE:.*]] = loc("examples/export_mlp.py":24:0)
// CHECK: #[[L0]] = loc("layers.0/linear.0"(#[[LINE]]))
