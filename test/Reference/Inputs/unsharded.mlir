// y = x w, loss = sum over rows that are not ignored of (y[label] - 1)^2; w -= lr * dw.
func.func @train_step(
    %w: tensor<6x5xf32> {colossal.role = #colossal.role<parameter>, colossal.name = "w"},
    %x: tensor<7x6xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x", colossal.batch_dim = 0 : i64},
    %t: tensor<7xi64> {colossal.role = #colossal.role<batch>, colossal.name = "labels", colossal.batch_dim = 0 : i64},
    %lr: tensor<f64> {colossal.role = #colossal.role<control>, colossal.name = "lr"})
    -> (tensor<f32> {colossal.metric = "loss"}, tensor<6x5xf32> {colossal.updates = 0 : i64}) {
  %y = colossal.generic "fc" [b = 7, n = 5, k = 6 : sum] (%x : [b, k], %w : [k, n]) -> ([b, n]) {
    ^bb0(%0: f32, %1: f32):
      %2 = arith.mulf %0, %1 : f32
      colossal.yield %2 : f32
  } : (tensor<7x6xf32>, tensor<6x5xf32>) -> tensor<7x5xf32>
  %p = colossal.generic "pick" [b = 7, n = 5 : sum] (%y : [b, n], %t : [b]) -> ([b]) {
    ^bb0(%0: f32, %1: i64):
      %2 = colossal.where %0 [n == %1 : i64] : f32
      colossal.yield %2 : f32
  } : (tensor<7x5xf32>, tensor<7xi64>) -> tensor<7xf32>
  %d = colossal.generic "sub" [b = 7] (%p : [b], %t : [b]) -> ([b]) {
    ^bb0(%0: f32, %1: i64):
      %one = arith.constant 1.0 : f32
      %zero = arith.constant 0.0 : f32
      %ignored = arith.constant -100 : i64
      %kept = arith.cmpi ne, %1, %ignored : i64
      %2 = arith.subf %0, %one : f32
      %3 = arith.select %kept, %2, %zero : f32
      colossal.yield %3 : f32
  } : (tensor<7xf32>, tensor<7xi64>) -> tensor<7xf32>
  %loss = colossal.generic "loss" [b = 7 : sum] (%d : [b]) -> ([]) {
    ^bb0(%0: f32):
      %1 = arith.mulf %0, %0 : f32
      colossal.yield %1 : f32
  } : (tensor<7xf32>) -> tensor<f32>
  %dy = colossal.generic "dy" [b = 7, n = 5] (%d : [b], %t : [b]) -> ([b, n]) {
    ^bb0(%0: f32, %1: i64):
      %2 = arith.addf %0, %0 : f32
      %3 = colossal.where %2 [n == %1 : i64] : f32
      colossal.yield %3 : f32
  } : (tensor<7xf32>, tensor<7xi64>) -> tensor<7x5xf32>
  %dw = colossal.generic "dw" [k = 6, n = 5, b = 7 : sum] (%x : [b, k], %dy : [b, n]) -> ([k, n])
      attributes {gradient_of = "w"} {
    ^bb0(%0: f32, %1: f32):
      %2 = arith.mulf %0, %1 : f32
      colossal.yield %2 : f32
  } : (tensor<7x6xf32>, tensor<7x5xf32>) -> tensor<6x5xf32>
  %new = colossal.generic "sgd" [k = 6, n = 5] (%w : [k, n], %dw : [k, n], %lr : []) -> ([k, n]) {
    ^bb0(%0: f32, %1: f32, %2: f64):
      %3 = arith.truncf %2 : f64 to f32
      %4 = arith.mulf %3, %1 : f32
      %5 = arith.subf %0, %4 : f32
      colossal.yield %5 : f32
  } : (tensor<6x5xf32>, tensor<6x5xf32>, tensor<f64>) -> tensor<6x5xf32>
  return %loss, %new : tensor<f32>, tensor<6x5xf32>
}
