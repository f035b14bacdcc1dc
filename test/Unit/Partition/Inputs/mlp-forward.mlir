module {
  func.func @forward(%arg0: tensor<7x5xf32> {colossal.name = "layers.0.weight", colossal.role = #colossal.role<parameter>}, %arg1: tensor<7xf32> {colossal.name = "layers.0.bias", colossal.role = #colossal.role<parameter>}, %arg2: tensor<3x7xf32> {colossal.name = "layers.1.weight", colossal.role = #colossal.role<parameter>}, %arg3: tensor<3xf32> {colossal.name = "layers.1.bias", colossal.role = #colossal.role<parameter>}, %arg4: tensor<12x5xf32> {colossal.batch_dim = 0 : i64, colossal.name = "features", colossal.role = #colossal.role<batch>}, %arg5: tensor<12xi64> {colossal.batch_dim = 0 : i64, colossal.name = "labels", colossal.role = #colossal.role<batch>}) -> tensor<f32> {
    %0 = colossal.generic "layers.0/linear.0" [b = 12, n = 7, k = 5 : sum] (%arg4 : [b, k], %arg0 : [n, k]) -> ([b, n]) {
    ^bb0(%arg6: f32, %arg7: f32):
      %13 = arith.mulf %arg6, %arg7 : f32
      colossal.yield %13 : f32
    } : (tensor<12x5xf32>, tensor<7x5xf32>) -> tensor<12x7xf32>
    %1 = colossal.generic "layers.0/linear.0.bias" [b = 12, n = 7] (%0 : [b, n], %arg1 : [n]) -> ([b, n]) {
    ^bb0(%arg6: f32, %arg7: f32):
      %13 = arith.addf %arg6, %arg7 : f32
      colossal.yield %13 : f32
    } : (tensor<12x7xf32>, tensor<7xf32>) -> tensor<12x7xf32>
    %2 = colossal.generic "gelu.0" [b = 12, n = 7] (%1 : [b, n]) -> ([b, n]) {
    ^bb0(%arg6: f32):
      %cst = arith.constant 0.70710678118654757 : f64
      %13 = arith.truncf %cst : f64 to f32
      %14 = arith.mulf %arg6, %13 : f32
      %15 = math.erf %14 : f32
      %cst_0 = arith.constant 5.000000e-01 : f32
      %16 = arith.mulf %cst_0, %arg6 : f32
      %cst_1 = arith.constant 1.000000e+00 : f32
      %17 = arith.addf %cst_1, %15 : f32
      %18 = arith.mulf %16, %17 : f32
      colossal.yield %18 : f32
    } : (tensor<12x7xf32>) -> tensor<12x7xf32>
    %3 = colossal.generic "layers.1/linear.0" [b = 12, n = 3, k = 7 : sum] (%2 : [b, k], %arg2 : [n, k]) -> ([b, n]) {
    ^bb0(%arg6: f32, %arg7: f32):
      %13 = arith.mulf %arg6, %arg7 : f32
      colossal.yield %13 : f32
    } : (tensor<12x7xf32>, tensor<3x7xf32>) -> tensor<12x3xf32>
    %4 = colossal.generic "layers.1/linear.0.bias" [b = 12, n = 3] (%3 : [b, n], %arg3 : [n]) -> ([b, n]) {
    ^bb0(%arg6: f32, %arg7: f32):
      %13 = arith.addf %arg6, %arg7 : f32
      colossal.yield %13 : f32
    } : (tensor<12x3xf32>, tensor<3xf32>) -> tensor<12x3xf32>
    %5 = colossal.generic "cross_entropy_loss.0.max" [b = 12, n = 3 : max] (%4 : [b, n]) -> ([b]) attributes {group = "cross_entropy_loss.0", keep, no_gradient} {
    ^bb0(%arg6: f32):
      colossal.yield %arg6 : f32
    } : (tensor<12x3xf32>) -> tensor<12xf32>
    %6 = colossal.generic "cross_entropy_loss.0.sum" [b = 12, n = 3 : sum] (%4 : [b, n], %5 : [b]) -> ([b]) attributes {group = "cross_entropy_loss.0", keep} {
    ^bb0(%arg6: f32, %arg7: f32):
      %13 = arith.subf %arg6, %arg7 : f32
      %14 = math.exp %13 : f32
      colossal.yield %14 : f32
    } : (tensor<12x3xf32>, tensor<12xf32>) -> tensor<12xf32>
    %7 = colossal.generic "cross_entropy_loss.0.lse" [b = 12] (%5 : [b], %6 : [b]) -> ([b]) attributes {group = "cross_entropy_loss.0", keep} {
    ^bb0(%arg6: f32, %arg7: f32):
      %13 = math.log %arg7 : f32
      %14 = arith.addf %arg6, %13 : f32
      colossal.yield %14 : f32
    } : (tensor<12xf32>, tensor<12xf32>) -> tensor<12xf32>
    %8 = colossal.generic "cross_entropy_loss.0.label" [b = 12, v = 3 : sum] (%arg5 : [b], %4 : [b, v]) -> ([b]) attributes {group = "cross_entropy_loss.0"} {
    ^bb0(%arg6: i64, %arg7: f32):
      %15 = colossal.where %arg7 [v == %arg6 : i64] : f32
      colossal.yield %15 : f32
    } : (tensor<12xi64>, tensor<12x3xf32>) -> tensor<12xf32>
    %9 = colossal.generic "cross_entropy_loss.0.row" [b = 12] (%arg5 : [b], %7 : [b], %8 : [b]) -> ([b]) attributes {group = "cross_entropy_loss.0"} {
    ^bb0(%arg6: i64, %arg7: f32, %arg8: f32):
      %c-100_i64 = arith.constant -100 : i64
      %13 = arith.cmpi ne, %arg6, %c-100_i64 : i64
      %14 = arith.subf %arg7, %arg8 : f32
      %cst = arith.constant 0.000000e+00 : f32
      %15 = arith.select %13, %14, %cst : f32
      colossal.yield %15 : f32
    } : (tensor<12xi64>, tensor<12xf32>, tensor<12xf32>) -> tensor<12xf32>
    %10 = colossal.generic "cross_entropy_loss.0.total" [b = 12 : sum] (%9 : [b]) -> ([]) attributes {group = "cross_entropy_loss.0"} {
    ^bb0(%arg6: f32):
      colossal.yield %arg6 : f32
    } : (tensor<12xf32>) -> tensor<f32>
    %11 = colossal.generic "cross_entropy_loss.0.count" [b = 12 : sum] (%arg5 : [b]) -> ([]) {
    ^bb0(%arg6: i64):
      %c-100_i64 = arith.constant -100 : i64
      %13 = arith.cmpi ne, %arg6, %c-100_i64 : i64
      %cst = arith.constant 1.000000e+00 : f32
      %cst_0 = arith.constant 0.000000e+00 : f32
      %14 = arith.select %13, %cst, %cst_0 : f32
      colossal.yield %14 : f32
    } : (tensor<12xi64>) -> tensor<f32>
    %12 = colossal.generic "cross_entropy_loss.0" [] (%10 : [], %11 : []) -> ([]) attributes {group = "cross_entropy_loss.0"} {
    ^bb0(%arg6: f32, %arg7: f32):
      %13 = arith.divf %arg6, %arg7 : f32
      colossal.yield %13 : f32
    } : (tensor<f32>, tensor<f32>) -> tensor<f32>
    return %12 : tensor<f32>
  }
}

