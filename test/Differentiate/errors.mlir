// RUN: colossal-opt %s -split-input-file -verify-diagnostics --colossal-differentiate

// What cannot be differentiated, with the place that says so.

// expected-error@below {{found no function @forward to differentiate}}
module {
}

// -----

// expected-error@below {{found a result of type 'tensor<4xf32>', expected a scalar loss}}
func.func @forward(%w: tensor<4xf32> {colossal.role = #colossal.role<parameter>, colossal.name = "w"}) -> tensor<4xf32> {
  return %w : tensor<4xf32>
}

// -----

// expected-error@below {{found a result of type 'f32', expected a scalar loss}}
func.func @forward(%w: f32 {colossal.role = #colossal.role<parameter>, colossal.name = "w"}) -> f32 {
  return %w : f32
}

// -----

// expected-error@below {{expected a function of one block}}
func.func private @forward(%w: tensor<f32> {colossal.role = #colossal.role<parameter>, colossal.name = "w"}) -> tensor<f32>

// -----

// expected-error@below {{argument 'n' has type 'i64', expected a tensor}}
func.func @forward(%w: tensor<f32> {colossal.role = #colossal.role<parameter>, colossal.name = "w"}, %n: i64 {colossal.role = #colossal.role<control>, colossal.name = "n"}) -> tensor<f32> {
  return %w : tensor<f32>
}

// -----

// expected-error@below {{argument 0 has no colossal.role and name}}
func.func @forward(%w: tensor<f32>) -> tensor<f32> {
  return %w : tensor<f32>
}

// -----

// expected-error@below {{the loss does not depend on any parameter: nothing to train}}
func.func @forward(%x: tensor<4xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x"}) -> tensor<f32> {
  %l = colossal.generic "loss" [i = 4 : sum] (%x : [i]) -> ([]) {
  ^bb0(%0: f32):
    colossal.yield %0 : f32
  } : (tensor<4xf32>) -> tensor<f32>
  return %l : tensor<f32>
}

// -----

// The diagonal of a matrix.
func.func @forward(%w: tensor<4x4xf32> {colossal.role = #colossal.role<parameter>, colossal.name = "w"}) -> tensor<f32> {
  // expected-error@below {{no derivative: an operand's map uses a factor twice}}
  %l = colossal.generic "loss" [i = 4 : sum] (%w : [i, i]) -> ([]) {
  ^bb0(%0: f32):
    colossal.yield %0 : f32
  } : (tensor<4x4xf32>) -> tensor<f32>
  return %l : tensor<f32>
}

// -----

func.func @forward(%w: tensor<4xf32> {colossal.role = #colossal.role<parameter>, colossal.name = "w"}) -> tensor<f32> {
  %l = colossal.generic "loss" [i = 4 : sum] (%w : [i]) -> ([]) {
  ^bb0(%0: f32):
    // expected-error@below {{no derivative for 'arith.remf'; add a rule}}
    %1 = arith.remf %0, %0 : f32
    colossal.yield %1 : f32
  } : (tensor<4xf32>) -> tensor<f32>
  return %l : tensor<f32>
}
