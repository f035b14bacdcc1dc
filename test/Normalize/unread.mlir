// RUN: colossal-opt %s -colossal-normalize | FileCheck %s
// RUN: colossal-opt %s -colossal-normalize -colossal-differentiate="optimizer=adamw" 2>&1 | FileCheck %s --check-prefix=STEP

// A parameter is part of the state whether the model reads it or not, also one without elements; a buffer that nothing
// reads is not.
// CHECK-LABEL: func.func @forward(
// CHECK-SAME:  tensor<3x5xf32> {colossal.name = "unread"
// CHECK-SAME:  tensor<0x5xf32> {colossal.name = "empty"
// CHECK-NOT:   "mask"
// CHECK-SAME:  {colossal.name = "w"

// It has no gradient and no state of the optimizer, and is named.
// STEP:        warning: the loss does not depend on the parameters 'unread', 'empty': they stay as they are
// STEP:        func.func @train_step
// STEP-SAME:   {colossal.name = "unread"
// STEP-SAME:   {colossal.name = "w#exp_avg"
// STEP-NOT:    unread#
func.func @forward(%unread: tensor<3x5xf32> {colossal.role = #colossal.role<parameter>, colossal.name = "unread"},
                   %empty: tensor<0x5xf32> {colossal.role = #colossal.role<parameter>, colossal.name = "empty"},
                   %mask: tensor<3xf32> {colossal.role = #colossal.role<buffer>, colossal.name = "mask"},
                   %w: tensor<4xf32> {colossal.role = #colossal.role<parameter>, colossal.name = "w"}) -> !colossal.any {
  %none = colossal.aten_constant unit -> !colossal.any
  %0 = colossal.aten "aten::mean"(%w, %none) name "mean.0" : (tensor<4xf32>, !colossal.any) -> !colossal.any
  return %0 : !colossal.any
}
