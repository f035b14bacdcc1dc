// REQUIRES: colossal-translate
// RUN: colossal-translate --import-torchscript %inputs/meta.pt -o - | FileCheck %s

// A model made on the meta device: parameters with names and types, without values and so without a source.
// CHECK: func.func @forward(
// CHECK-SAME: tensor<2x2xf32> {colossal.name = "layers.0.weight", colossal.role = #colossal.role<parameter>} loc(
// CHECK-SAME: tensor<2xf32> {colossal.name = "layers.0.bias", colossal.role = #colossal.role<parameter>} loc(
// CHECK-NOT: colossal.source
