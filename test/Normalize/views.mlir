// RUN: colossal-opt --colossal-normalize -split-input-file %s | FileCheck %s
// RUN: colossal-opt --colossal-normalize --colossal-fuse-elementwise --colossal-refine-factors -split-input-file %s | FileCheck %s --check-prefix=REFINED

// A fused query-key-value projection, taken apart: split makes constant sub-dimensions, the view cuts the heads, the
// transpose changes the order. After refinement all that is left are the maps of the two users.
// CHECK-LABEL: func.func @forward
// REFINED-LABEL: func.func @forward
func.func @forward(%x: tensor<2x5x24xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x", colossal.batch_dim = 0 : i64}) -> !colossal.any {
  %m1 = colossal.aten_constant -1 : i64 -> !colossal.any
  %c1 = colossal.aten_constant 1 : i64 -> !colossal.any
  %c2 = colossal.aten_constant 2 : i64 -> !colossal.any
  %c4 = colossal.aten_constant 4 : i64 -> !colossal.any
  %c5 = colossal.aten_constant 5 : i64 -> !colossal.any
  %c8 = colossal.aten_constant 8 : i64 -> !colossal.any
  // CHECK: %[[Q:.*]] = colossal.generic "split.0" [b = 2, s = 5, d2_1 = 8] (%{{.*}} : [b, s, (0 of 3, d2_1)]) -> ([b, s, d2_1])
  // CHECK: %[[K:.*]] = colossal.generic "split.0.2" [b = 2, s = 5, d2_1 = 8] (%{{.*}} : [b, s, (1 of 3, d2_1)]) -> ([b, s, d2_1])
  %parts = colossal.aten "aten::split.Tensor"(%x, %c8, %c2) name "split.0" : (tensor<2x5x24xf32>, !colossal.any, !colossal.any) -> !colossal.any
  %q, %k, %v = colossal.aten "prim::ListUnpack"(%parts) name "ListUnpack.0" : (!colossal.any) -> (!colossal.any, !colossal.any, !colossal.any)
  %heads = colossal.aten "prim::ListConstruct"(%c2, %c5, %m1, %c4) name "ListConstruct.0" : (!colossal.any, !colossal.any, !colossal.any, !colossal.any) -> !colossal.any
  // CHECK: colossal.generic "view.0" [b = 2, s = 5, d2_1_0 = 2, d2_1_1 = 4] (%[[Q]] : [b, s, (d2_1_0, d2_1_1)]) -> ([b, s, d2_1_0, d2_1_1])
  %qh = colossal.aten "aten::view"(%q, %heads) name "view.0" : (!colossal.any, !colossal.any) -> !colossal.any
  %kh = colossal.aten "aten::view"(%k, %heads) name "view.1" : (!colossal.any, !colossal.any) -> !colossal.any
  // CHECK: colossal.generic "transpose.0" {{.*}} : [b, s, d2_1_0, d2_1_1]) -> ([b, d2_1_0, s, d2_1_1])
  %qt = colossal.aten "aten::transpose.int"(%qh, %c1, %c2) name "transpose.0" : (!colossal.any, !colossal.any, !colossal.any) -> !colossal.any
  %kt = colossal.aten "aten::transpose.int"(%kh, %c1, %c2) name "transpose.1" : (!colossal.any, !colossal.any, !colossal.any) -> !colossal.any
  // REFINED: colossal.generic "mul.0" [b = 2, [[H:.*]] = 2, s = 5, [[D:.*]] = 4] (%{{.*}} : [b, s, (0 of 3, [[H]], [[D]])], %{{.*}} : [b, s, (1 of 3, [[H]], [[D]])]) -> ([b, [[H]], s, [[D]]])
  %y = colossal.aten "aten::mul.Tensor"(%qt, %kt) name "mul.0" : (!colossal.any, !colossal.any) -> !colossal.any
  return %y : !colossal.any
}


// -----

// A part that is one of a few equal ones is a constant sub-dimension, any other part a window: an offset.
// CHECK-LABEL: func.func @forward
// REFINED-LABEL: func.func @forward
func.func @forward(%x: tensor<2x8xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x", colossal.batch_dim = 0 : i64},
                   %y: tensor<2x8xf32> {colossal.role = #colossal.role<batch>, colossal.name = "y", colossal.batch_dim = 0 : i64})
    -> (!colossal.any, !colossal.any, !colossal.any) {
  %c0 = colossal.aten_constant 0 : i64 -> !colossal.any
  %c1 = colossal.aten_constant 1 : i64 -> !colossal.any
  %c4 = colossal.aten_constant 4 : i64 -> !colossal.any
  %end = colossal.aten_constant 9223372036854775807 : i64 -> !colossal.any
  // CHECK: colossal.generic "select.0" [s = 8] (%{{.*}} : [0 of 2, s]) -> ([s])
  // CHECK: colossal.generic "slice.0" [b = 2, s = 7] (%{{.*}} : [b, s + 1 of 8]) -> ([b, s])
  %tail = colossal.aten "aten::slice.Tensor"(%x, %c1, %c1, %end, %c1) name "slice.0" : (tensor<2x8xf32>, !colossal.any, !colossal.any, !colossal.any, !colossal.any) -> !colossal.any
  // CHECK: colossal.generic "slice.1" [b = 2, s1 = 4] (%{{.*}} : [b, (1 of 2, s1)]) -> ([b, s1])
  %half = colossal.aten "aten::slice.Tensor"(%y, %c1, %c4, %end, %c1) name "slice.1" : (tensor<2x8xf32>, !colossal.any, !colossal.any, !colossal.any, !colossal.any) -> !colossal.any
  %first = colossal.aten "aten::select.int"(%x, %c0, %c0) name "select.0" : (tensor<2x8xf32>, !colossal.any, !colossal.any) -> !colossal.any
  return %first, %tail, %half : !colossal.any, !colossal.any, !colossal.any
}

// -----

// Dropout with p = 0, a cast to the same type, contiguous: the tensor itself.
// CHECK-LABEL: func.func @forward
// REFINED-LABEL: func.func @forward
func.func @forward(%x: tensor<2x8xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x", colossal.batch_dim = 0 : i64}) -> !colossal.any {
  %zero = colossal.aten_constant 0.0 : f64 -> !colossal.any
  %true = colossal.aten_constant true -> !colossal.any
  %false = colossal.aten_constant false -> !colossal.any
  %f32 = colossal.aten_constant 6 : i64 -> !colossal.any
  %none = colossal.aten_constant unit -> !colossal.any
  %a = colossal.aten "aten::dropout"(%x, %zero, %true) name "dropout.0" : (tensor<2x8xf32>, !colossal.any, !colossal.any) -> !colossal.any
  %b = colossal.aten "aten::to.dtype"(%a, %f32, %false, %false, %none) name "to.0" : (!colossal.any, !colossal.any, !colossal.any, !colossal.any, !colossal.any) -> !colossal.any
  %c = colossal.aten "aten::contiguous"(%b, %none) name "contiguous.0" : (!colossal.any, !colossal.any) -> !colossal.any
  // CHECK-NEXT: return %arg0
  return %c : !colossal.any
}

// -----

// Sizes that are no products of consecutive ones: by way of one dimension, in which the first sizes have 2 in common.
// A slice whose step does not divide the size: every second element of a window that ends outside. What has no elements
// is not concatenated.
// CHECK-LABEL: func.func @forward
// REFINED-LABEL: func.func @forward
func.func @forward(%x: tensor<6x4xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x", colossal.batch_dim = 0 : i64},
                   %y: tensor<5xf32> {colossal.role = #colossal.role<buffer>, colossal.name = "y"})
    -> (!colossal.any, !colossal.any, !colossal.any) {
  %c0 = colossal.aten_constant 0 : i64 -> !colossal.any
  %c1 = colossal.aten_constant 1 : i64 -> !colossal.any
  %c2 = colossal.aten_constant 2 : i64 -> !colossal.any
  %c3 = colossal.aten_constant 3 : i64 -> !colossal.any
  %c8 = colossal.aten_constant 8 : i64 -> !colossal.any
  %end = colossal.aten_constant 9223372036854775807 : i64 -> !colossal.any
  %s = colossal.aten "prim::ListConstruct"(%c8, %c3) name "ListConstruct.0" : (!colossal.any, !colossal.any) -> !colossal.any
  // CHECK-DAG: %[[FLAT:.*]] = colossal.generic "view.0" [b = 2, b1 = 3, s = 4] (%{{.*}} : [(b, b1), s]) -> ([(b, b1, s)])
  // CHECK-DAG: colossal.generic "view.0.2" [d0 = 2, d0_1 = 4, d1 = 3] (%[[FLAT]] : [(d0, d0_1, d1)]) -> ([(d0, d0_1), d1])
  // REFINED: colossal.generic "view.0.2" [d0 = 2, d0_1 = 4, d1 = 3, place.0 = 3 : sum, place.1 = 4 : sum] (%{{.*}} : [(d0, place.0, place.1)]) -> ([(d0, d0_1), d1])
  %v = colossal.aten "aten::view"(%x, %s) name "view.0" : (tensor<6x4xf32>, !colossal.any) -> !colossal.any
  // CHECK-DAG: %[[PART:.*]] = colossal.generic "slice.0" [i = 6] (%{{.*}} : [i + 0 of 5]) -> ([i])
  // CHECK-DAG: colossal.generic "slice.0.2" [i = 3] (%[[PART]] : [(i, 0 of 2)]) -> ([i])
  %t = colossal.aten "aten::slice.Tensor"(%y, %c0, %c0, %end, %c2) name "slice.0" : (tensor<5xf32>, !colossal.any, !colossal.any, !colossal.any, !colossal.any) -> !colossal.any
  %e = colossal.aten "aten::slice.Tensor"(%y, %c0, %end, %end, %c1) name "slice.1" : (tensor<5xf32>, !colossal.any, !colossal.any, !colossal.any, !colossal.any) -> !colossal.any
  %l = colossal.aten "prim::ListConstruct"(%y, %e) name "ListConstruct.1" : (tensor<5xf32>, !colossal.any) -> !colossal.any
  // CHECK-NOT: = 0]
  // CHECK: return
  %c = colossal.aten "aten::cat"(%l, %c0) name "cat.0" : (!colossal.any, !colossal.any) -> !colossal.any
  return %v, %t, %c : !colossal.any, !colossal.any, !colossal.any
}
