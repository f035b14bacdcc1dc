// RUN: colossal-opt %s -split-input-file -verify-diagnostics "--colossal-plan=cluster=%examples/clusters/cpu-2.json"

// expected-error@below {{found no function to plan, expected @train_step or a single function}}
module {
}

// -----

func.func @train_step(%x: tensor<4xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x"}) -> (tensor<4xf32> {colossal.metric = "y"}) {
  // expected-error@below {{found op 'colossal.reshard', expected only factored ops to plan}}
  %y = colossal.reshard "y" %x from <[_]> to <[_]> : tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

// expected-error@below {{expected a function of one block}}
func.func private @train_step(%x: tensor<4xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x"}) -> (tensor<4xf32> {colossal.metric = "y"})

// -----

// expected-error@below {{argument 0 has type 'f32'}}
func.func @train_step(%x: f32 {colossal.role = #colossal.role<batch>, colossal.name = "x"}) -> (f32 {colossal.metric = "y"}) {
  return %x : f32
}

// -----

func.func @train_step(%x: tensor<4xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x"}) -> (tensor<4xf32> {colossal.metric = "y"}) {
  // expected-error@below {{found a constant of type 'i64', expected a tensor of numbers}}
  %c = arith.constant 1 : i64
  return %x : tensor<4xf32>
}
