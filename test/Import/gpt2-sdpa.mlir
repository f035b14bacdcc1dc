// GPT-2 with fused attention: modules become paths, the tied head is the embedding's weight, shape
// arithmetic stays as it is, Python numbers that the tracer wrapped are weak.
// REQUIRES: colossal-translate
// RUN: colossal-translate --import-torchscript %inputs/gpt2_sdpa.pt | FileCheck %s

// CHECK-LABEL: func.func @forward(
// CHECK-SAME: %[[WTE:arg0]]: tensor<19x16xf32> {colossal.aliases = ["lm_head.weight"], colossal.name = "transformer.wte.weight"
// CHECK-SAME: tensor<8x16xf32> {colossal.name = "transformer.wpe.weight"
// CHECK-SAME: colossal.name = "transformer.h.0.ln_1.weight"
// CHECK-SAME: tensor<16x48xf32> {colossal.name = "transformer.h.0.attn.c_attn.weight"
// CHECK-SAME: tensor<64x16xf32> {colossal.name = "transformer.h.0.mlp.c_proj.weight"
// CHECK-SAME: colossal.name = "transformer.ln_f.bias"
// The mask buffer is not used by the fused form: it is not an argument.
// CHECK-NOT: "buffer"
// CHECK-SAME: tensor<4x8xi64> {colossal.batch_dim = 0 : i64, colossal.name = "input_ids", colossal.role = #colossal.role<batch>}
// CHECK-SAME: tensor<4x8xi64> {colossal.batch_dim = 0 : i64, colossal.name = "labels", colossal.role = #colossal.role<batch>}

// CHECK: %[[SIZE:.*]] = colossal.aten "aten::size.int(Tensor self, int dim) -> int"({{.*}}) name "transformer/size.0"
// CHECK: colossal.aten "prim::NumToTensor"(%[[SIZE]]) name "transformer/NumToTensor.0"
// CHECK: "aten::embedding({{[^"]*}}"(%[[WTE]], {{.*}}) name "transformer.wte/embedding.0"
// CHECK: "aten::masked_fill_.Scalar(Tensor(a!) self, Tensor mask, Scalar value) -> Tensor(a!)"({{.*}}) name "transformer/masked_fill_.0"
// CHECK: "aten::layer_norm({{[^"]*}}"({{.*}}) name "transformer.h.0.ln_1/layer_norm.0"
// CHECK: "aten::addmm({{[^"]*}}"({{.*}}) name "transformer.h.0.attn.c_attn/addmm.0"
// CHECK: %[[PARTS:.*]] = colossal.aten "aten::split.Tensor({{[^"]*}}"({{.*}}) name "transformer.h.0.attn/split.0"
// CHECK: :3 = colossal.aten "prim::ListUnpack"(%[[PARTS]]) name "transformer.h.0.attn/ListUnpack.0" : (!colossal.any) -> (!colossal.any, !colossal.any, !colossal.any)
// CHECK: "aten::scaled_dot_product_attention({{[^"]*}}"({{.*}}) name "transformer.h.0.attn/scaled_dot_product_attention.0"{{.*}} loc(#[[SDPA:.*]])
// CHECK: colossal.aten_constant dense<4.471500e-02> : tensor<f64> weak -> tensor<f64>
// CHECK: "aten::tanh({{[^"]*}}"({{.*}}) name "transformer.h.0.mlp.act/tanh.0"
// CHECK: "aten::linear({{[^"]*}}"({{%.*}}, %[[WTE]], {{%.*}}) name "lm_head/linear.0"
// CHECK: "aten::pad(Tensor self, SymInt[] pad, str mode=\22constant\22, float? value=None) -> Tensor"
// CHECK: "aten::cross_entropy_loss(

// Lines of the model, the innermost first; none of torch's own.
// CHECK-NOT: loc("site-packages/torch/
// CHECK: #[[INNER:.*]] = loc("site-packages/transformers/integrations/sdpa_attention.py":53:0)
// CHECK: #[[CALL:.*]] = loc(callsite(#[[INNER]] at
// CHECK: #[[SDPA]] = loc("transformer.h.0.attn/scaled_dot_product_attention.0"(#[[CALL]]))
