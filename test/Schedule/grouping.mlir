// RUN: colossal-opt %s --colossal-print-groups -o /dev/null | FileCheck %s

// A matrix product is a library call; bias and activation after it are one
// kernel, which may write over the product. The view is a rename.
// CHECK-LABEL: @linear
// CHECK-NEXT: alias "view" (%arg0) -> (%0)
// CHECK-NEXT: gemm "mm" (%0, %arg1) -> (%1)
// CHECK-NEXT: kernel "tanh" (%1, %arg2) -> (%3 on %1) { bias; tanh }
func.func @linear(%x: tensor<4x16x32xf32>, %w: tensor<32x64xf32>, %b: tensor<64xf32>) -> tensor<64x64xf32> {
  %v = colossal.generic "view" [b = 4, s = 16, k = 32] (%x : [b, s, k]) -> ([(b, s), k]) {
    ^bb0(%0: f32):
      colossal.yield %0 : f32
  } : (tensor<4x16x32xf32>) -> tensor<64x32xf32>
  %y = colossal.generic "mm" [i = 64, n = 64, k = 32 : sum] (%v : [i, k], %w : [k, n]) -> ([i, n]) {
    ^bb0(%0: f32, %1: f32):
      %2 = arith.mulf %0, %1 : f32
      colossal.yield %2 : f32
  } : (tensor<64x32xf32>, tensor<32x64xf32>) -> tensor<64x64xf32>
  %z = colossal.generic "bias" [i = 64, n = 64] (%y : [i, n], %b : [n]) -> ([i, n]) {
    ^bb0(%0: f32, %1: f32):
      %2 = arith.addf %0, %1 : f32
      colossal.yield %2 : f32
  } : (tensor<64x64xf32>, tensor<64xf32>) -> tensor<64x64xf32>
  %g = colossal.generic "tanh" [i = 64, n = 64] (%z : [i, n]) -> ([i, n]) {
    ^bb0(%0: f32):
      %1 = math.tanh %0 : f32
      colossal.yield %1 : f32
  } : (tensor<64x64xf32>) -> tensor<64x64xf32>
  return %g : tensor<64x64xf32>
}

// Reductions over rows and what uses them: one kernel, in place. The exponential
// is kept in a row buffer between its two uses.
// CHECK-LABEL: @softmax
// CHECK-NEXT: kernel "div" (%arg0) -> (%3 on %arg0) { max; exp; sum; div }
func.func @softmax(%x: tensor<8x128xf32>) -> tensor<8x128xf32> {
  %m = colossal.generic "max" [i = 8, k = 128 : max] (%x : [i, k]) -> ([i]) {
    ^bb0(%0: f32):
      colossal.yield %0 : f32
  } : (tensor<8x128xf32>) -> tensor<8xf32>
  %e = colossal.generic "exp" [i = 8, k = 128] (%x : [i, k], %m : [i]) -> ([i, k]) {
    ^bb0(%0: f32, %1: f32):
      %2 = arith.subf %0, %1 : f32
      %3 = math.exp %2 : f32
      colossal.yield %3 : f32
  } : (tensor<8x128xf32>, tensor<8xf32>) -> tensor<8x128xf32>
  %s = colossal.generic "sum" [i = 8, k = 128 : sum] (%e : [i, k]) -> ([i]) {
    ^bb0(%0: f32):
      colossal.yield %0 : f32
  } : (tensor<8x128xf32>) -> tensor<8xf32>
  %y = colossal.generic "div" [i = 8, k = 128] (%e : [i, k], %s : [i]) -> ([i, k]) {
    ^bb0(%0: f32, %1: f32):
      %2 = arith.divf %0, %1 : f32
      colossal.yield %2 : f32
  } : (tensor<8x128xf32>, tensor<8xf32>) -> tensor<8x128xf32>
  return %y : tensor<8x128xf32>
}

// Gradients of a norm's weight and bias are sums over the same rows: one pass. The
// elementwise gradient, which others need, is a kernel over rows.
// CHECK-LABEL: @columns
// CHECK-NEXT: kernel "scale" (%arg0, %arg1) -> (%0 on %arg0)
// CHECK-NEXT: kernel "db" (%0, %arg2) -> (%1, %2) { dw; db }
func.func @columns(%x: tensor<64x96xf32>, %w: tensor<96xf32>, %y: tensor<64x96xf32>)
    -> (tensor<64x96xf32>, tensor<96xf32>, tensor<96xf32>) {
  %s = colossal.generic "scale" [i = 64, n = 96] (%x : [i, n], %w : [n]) -> ([i, n]) {
    ^bb0(%0: f32, %1: f32):
      %2 = arith.mulf %0, %1 : f32
      colossal.yield %2 : f32
  } : (tensor<64x96xf32>, tensor<96xf32>) -> tensor<64x96xf32>
  %dw = colossal.generic "dw" [i = 64 : sum, n = 96] (%s : [i, n], %y : [i, n]) -> ([n]) {
    ^bb0(%0: f32, %1: f32):
      %2 = arith.mulf %0, %1 : f32
      colossal.yield %2 : f32
  } : (tensor<64x96xf32>, tensor<64x96xf32>) -> tensor<96xf32>
  %db = colossal.generic "db" [i = 64 : sum, n = 96] (%s : [i, n]) -> ([n]) {
    ^bb0(%0: f32):
      colossal.yield %0 : f32
  } : (tensor<64x96xf32>) -> tensor<96xf32>
  return %s, %dw, %db : tensor<64x96xf32>, tensor<96xf32>, tensor<96xf32>
}

// A function of indices has no buffer: every kernel that needs it computes it.
// CHECK-LABEL: @mask
// CHECK-NEXT: kernel "masked" (%arg0) -> (%1 on %arg0) { mask; masked }
func.func @mask(%x: tensor<16x16xf32>) -> tensor<16x16xf32> {
  %m = colossal.generic "mask" [q = 16, k = 16] () -> ([q, k]) {
      %q = colossal.index "q"
      %k = colossal.index "k"
      %0 = arith.cmpi sle, %k, %q : i64
      colossal.yield %0 : i1
  } : () -> tensor<16x16xi1>
  %y = colossal.generic "masked" [q = 16, k = 16] (%x : [q, k], %m : [q, k]) -> ([q, k]) {
    ^bb0(%0: f32, %1: i1):
      %low = arith.constant 0xFF800000 : f32
      %2 = arith.select %1, %0, %low : f32
      colossal.yield %2 : f32
  } : (tensor<16x16xf32>, tensor<16x16xi1>) -> tensor<16x16xf32>
  return %y : tensor<16x16xf32>
}

// The merged (h, d) is no single extent of x: x is packed. The gradient is added
// to its accumulator by the product itself.
// CHECK-LABEL: @packed
// CHECK-NEXT: kernel "mm/pack.0" (%arg0) -> (%0)
// CHECK-NEXT: gemm "mm" (%0, %arg1) -> (%1 +=)
func.func @packed(%x: tensor<2x3x10x8xf32>, %w: tensor<24x20xf32>)
    -> (tensor<2x10x20xf32> {colossal.accumulate = "sum"}) {
  %y = colossal.generic "mm" [b = 2, s = 10, n = 20, h = 3 : sum, d = 8 : sum]
      (%x : [b, h, s, d], %w : [(h, d), n]) -> ([b, s, n]) {
    ^bb0(%0: f32, %1: f32):
      %2 = arith.mulf %0, %1 : f32
      colossal.yield %2 : f32
  } : (tensor<2x3x10x8xf32>, tensor<24x20xf32>) -> tensor<2x10x20xf32>
  return %y : tensor<2x10x20xf32>
}

// A collective ends a kernel: its input must be in memory.
// CHECK-LABEL: @collective
// CHECK-NEXT: kernel "sum" (%arg0) -> (%0)
// CHECK-NEXT: collective "sum" (%0) -> (%1)
// CHECK-NEXT: kernel "scaled" (%arg0, %1) -> (%2 on %arg0)
func.func @collective(%x: tensor<64x32xf32>) -> tensor<64x32xf32> {
  %s = colossal.generic "sum" [i = 64, k = 32 : sum] (%x : [i, k]) -> ([i]) {
    ^bb0(%0: f32):
      colossal.yield %0 : f32
  } : (tensor<64x32xf32>) -> tensor<64xf32>
  %t = colossal.all_reduce "sum" sum %s over ["tensor"] : tensor<64xf32> -> tensor<64xf32>
  %y = colossal.generic "scaled" [i = 64, k = 32] (%x : [i, k], %t : [i]) -> ([i, k]) {
    ^bb0(%0: f32, %1: f32):
      %2 = arith.mulf %0, %1 : f32
      colossal.yield %2 : f32
  } : (tensor<64x32xf32>, tensor<64xf32>) -> tensor<64x32xf32>
  return %y : tensor<64x32xf32>
}

// Another decomposition of the same memory is a rename, too; one that an axis
// cuts, or that moves elements, is a kernel.
// CHECK-LABEL: @decompositions
// CHECK-NEXT: alias "rename" (%arg0) -> (%0)
// CHECK-NEXT: kernel "exp"
// CHECK-NEXT: kernel "shift"
func.func @decompositions(%x: tensor<3x96xf32>) -> (tensor<3x16x6xf32>, tensor<3x96xf32>) {
  %y = colossal.generic "rename" [b = 3, i = 16, j = 6, a = 12 : sum, c = 8 : sum] (%x : [b, (a, c)]) -> ([b, i, j]) {
    ^bb0(%0: f32):
      %1 = colossal.where %0 [8 * a + c == 6 * i + j] : f32
      colossal.yield %1 : f32
  } : (tensor<3x96xf32>) -> tensor<3x16x6xf32>
  %e = colossal.generic "exp" [b = 3, i = 16, j = 6] (%y : [b, i, j]) -> ([b, i, j]) {
    ^bb0(%0: f32):
      %1 = math.exp %0 : f32
      colossal.yield %1 : f32
  } : (tensor<3x16x6xf32>) -> tensor<3x16x6xf32>
  %s = colossal.generic "shift" [b = 3, i = 96, a = 96 : sum] (%x : [b, a]) -> ([b, i]) {
    ^bb0(%0: f32):
      %1 = colossal.where %0 [a == i + 1] : f32
      colossal.yield %1 : f32
  } : (tensor<3x96xf32>) -> tensor<3x96xf32>
  return %e, %s : tensor<3x16x6xf32>, tensor<3x96xf32>
}

// Products of bf16 are library calls, rounded or with the sum in f32; one that
// mixes types is a kernel.
// CHECK-LABEL: @narrow
// CHECK-NEXT: gemm "rounded" (%arg0, %arg1) -> (%0)
// CHECK-NEXT: gemm "wide" (%arg0, %arg1) -> (%1)
// CHECK-NEXT: kernel "mixed" (%arg0, %arg2) -> (%2)
func.func @narrow(%x: tensor<64x32xbf16>, %w: tensor<32x64xbf16>, %v: tensor<32x64xf32>) -> (tensor<64x64xbf16>, tensor<64x64xf32>, tensor<64x64xf32>) {
  %y = colossal.generic "rounded" [i = 64, n = 64, k = 32 : sum] (%x : [i, k], %w : [k, n]) -> ([i, n]) {
    ^bb0(%0: bf16, %1: bf16):
      %2 = arith.mulf %0, %1 : bf16
      colossal.yield %2 : bf16
  } : (tensor<64x32xbf16>, tensor<32x64xbf16>) -> tensor<64x64xbf16>
  %z = colossal.generic "wide" [i = 64, n = 64, k = 32 : sum] (%x : [i, k], %w : [k, n]) -> ([i, n]) {
    ^bb0(%0: bf16, %1: bf16):
      %2 = arith.extf %0 : bf16 to f32
      %3 = arith.extf %1 : bf16 to f32
      %4 = arith.mulf %2, %3 : f32
      colossal.yield %4 : f32
  } : (tensor<64x32xbf16>, tensor<32x64xbf16>) -> tensor<64x64xf32>
  %m = colossal.generic "mixed" [i = 64, n = 64, k = 32 : sum] (%x : [i, k], %v : [k, n]) -> ([i, n]) {
    ^bb0(%0: bf16, %1: f32):
      %2 = arith.extf %0 : bf16 to f32
      %3 = arith.mulf %2, %1 : f32
      colossal.yield %3 : f32
  } : (tensor<64x32xbf16>, tensor<32x64xf32>) -> tensor<64x64xf32>
  return %y, %z, %m : tensor<64x64xbf16>, tensor<64x64xf32>, tensor<64x64xf32>
}

// A reduction of costly terms that an elementwise op has computed reads them: of two such ops the one that is first
// among the users of its first operand, whichever operand has the fewest.
// CHECK-LABEL: @terms
// CHECK-NEXT: kernel "other" (%arg0, %arg1) -> (%0 {{.*}}, %1 {{.*}}, %3 {{.*}}) { terms; again; other }
// CHECK-NEXT: kernel "sum" (%1) -> (%2)
func.func @terms(%x: tensor<64x48xf32>, %g: tensor<64x48xf32>)
    -> (tensor<64x48xf32>, tensor<64x48xf32>, tensor<48xf32>, tensor<64x48xf32>) {
  %a = colossal.generic "terms" [i = 64, n = 48] (%x : [i, n], %g : [i, n]) -> ([i, n]) {
    ^bb0(%0: f32, %1: f32):
      %2 = math.tanh %0 : f32
      %3 = arith.mulf %2, %1 : f32
      colossal.yield %3 : f32
  } : (tensor<64x48xf32>, tensor<64x48xf32>) -> tensor<64x48xf32>
  %b = colossal.generic "again" [r = 64, c = 48] (%x : [r, c], %g : [r, c]) -> ([r, c]) {
    ^bb0(%0: f32, %1: f32):
      %2 = math.tanh %0 : f32
      %3 = arith.mulf %2, %1 : f32
      colossal.yield %3 : f32
  } : (tensor<64x48xf32>, tensor<64x48xf32>) -> tensor<64x48xf32>
  %s = colossal.generic "sum" [i = 64 : sum, n = 48] (%x : [i, n], %g : [i, n]) -> ([n]) {
    ^bb0(%0: f32, %1: f32):
      %2 = math.tanh %0 : f32
      %3 = arith.mulf %2, %1 : f32
      colossal.yield %3 : f32
  } : (tensor<64x48xf32>, tensor<64x48xf32>) -> tensor<48xf32>
  %o = colossal.generic "other" [i = 64, n = 48] (%x : [i, n]) -> ([i, n]) {
    ^bb0(%0: f32):
      %1 = math.exp %0 : f32
      colossal.yield %1 : f32
  } : (tensor<64x48xf32>) -> tensor<64x48xf32>
  return %a, %b, %s, %o : tensor<64x48xf32>, tensor<64x48xf32>, tensor<48xf32>, tensor<64x48xf32>
}
