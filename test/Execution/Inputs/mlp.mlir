// A perceptron with cross entropy, as Normalize leaves it: the form in which
// tests of later phases start without Import.
func.func @forward(
    %w0: tensor<32x20xf32> {colossal.role = #colossal.role<parameter>, colossal.name = "fc0.weight", colossal.source = {fill = 0.01}},
    %b0: tensor<32xf32> {colossal.role = #colossal.role<parameter>, colossal.name = "fc0.bias", colossal.source = {fill = 0.0}},
    %w1: tensor<10x32xf32> {colossal.role = #colossal.role<parameter>, colossal.name = "fc1.weight", colossal.source = {fill = 0.02}},
    %x: tensor<8x20xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x", colossal.batch_dim = 0 : i64},
    %target: tensor<8xi64> {colossal.role = #colossal.role<batch>, colossal.name = "target", colossal.batch_dim = 0 : i64}) -> tensor<f32> {
  %mm0 = colossal.generic "fc0/linear.0" [b = 8, n = 32, k = 20 : sum] (%x : [b, k], %w0 : [n, k]) -> ([b, n]) {
    ^bb0(%0: f32, %1: f32):
      %2 = arith.mulf %0, %1 : f32
      colossal.yield %2 : f32
  } : (tensor<8x20xf32>, tensor<32x20xf32>) -> tensor<8x32xf32>
  %h = colossal.generic "relu.0" [b = 8, n = 32] (%mm0 : [b, n], %b0 : [n]) -> ([b, n]) {
    ^bb0(%0: f32, %1: f32):
      %zero = arith.constant 0.0 : f32
      %2 = arith.addf %0, %1 : f32
      %3 = arith.cmpf ogt, %2, %zero : f32
      %4 = arith.select %3, %2, %zero : f32
      colossal.yield %4 : f32
  } : (tensor<8x32xf32>, tensor<32xf32>) -> tensor<8x32xf32>
  %logits = colossal.generic "fc1/linear.0" [b = 8, c = 10, k = 32 : sum] (%h : [b, k], %w1 : [c, k]) -> ([b, c]) {
    ^bb0(%0: f32, %1: f32):
      %2 = arith.mulf %0, %1 : f32
      colossal.yield %2 : f32
  } : (tensor<8x32xf32>, tensor<10x32xf32>) -> tensor<8x10xf32>
  %max = colossal.generic "loss/cross_entropy.0.max" [b = 8, c = 10 : max] (%logits : [b, c]) -> ([b]) attributes {group = "loss/cross_entropy.0", keep, no_gradient} {
    ^bb0(%0: f32):
      colossal.yield %0 : f32
  } : (tensor<8x10xf32>) -> tensor<8xf32>
  %sum = colossal.generic "loss/cross_entropy.0.sum" [b = 8, c = 10 : sum] (%logits : [b, c], %max : [b]) -> ([b]) attributes {group = "loss/cross_entropy.0", keep} {
    ^bb0(%0: f32, %1: f32):
      %2 = arith.subf %0, %1 : f32
      %3 = math.exp %2 : f32
      colossal.yield %3 : f32
  } : (tensor<8x10xf32>, tensor<8xf32>) -> tensor<8xf32>
  %pick = colossal.generic "loss/cross_entropy.0.pick" [b = 8, c = 10 : sum] (%target : [b], %logits : [b, c]) -> ([b]) attributes {group = "loss/cross_entropy.0"} {
    ^bb0(%0: i64, %1: f32):
      %3 = colossal.where %1 [c == %0 : i64] : f32
      colossal.yield %3 : f32
  } : (tensor<8xi64>, tensor<8x10xf32>) -> tensor<8xf32>
  %total = colossal.generic "loss/cross_entropy.0.total" [b = 8 : sum] (%target : [b], %max : [b], %sum : [b], %pick : [b]) -> ([]) attributes {group = "loss/cross_entropy.0"} {
    ^bb0(%0: i64, %1: f32, %2: f32, %3: f32):
      %ignored = arith.constant -100 : i64
      %zero = arith.constant 0.0 : f32
      %4 = math.log %2 : f32
      %5 = arith.addf %4, %1 : f32
      %6 = arith.subf %5, %3 : f32
      %7 = arith.cmpi ne, %0, %ignored : i64
      %8 = arith.select %7, %6, %zero : f32
      colossal.yield %8 : f32
  } : (tensor<8xi64>, tensor<8xf32>, tensor<8xf32>, tensor<8xf32>) -> tensor<f32>
  %count = colossal.generic "loss/cross_entropy.0.count" [b = 8 : sum] (%target : [b]) -> ([]) {
    ^bb0(%0: i64):
      %ignored = arith.constant -100 : i64
      %zero = arith.constant 0.0 : f32
      %one = arith.constant 1.0 : f32
      %1 = arith.cmpi ne, %0, %ignored : i64
      %2 = arith.select %1, %one, %zero : f32
      colossal.yield %2 : f32
  } : (tensor<8xi64>) -> tensor<f32>
  %loss = colossal.generic "loss/cross_entropy.0" [] (%total : [], %count : []) -> ([]) {
    ^bb0(%0: f32, %1: f32):
      %2 = arith.divf %0, %1 : f32
      colossal.yield %2 : f32
  } : (tensor<f32>, tensor<f32>) -> tensor<f32>
  return %loss : tensor<f32>
}
