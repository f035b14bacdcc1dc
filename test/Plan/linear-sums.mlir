// A sum of several operands times a common factor is linear in them: with two
// microbatches it is added up. A body whose values are used twice, 64 times
// over, is read once (by recursion it would take 2^64 steps).
// RUN: colossal-opt %s "--colossal-plan=cluster=%examples/clusters/cpu-2.json pin=microbatches=2,data=2" | FileCheck %s
// CHECK: colossal.generic "scaled"
// CHECK-SAME: axes = {{{.*}}time = linear [1, 2, 3]}
// CHECK: colossal.generic "doubled"
// CHECK-SAME: axes = {{{.*}}time = linear [0]}

func.func @train_step(
    %p: tensor<6xf32> {colossal.role = #colossal.role<parameter>, colossal.name = "p"},
    %x: tensor<8x6xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x", colossal.batch_dim = 0 : i64})
    -> (tensor<6xf32> {colossal.updates = 0 : i64}) {
  %a = colossal.generic "a" [n = 6, b = 8 : sum] (%x : [b, n]) -> ([n]) attributes {pass = backward} {
  ^bb0(%0: f32):
    %1 = math.exp %0 : f32
    colossal.yield %1 : f32
  } : (tensor<8x6xf32>) -> tensor<6xf32>
  %b = colossal.generic "b" [n = 6, b = 8 : sum] (%x : [b, n]) -> ([n]) attributes {pass = backward} {
  ^bb0(%0: f32):
    %1 = math.tanh %0 : f32
    colossal.yield %1 : f32
  } : (tensor<8x6xf32>) -> tensor<6xf32>
  %c = colossal.generic "c" [n = 6, b = 8 : sum] (%x : [b, n]) -> ([n]) attributes {pass = backward} {
  ^bb0(%0: f32):
    %1 = math.sin %0 : f32
    colossal.yield %1 : f32
  } : (tensor<8x6xf32>) -> tensor<6xf32>
  %scaled = colossal.generic "scaled" [n = 6] (%p : [n], %a : [n], %b : [n], %c : [n]) -> ([n]) attributes {pass = backward} {
  ^bb0(%0: f32, %1: f32, %2: f32, %3: f32):
    %4 = arith.addf %1, %2 : f32
    %5 = arith.subf %4, %3 : f32
    %6 = math.exp %0 : f32
    %7 = arith.mulf %6, %5 : f32
    colossal.yield %7 : f32
  } : (tensor<6xf32>, tensor<6xf32>, tensor<6xf32>, tensor<6xf32>) -> tensor<6xf32>
  %doubled = colossal.generic "doubled" [n = 6] (%scaled : [n]) -> ([n]) attributes {pass = backward} {
  ^bb0(%d0: f32):
    %d1 = arith.addf %d0, %d0 : f32
    %d2 = arith.addf %d1, %d1 : f32
    %d3 = arith.addf %d2, %d2 : f32
    %d4 = arith.addf %d3, %d3 : f32
    %d5 = arith.addf %d4, %d4 : f32
    %d6 = arith.addf %d5, %d5 : f32
    %d7 = arith.addf %d6, %d6 : f32
    %d8 = arith.addf %d7, %d7 : f32
    %d9 = arith.addf %d8, %d8 : f32
    %d10 = arith.addf %d9, %d9 : f32
    %d11 = arith.addf %d10, %d10 : f32
    %d12 = arith.addf %d11, %d11 : f32
    %d13 = arith.addf %d12, %d12 : f32
    %d14 = arith.addf %d13, %d13 : f32
    %d15 = arith.addf %d14, %d14 : f32
    %d16 = arith.addf %d15, %d15 : f32
    %d17 = arith.addf %d16, %d16 : f32
    %d18 = arith.addf %d17, %d17 : f32
    %d19 = arith.addf %d18, %d18 : f32
    %d20 = arith.addf %d19, %d19 : f32
    %d21 = arith.addf %d20, %d20 : f32
    %d22 = arith.addf %d21, %d21 : f32
    %d23 = arith.addf %d22, %d22 : f32
    %d24 = arith.addf %d23, %d23 : f32
    %d25 = arith.addf %d24, %d24 : f32
    %d26 = arith.addf %d25, %d25 : f32
    %d27 = arith.addf %d26, %d26 : f32
    %d28 = arith.addf %d27, %d27 : f32
    %d29 = arith.addf %d28, %d28 : f32
    %d30 = arith.addf %d29, %d29 : f32
    %d31 = arith.addf %d30, %d30 : f32
    %d32 = arith.addf %d31, %d31 : f32
    %d33 = arith.addf %d32, %d32 : f32
    %d34 = arith.addf %d33, %d33 : f32
    %d35 = arith.addf %d34, %d34 : f32
    %d36 = arith.addf %d35, %d35 : f32
    %d37 = arith.addf %d36, %d36 : f32
    %d38 = arith.addf %d37, %d37 : f32
    %d39 = arith.addf %d38, %d38 : f32
    %d40 = arith.addf %d39, %d39 : f32
    %d41 = arith.addf %d40, %d40 : f32
    %d42 = arith.addf %d41, %d41 : f32
    %d43 = arith.addf %d42, %d42 : f32
    %d44 = arith.addf %d43, %d43 : f32
    %d45 = arith.addf %d44, %d44 : f32
    %d46 = arith.addf %d45, %d45 : f32
    %d47 = arith.addf %d46, %d46 : f32
    %d48 = arith.addf %d47, %d47 : f32
    %d49 = arith.addf %d48, %d48 : f32
    %d50 = arith.addf %d49, %d49 : f32
    %d51 = arith.addf %d50, %d50 : f32
    %d52 = arith.addf %d51, %d51 : f32
    %d53 = arith.addf %d52, %d52 : f32
    %d54 = arith.addf %d53, %d53 : f32
    %d55 = arith.addf %d54, %d54 : f32
    %d56 = arith.addf %d55, %d55 : f32
    %d57 = arith.addf %d56, %d56 : f32
    %d58 = arith.addf %d57, %d57 : f32
    %d59 = arith.addf %d58, %d58 : f32
    %d60 = arith.addf %d59, %d59 : f32
    %d61 = arith.addf %d60, %d60 : f32
    %d62 = arith.addf %d61, %d61 : f32
    %d63 = arith.addf %d62, %d62 : f32
    %d64 = arith.addf %d63, %d63 : f32
    colossal.yield %d64 : f32
  } : (tensor<6xf32>) -> tensor<6xf32>
  %next = colossal.generic "next" [n = 6] (%p : [n], %doubled : [n]) -> ([n]) attributes {pass = update} {
  ^bb0(%0: f32, %1: f32):
    %2 = arith.subf %0, %1 : f32
    colossal.yield %2 : f32
  } : (tensor<6xf32>, tensor<6xf32>) -> tensor<6xf32>
  return %next : tensor<6xf32>
}
