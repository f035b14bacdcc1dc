// RUN: colossal-opt --colossal-normalize -split-input-file %s | FileCheck %s

// is_causal is a predicate on the query and key indices.
// CHECK-LABEL: func.func @forward
func.func @forward(
    %q: tensor<2x3x8x4xf32> {colossal.role = #colossal.role<batch>, colossal.name = "q", colossal.batch_dim = 0 : i64},
    %k: tensor<2x3x8x4xf32> {colossal.role = #colossal.role<batch>, colossal.name = "k", colossal.batch_dim = 0 : i64},
    %v: tensor<2x3x8x4xf32> {colossal.role = #colossal.role<batch>, colossal.name = "v", colossal.batch_dim = 0 : i64}) -> !colossal.any {
  %none = colossal.aten_constant unit -> !colossal.any
  %zero = colossal.aten_constant 0.0 : f64 -> !colossal.any
  %true = colossal.aten_constant true -> !colossal.any
  %false = colossal.aten_constant false -> !colossal.any
  // CHECK: %{{.*}}:2 = colossal.attention "sdpa.0" scale 5.000000e-01 [b = 2, h = 3, q = 8, k = 8, d = 4, e = 4]
  // CHECK-SAME: (%arg0 : [b, h, q, d], %arg1 : [b, h, k, d], %arg2 : [b, h, k, e]) -> ([b, h, q, e], [b, h, q])
  // CHECK: ^bb0(%[[S:.*]]: f32):
  // CHECK: %[[K:.*]] = colossal.index "k"
  // CHECK: %[[Q:.*]] = colossal.index "q"
  // CHECK: %[[SEEN:.*]] = arith.cmpi sle, %[[K]], %[[Q]]
  // CHECK: %[[HIDDEN:.*]] = arith.constant 0xFF800000 : f32
  // CHECK: arith.select %[[SEEN]], %[[S]], %[[HIDDEN]]
  %o = colossal.aten "aten::scaled_dot_product_attention"(%q, %k, %v, %none, %zero, %true, %none, %false) name "sdpa.0"
      : (tensor<2x3x8x4xf32>, tensor<2x3x8x4xf32>, tensor<2x3x8x4xf32>, !colossal.any, !colossal.any, !colossal.any, !colossal.any, !colossal.any) -> !colossal.any
  return %o : !colossal.any
}

// -----

// A mask that is data is an extra operand; one that is a function of indices moves into the body.
// CHECK-LABEL: func.func @forward
func.func @forward(
    %q: tensor<2x8x4xf32> {colossal.role = #colossal.role<batch>, colossal.name = "q", colossal.batch_dim = 0 : i64},
    %m: tensor<8x8xi1> {colossal.role = #colossal.role<buffer>, colossal.name = "m"}) -> (!colossal.any, !colossal.any) {
  %none = colossal.aten_constant unit -> !colossal.any
  %zero = colossal.aten_constant 0.0 : f64 -> !colossal.any
  %c0 = colossal.aten_constant 0 : i64 -> !colossal.any
  %c8 = colossal.aten_constant 8 : i64 -> !colossal.any
  %bool = colossal.aten_constant 11 : i64 -> !colossal.any
  %false = colossal.aten_constant false -> !colossal.any
  %scale = colossal.aten_constant 0.25 : f64 -> !colossal.any
  // CHECK: colossal.attention "sdpa.0" scale 2.500000e-01
  // CHECK-SAME: (%arg0 : [b, q, d], %arg0 : [b, k, d], %arg0 : [b, k, e], %arg1 : [q, k])
  // CHECK: ^bb0(%[[S:.*]]: f32, %[[M:.*]]: i1):
  // CHECK: arith.select %[[M]], %[[S]]
  %a = colossal.aten "aten::scaled_dot_product_attention"(%q, %q, %q, %m, %zero, %false, %scale, %false) name "sdpa.0"
      : (tensor<2x8x4xf32>, tensor<2x8x4xf32>, tensor<2x8x4xf32>, tensor<8x8xi1>, !colossal.any, !colossal.any, !colossal.any, !colossal.any) -> !colossal.any
  %square = colossal.aten "prim::ListConstruct"(%c8, %c8) name "ListConstruct.0" : (!colossal.any, !colossal.any) -> !colossal.any
  %ones = colossal.aten "aten::ones"(%square, %bool, %none, %none, %none) name "ones.0" : (!colossal.any, !colossal.any, !colossal.any, !colossal.any, !colossal.any) -> !colossal.any
  %lower = colossal.aten "aten::tril"(%ones, %c0) name "tril.0" : (!colossal.any, !colossal.any) -> !colossal.any
  // CHECK-NOT: tril
  // CHECK: colossal.attention "sdpa.1"
  // CHECK: ^bb0(%[[S:.*]]: f32):
  // CHECK-DAG: %[[Q:.*]] = colossal.index "q"
  // CHECK-DAG: %[[K:.*]] = colossal.index "k"
  // CHECK: %[[SEEN:.*]] = arith.cmpi sle, %[[K]], %[[Q]]
  // CHECK: arith.select %[[SEEN]], %[[S]]
  %b = colossal.aten "aten::scaled_dot_product_attention"(%q, %q, %q, %lower, %zero, %false, %scale, %false) name "sdpa.1"
      : (tensor<2x8x4xf32>, tensor<2x8x4xf32>, tensor<2x8x4xf32>, !colossal.any, !colossal.any, !colossal.any, !colossal.any, !colossal.any) -> !colossal.any
  return %a, %b : !colossal.any, !colossal.any
}

// -----

// Transformers add a mask of zeros and the least float. Where it is causal, adding is choosing, and the kernel need
// not look at hidden keys. A float mask that depends on a parameter needs a derivative: then attention is
// products and a softmax.
// CHECK-LABEL: func.func @forward
func.func @forward(
    %q: tensor<2x4x4xf32> {colossal.role = #colossal.role<batch>, colossal.name = "q", colossal.batch_dim = 0 : i64},
    %bias: tensor<4x4xf32> {colossal.role = #colossal.role<parameter>, colossal.name = "bias"}) -> (!colossal.any, !colossal.any) {
  %none = colossal.aten_constant unit -> !colossal.any
  %zero = colossal.aten_constant 0.0 : f64 -> !colossal.any
  %c0 = colossal.aten_constant 0 : i64 -> !colossal.any
  %c1 = colossal.aten_constant 1 : i64 -> !colossal.any
  %c4 = colossal.aten_constant 4 : i64 -> !colossal.any
  %min = colossal.aten_constant -3.4028234663852886e+38 : f64 -> !colossal.any
  %false = colossal.aten_constant false -> !colossal.any
  %square = colossal.aten "prim::ListConstruct"(%c4, %c4) name "ListConstruct.0" : (!colossal.any, !colossal.any) -> !colossal.any
  %column = colossal.aten "prim::ListConstruct"(%c4, %c1) name "ListConstruct.1" : (!colossal.any, !colossal.any) -> !colossal.any
  %mask = colossal.aten "aten::full"(%square, %min, %none, %none, %none, %none) name "full.0" : (!colossal.any, !colossal.any, !colossal.any, !colossal.any, !colossal.any, !colossal.any) -> !colossal.any
  %i = colossal.aten "aten::arange"(%c4, %none, %none, %none, %none) name "arange.0" : (!colossal.any, !colossal.any, !colossal.any, !colossal.any, !colossal.any) -> !colossal.any
  %next = colossal.aten "aten::add.Scalar"(%i, %c1, %c1) name "add.0" : (!colossal.any, !colossal.any, !colossal.any) -> !colossal.any
  %rows = colossal.aten "aten::view"(%next, %column) name "view.0" : (!colossal.any, !colossal.any) -> !colossal.any
  %seen = colossal.aten "aten::lt.Tensor"(%i, %rows) name "lt.0" : (!colossal.any, !colossal.any) -> !colossal.any
  %causal = colossal.aten "aten::masked_fill_.Scalar"(%mask, %seen, %c0) name "masked_fill_.0" : (!colossal.any, !colossal.any, !colossal.any) -> !colossal.any
  // CHECK-NOT: full.0
  // CHECK: colossal.attention "sdpa.0"
  // CHECK: ^bb0(%[[S:.*]]: f32):
  // CHECK: %[[SEEN:.*]] = arith.cmpi slt
  // CHECK: %[[CHOSEN:.*]] = arith.select %[[SEEN]], %[[S]], %{{.*}} : f32
  // CHECK: colossal.yield %[[CHOSEN]]
  %a = colossal.aten "aten::scaled_dot_product_attention"(%q, %q, %q, %causal, %zero, %false, %none, %false) name "sdpa.0"
      : (tensor<2x4x4xf32>, tensor<2x4x4xf32>, tensor<2x4x4xf32>, !colossal.any, !colossal.any, !colossal.any, !colossal.any, !colossal.any) -> !colossal.any
  // CHECK-NOT: colossal.attention
  // CHECK: colossal.generic "sdpa.1.scores"
  // CHECK: colossal.generic "sdpa.1.weights"
  // CHECK: colossal.generic "sdpa.1" [
  %b = colossal.aten "aten::scaled_dot_product_attention"(%q, %q, %q, %bias, %zero, %false, %none, %false) name "sdpa.1"
      : (tensor<2x4x4xf32>, tensor<2x4x4xf32>, tensor<2x4x4xf32>, tensor<4x4xf32>, !colossal.any, !colossal.any, !colossal.any, !colossal.any) -> !colossal.any
  return %a, %b : !colossal.any, !colossal.any
}
