// GPT-2 with attention in single steps and an untied head: the causal mask is a boolean buffer.
// REQUIRES: colossal-translate
// RUN: colossal-translate --import-torchscript %inputs/gpt2_eager.pt | FileCheck %s

// CHECK-LABEL: func.func @forward(
// CHECK-SAME: tensor<19x12xf32> {colossal.name = "transformer.wte.weight", colossal.role = #colossal.role<parameter>
// CHECK-SAME: tensor<19x12xf32> {colossal.name = "lm_head.weight", colossal.role = #colossal.role<parameter>
// CHECK-SAME: tensor<1x1x8x8xi1> {colossal.name = "transformer.h.0.attn.bias", colossal.role = #colossal.role<buffer>, colossal.source = {bytes = 64 : i64
// CHECK-SAME: colossal.name = "input_ids"
// CHECK: "aten::matmul({{[^"]*}}"({{.*}}) name "transformer.h.0.attn/matmul.0"
// CHECK: "aten::where.self({{[^"]*}}"({{.*}}) name "transformer.h.0.attn/where.0"
// CHECK: "aten::softmax.int({{[^"]*}}"({{.*}}) name "transformer.h.0.attn/softmax.0"
// CHECK: "aten::matmul({{[^"]*}}"({{.*}}) name "transformer.h.0.attn/matmul.1"
