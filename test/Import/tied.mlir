// A parameter with two names is one argument; what has no gradient is a buffer; a buffer that is
// written, lists, and a constant tensor.
// REQUIRES: colossal-translate
// RUN: colossal-translate --import-torchscript %inputs/tied.pt | FileCheck %s

// CHECK-LABEL: func.func @forward(
// CHECK-SAME: %[[SCALE:arg[0-9]+]]: tensor<6xf32> {colossal.name = "scale", colossal.role = #colossal.role<buffer>
// CHECK-SAME: tensor<4x6xf32> {colossal.name = "encoder.weight", colossal.role = #colossal.role<parameter>
// CHECK-SAME: %[[TIED:arg[0-9]+]]: tensor<6x4xf32> {colossal.aliases = ["again.weight"], colossal.name = "decoder.weight", colossal.role = #colossal.role<parameter>
// CHECK-SAME: %[[STEPS:arg[0-9]+]]: tensor<i64> {colossal.name = "steps", colossal.role = #colossal.role<buffer>
// CHECK-SAME: tensor<6xf32> {colossal.name = "offset", colossal.role = #colossal.role<buffer>
// CHECK-DAG: colossal.aten_constant dense<[5, 4, 3, 2, 1, 0]> : tensor<6xi64> -> tensor<6xi64>
// CHECK-DAG: colossal.aten_constant dense<5.000000e-01> : tensor<f64> weak -> tensor<f64>
// CHECK: "aten::add_.Tensor({{[^"]*}}"(%[[STEPS]], {{.*}}) name "add_.0"
// CHECK: "aten::linear({{[^"]*}}"({{%.*}}, %[[TIED]], {{%.*}}) name "decoder/linear.0"
// CHECK: "aten::linear({{[^"]*}}"({{%.*}}, %[[TIED]], {{%.*}}) name "again/linear.0"
// CHECK: %[[SPLIT:.*]] = colossal.aten "aten::split_with_sizes(
// CHECK: %[[PARTS:.*]]:2 = colossal.aten "prim::ListUnpack"(%[[SPLIT]])
// CHECK: %[[LIST:.*]] = colossal.aten "prim::ListConstruct"(%[[PARTS]]#0, %[[PARTS]]#1)
// CHECK: "aten::cat(Tensor[] tensors, int dim=0) -> Tensor"(%[[LIST]],
// CHECK: "aten::mul.Tensor({{[^"]*}}"({{%.*}}, %[[SCALE]]) name "mul.1"
