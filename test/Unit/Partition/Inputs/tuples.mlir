// Reductions to tuples over a vocabulary of 17, over positions of a parameter, and over both.
module {
  func.func @forward(%x: tensor<12x5xf32> {colossal.name = "x", colossal.role = #colossal.role<batch>, colossal.batch_dim = 0 : i64},
                     %w: tensor<5x17xf32> {colossal.name = "w", colossal.role = #colossal.role<parameter>},
                     %u: tensor<7x5xf32> {colossal.name = "u", colossal.role = #colossal.role<parameter>}) -> tensor<f32> {
    %logits = colossal.generic "logits" [b = 12, v = 17, k = 5 : sum] (%x : [b, k], %w : [k, v]) -> ([b, v]) {
    ^bb0(%0: f32, %1: f32):
      %2 = arith.mulf %0, %1 : f32
      colossal.yield %2 : f32
    } : (tensor<12x5xf32>, tensor<5x17xf32>) -> tensor<12x17xf32>
    %top:2 = colossal.generic "top" [b = 12, v = 17 : argmax] (%logits : [b, v]) -> ([b], [b]) {
    ^bb0(%0: f32):
      %1 = colossal.index "v"
      colossal.yield %0, %1 : f32, i64
    } : (tensor<12x17xf32>) -> (tensor<12xf32>, tensor<12xi64>)
    %pair:2 = colossal.generic "pair" [b = 12, v = 17 : max_sum_exp] (%logits : [b, v]) -> ([b], [b]) {
    ^bb0(%0: f32):
      %1 = arith.constant 1.0 : f32
      colossal.yield %0, %1 : f32, f32
    } : (tensor<12x17xf32>) -> (tensor<12xf32>, tensor<12xf32>)
    %moments:3 = colossal.generic "moments" [p = 7 : welford, d = 5] (%u : [p, d]) -> ([d], [d], [d]) {
    ^bb0(%0: f32):
      %1 = arith.constant 1 : i64
      %2 = arith.constant 0.0 : f32
      colossal.yield %1, %0, %2 : i64, f32, f32
    } : (tensor<7x5xf32>) -> (tensor<5xi64>, tensor<5xf32>, tensor<5xf32>)
    %least:2 = colossal.generic "least" [k = 5 : argmin, v = 17 : argmin] (%w : [k, v]) -> ([], []) {
    ^bb0(%0: f32):
      %1 = colossal.index "k"
      %2 = colossal.index "v"
      %3 = arith.constant 17 : i64
      %4 = arith.muli %1, %3 : i64
      %5 = arith.addi %4, %2 : i64
      colossal.yield %0, %5 : f32, i64
    } : (tensor<5x17xf32>) -> (tensor<f32>, tensor<i64>)
    %ofMoments = colossal.generic "of_moments" [d = 5 : sum] (%moments#1 : [d], %moments#2 : [d]) -> ([]) {
    ^bb0(%0: f32, %1: f32):
      %2 = arith.mulf %0, %1 : f32
      colossal.yield %2 : f32
    } : (tensor<5xf32>, tensor<5xf32>) -> tensor<f32>
    %loss = colossal.generic "loss" [b = 12 : sum] (%top#0 : [b], %top#1 : [b], %pair#0 : [b], %pair#1 : [b], %ofMoments : [], %least#0 : [], %least#1 : []) -> ([]) {
    ^bb0(%0: f32, %1: i64, %2: f32, %3: f32, %4: f32, %5: f32, %6: i64):
      %7 = math.log %3 : f32
      %8 = arith.addf %2, %7 : f32
      %9 = arith.subf %8, %0 : f32
      %10 = arith.mulf %9, %4 : f32
      %11 = arith.addi %1, %6 : i64
      %12 = arith.sitofp %11 : i64 to f32
      %13 = arith.mulf %5, %12 : f32
      %14 = arith.addf %10, %13 : f32
      colossal.yield %14 : f32
    } : (tensor<12xf32>, tensor<12xi64>, tensor<12xf32>, tensor<12xf32>, tensor<f32>, tensor<f32>, tensor<i64>) -> tensor<f32>
    return %loss : tensor<f32>
  }
}
