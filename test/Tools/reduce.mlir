// The smallest program that Differentiate refuses with this message: what has nothing to do with it goes.
// REQUIRES: colossal-reduce
// RUN: colossal-reduce %s --reduction-tree="traversal-mode=0 test=%S/../../tools/colossal-reduce/interesting.sh test-arg='nothing to train' test-arg=colossal-opt test-arg=--colossal-differentiate" | FileCheck %s --implicit-check-not=@other
// CHECK: func.func @forward
module {
  func.func @other(%x: tensor<4xf32>) -> tensor<4xf32> {
    %y = colossal.generic "twice" [i = 4] (%x : [i]) -> ([i]) {
    ^bb0(%0: f32):
      %1 = arith.addf %0, %0 : f32
      colossal.yield %1 : f32
    } : (tensor<4xf32>) -> tensor<4xf32>
    return %y : tensor<4xf32>
  }
  func.func @forward(%x: tensor<4xf32> {colossal.name = "x", colossal.role = #colossal.role<batch>}) -> tensor<f32> {
    %loss = colossal.generic "loss" [i = 4 : sum] (%x : [i]) -> ([]) {
    ^bb0(%0: f32):
      colossal.yield %0 : f32
    } : (tensor<4xf32>) -> tensor<f32>
    return %loss : tensor<f32>
  }
}
