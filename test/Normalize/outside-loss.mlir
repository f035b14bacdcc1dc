// RUN: colossal-opt --colossal-normalize='loss=cross-entropy:output=logits,shift,ignore=-1' --split-input-file %s | FileCheck %s
// RUN: colossal-opt --colossal-normalize='loss=mse:output=hidden,labels=target' %S/Inputs/two-outputs.mlir | FileCheck %s --check-prefix=MSE

// A loss that the model does not have: its labels are a further input, of the output's shape without the classes,
// which are the last of three dimensions. With shift, a score is for the label of the next position; behind the last
// there is none, which does not count.
// CHECK-LABEL: func.func @forward
// CHECK-SAME: %[[X:.*]]: tensor<2x4x8xf32>
// CHECK-SAME: %[[W:.*]]: tensor<5x8xf32>
// CHECK-SAME: %[[LABELS:.*]]: tensor<2x4xi64> {colossal.batch_dim = 0 : i64, colossal.name = "labels", colossal.role = #colossal.role<batch>}
// CHECK-SAME: -> tensor<f32>
func.func @forward(
    %x: tensor<2x4x8xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x", colossal.batch_dim = 0 : i64},
    %w: tensor<5x8xf32> {colossal.role = #colossal.role<parameter>, colossal.name = "w"}) -> !colossal.any {
  %none = colossal.aten_constant unit -> !colossal.any
  %y = colossal.aten "aten::linear"(%x, %w, %none) name "head/linear.0" : (tensor<2x4x8xf32>, tensor<5x8xf32>, !colossal.any) -> !colossal.any
  %hidden = colossal.aten_constant "hidden" -> !colossal.any
  %logits = colossal.aten_constant "logits" -> !colossal.any
  // CHECK: colossal.generic "loss/constant_pad_nd.0"
  // CHECK: arith.constant -1 : i64
  // CHECK: colossal.generic "loss/cross_entropy_loss.0.label"
  // CHECK: colossal.where
  // CHECK: %[[LOSS:.*]] = colossal.generic "loss/cross_entropy_loss.0" []
  // CHECK: return %[[LOSS]] : tensor<f32>
  %all = colossal.aten "prim::DictConstruct"(%hidden, %x, %logits, %y) name "DictConstruct.0"
      : (!colossal.any, tensor<2x4x8xf32>, !colossal.any, !colossal.any) -> !colossal.any
  return %all : !colossal.any
}

// -----

// The model reads the labels, too: they are the same input.
// CHECK-LABEL: func.func @forward
// CHECK-SAME: tensor<2x4xi64> {colossal.batch_dim = 0 : i64, colossal.name = "labels", colossal.role = #colossal.role<batch>}
// CHECK-SAME: tensor<5x7xf32>
// CHECK-NOT: colossal.name = "labels"
// CHECK: colossal.generic "loss/cross_entropy_loss.0"
func.func @forward(
    %labels: tensor<2x4xi64> {colossal.role = #colossal.role<batch>, colossal.name = "labels", colossal.batch_dim = 0 : i64},
    %w: tensor<5x7xf32> {colossal.role = #colossal.role<parameter>, colossal.name = "w"}) -> !colossal.any {
  %none = colossal.aten_constant -1 : i64 -> !colossal.any
  %false = colossal.aten_constant false -> !colossal.any
  %y = colossal.aten "aten::embedding"(%w, %labels, %none, %false, %false) name "embed/embedding.0"
      : (tensor<5x7xf32>, tensor<2x4xi64>, !colossal.any, !colossal.any, !colossal.any) -> !colossal.any
  %logits = colossal.aten_constant "logits" -> !colossal.any
  %all = colossal.aten "prim::DictConstruct"(%logits, %y) name "DictConstruct.0" : (!colossal.any, !colossal.any) -> !colossal.any
  return %all : !colossal.any
}

// MSE: %{{.*}}: tensor<6x8xf32> {colossal.batch_dim = 0 : i64, colossal.name = "target", colossal.role = #colossal.role<batch>}) -> tensor<f32>
// MSE: colossal.generic "loss/mse_loss.0.element" {{.*}} (%{{.*}} : [b, s], %{{.*}} : [b, s])
