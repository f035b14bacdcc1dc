// RUN: colossal-opt %s -split-input-file -verify-diagnostics --colossal-partition

// What a hand-edited plan may get wrong.

// expected-error@below {{found no 'colossal.mesh'; a planned module has it}}
module {
}

// -----

// expected-error@below {{found no function 'train_step' and not one function alone, expected a planned program}}
module attributes {colossal.mesh = #colossal.mesh<a0 = 2>} {
}

// -----

module attributes {colossal.mesh = #colossal.mesh<a0 = 2>} {
// expected-note@below {{the value is defined here}}
func.func @train_step(%x: tensor<8xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x", colossal.sharding = #colossal.sharding<[_]>})
    -> (tensor<f32> {colossal.metric = "loss"}) {
  // expected-error@below {{'loss' needs 'x' as <[a0]>, found it as <[_]>; a reshard must stand between them}}
  %l = colossal.generic "loss" [b = 8 : sum] (%x : [b]) -> ([])
      attributes {segment = forward, stage = 0, axes = {a0 = b}} {
    ^bb0(%0: f32):
      colossal.yield %0 : f32
  } : (tensor<8xf32>) -> tensor<f32>
  return %l : tensor<f32>
}
}

// -----

module attributes {colossal.mesh = #colossal.mesh<a0 = 2>} {
func.func @train_step(%x: tensor<8xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x", colossal.sharding = #colossal.sharding<[a0]>})
    -> (tensor<f32> {colossal.metric = "loss"}) {
  // expected-error@below {{metric 'loss' must be complete on every rank, found it as <partial {a0 = sum}>}}
  %l = colossal.generic "loss" [b = 8 : sum] (%x : [b]) -> ([])
      attributes {segment = forward, stage = 0, axes = {a0 = b}} {
    ^bb0(%0: f32):
      colossal.yield %0 : f32
  } : (tensor<8xf32>) -> tensor<f32>
  return %l : tensor<f32>
}
}

// -----

module attributes {colossal.mesh = #colossal.mesh<a0 = 2>} {
func.func @train_step(%x: tensor<8xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x", colossal.sharding = #colossal.sharding<[_]>})
    -> (tensor<f32> {colossal.metric = "loss"}) {
  // expected-error@below {{factor 's' of 'shift' cannot be cut, found it cut over 'a0'}}
  %s = colossal.generic "shift" [s = 8] (%x : [s + 1 of 8]) -> ([s])
      attributes {segment = forward, stage = 0, axes = {a0 = s}} {
    ^bb0(%0: f32):
      colossal.yield %0 : f32
  } : (tensor<8xf32>) -> tensor<8xf32>
  %l = colossal.generic "loss" [b = 8 : sum] (%s : [b]) -> ([])
      attributes {segment = forward, stage = 0, axes = {a0 = b}} {
    ^bb0(%0: f32):
      colossal.yield %0 : f32
  } : (tensor<8xf32>) -> tensor<f32>
  return %l : tensor<f32>
}
}

// -----

module attributes {colossal.mesh = #colossal.mesh<a0 = 2>, colossal.microbatches = 2 : i64} {
func.func @train_step(%x: tensor<8xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x", colossal.sharding = #colossal.sharding<[time]>})
    -> (tensor<f32> {colossal.metric = "loss"}) {
  %l = colossal.generic "loss" [b = 8 : sum] (%x : [b]) -> ([])
      attributes {segment = forward, stage = 0, axes = {time = b}} {
    ^bb0(%0: f32):
      colossal.yield %0 : f32
  } : (tensor<8xf32>) -> tensor<f32>
  // A sum over microbatches is complete after the last one only.
  // expected-error@below {{reshard 'early' from <partial {time = sum}> to <> would have to collect microbatches}}
  %all = colossal.reshard "early" %l from <partial {time = sum}> to <>
      {segment = backward, stage = 0} : tensor<f32>
  return %all : tensor<f32>
}
}

// -----

module attributes {colossal.mesh = #colossal.mesh<a0 = 2>} {
func.func @train_step(%x: tensor<8xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x", colossal.sharding = #colossal.sharding<[_]>})
    -> (tensor<f32> {colossal.metric = "loss"}) {
  // expected-note@below {{produced here}}
  %s = colossal.generic "square" [b = 8] (%x : [b]) -> ([b])
      attributes {segment = backward, stage = 0, axes = {}} {
    ^bb0(%0: f32):
      colossal.yield %0 : f32
  } : (tensor<8xf32>) -> tensor<8xf32>
  // expected-error@below {{'loss' in segment 'forward' uses 'square' of the later segment 'backward'}}
  %l = colossal.generic "loss" [b = 8 : sum] (%s : [b]) -> ([])
      attributes {segment = forward, stage = 0, axes = {}} {
    ^bb0(%0: f32):
      colossal.yield %0 : f32
  } : (tensor<8xf32>) -> tensor<f32>
  return %l : tensor<f32>
}
}

// -----

module attributes {colossal.mesh = #colossal.mesh<a0 = 2>} {
func.func @train_step(%x: tensor<8xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x", colossal.sharding = #colossal.sharding<[_]>})
    -> (tensor<f32> {colossal.metric = "loss"}) {
  // expected-error@below {{found no valid 'stage' on 'loss', expected an integer below 1}}
  %l = colossal.generic "loss" [b = 8 : sum] (%x : [b]) -> ([])
      attributes {segment = forward} {
    ^bb0(%0: f32):
      colossal.yield %0 : f32
  } : (tensor<8xf32>) -> tensor<f32>
  return %l : tensor<f32>
}
}

// -----

module attributes {colossal.mesh = #colossal.mesh<a0 = 2>} {
func.func @train_step(%x: tensor<8xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x", colossal.sharding = #colossal.sharding<[_]>})
    -> (tensor<f32> {colossal.metric = "loss"}) {
  // expected-error@below {{found no 'segment' on 'loss'}}
  %l = colossal.generic "loss" [b = 8 : sum] (%x : [b]) -> ([])
      attributes {stage = 0} {
    ^bb0(%0: f32):
      colossal.yield %0 : f32
  } : (tensor<8xf32>) -> tensor<f32>
  return %l : tensor<f32>
}
}

// -----

module attributes {colossal.mesh = #colossal.mesh<a0 = 2>} {
func.func @train_step(%x: tensor<8xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x", colossal.sharding = #colossal.sharding<[_]>})
    -> (tensor<f32> {colossal.metric = "loss"}) {
  // expected-error@below {{found op 'colossal.all_reduce' in a planned program, expected factored ops and reshards}}
  %y = colossal.all_reduce "y" sum %x over ["a0"] : tensor<8xf32> -> tensor<8xf32>
  %l = colossal.generic "loss" [b = 8 : sum] (%y : [b]) -> ([])
      attributes {segment = forward, stage = 0, axes = {}} {
    ^bb0(%0: f32):
      colossal.yield %0 : f32
  } : (tensor<8xf32>) -> tensor<f32>
  return %l : tensor<f32>
}
}

// -----

module attributes {colossal.mesh = #colossal.mesh<a0 = 2>} {
func.func @train_step(%x: tensor<8xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x", colossal.sharding = #colossal.sharding<[_]>})
    -> (tensor<f32> {colossal.metric = "loss"}) {
  // expected-note@below {{the other one is here}}
  %k = colossal.generic "loss" [b = 8 : sum] (%x : [b]) -> ([])
      attributes {segment = forward, stage = 0, axes = {}} {
    ^bb0(%0: f32):
      colossal.yield %0 : f32
  } : (tensor<8xf32>) -> tensor<f32>
  // expected-error@below {{found the name 'loss' twice, expected unique names}}
  %l = colossal.generic "loss" [b = 8 : sum] (%x : [b]) -> ([])
      attributes {segment = forward, stage = 0, axes = {}} {
    ^bb0(%0: f32):
      colossal.yield %0 : f32
  } : (tensor<8xf32>) -> tensor<f32>
  return %l : tensor<f32>
}
}

// -----

module attributes {colossal.mesh = #colossal.mesh<a0 = 2>} {
// expected-error@below {{argument 'x': found 2 sub-dimensions in dimension 0 of the sharding, expected 1}}
func.func @train_step(%x: tensor<8xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x", colossal.sharding = #colossal.sharding<[a0, _]>})
    -> (tensor<f32> {colossal.metric = "loss"}) {
  %l = colossal.generic "loss" [b = 8 : sum] (%x : [b]) -> ([])
      attributes {segment = forward, stage = 0, axes = {}} {
    ^bb0(%0: f32):
      colossal.yield %0 : f32
  } : (tensor<8xf32>) -> tensor<f32>
  return %l : tensor<f32>
}
}

// -----

module attributes {colossal.mesh = #colossal.mesh<a0 = 2>} {
func.func @train_step(%x: tensor<8xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x", colossal.sharding = #colossal.sharding<[_]>})
    -> (tensor<f32> {colossal.metric = "loss"}) {
  // expected-error@below {{found operands [0] partial over 'a0', but 'loss' is not linear in them}}
  %l = colossal.generic "loss" [b = 8 : sum] (%x : [b]) -> ([])
      attributes {segment = forward, stage = 0, axes = {a0 = linear [0]}} {
    ^bb0(%0: f32):
      %1 = math.exp %0 : f32
      colossal.yield %1 : f32
  } : (tensor<8xf32>) -> tensor<f32>
  return %l : tensor<f32>
}
}

// -----

module attributes {colossal.mesh = #colossal.mesh<a0 = 2>} {
// expected-error@below {{result 0 has neither 'colossal.updates' nor 'colossal.metric'}}
func.func @train_step(%x: tensor<8xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x", colossal.sharding = #colossal.sharding<[_]>})
    -> tensor<f32> {
  %l = colossal.generic "loss" [b = 8 : sum] (%x : [b]) -> ([])
      attributes {segment = forward, stage = 0, axes = {}} {
    ^bb0(%0: f32):
      colossal.yield %0 : f32
  } : (tensor<8xf32>) -> tensor<f32>
  return %l : tensor<f32>
}
}

// -----

module attributes {colossal.mesh = #colossal.mesh<a0 = 2>} {
// expected-error@below {{result 0 is an argument or a constant, expected a value that the program computes}}
func.func @train_step(%x: tensor<8xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x", colossal.sharding = #colossal.sharding<[_]>})
    -> (tensor<8xf32> {colossal.metric = "loss"}) {
  return %x : tensor<8xf32>
}
}

// -----

module attributes {colossal.mesh = #colossal.mesh<a0 = 2>, colossal.microbatches = 2 : i64} {
func.func @train_step(%x: tensor<8xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x", colossal.sharding = #colossal.sharding<[time]>})
    -> (tensor<f32> {colossal.metric = "loss"}) {
  %s = colossal.generic "square" [b = 8] (%x : [b]) -> ([b])
      attributes {segment = forward, stage = 0, axes = {time = b}} {
    ^bb0(%0: f32):
      colossal.yield %0 : f32
  } : (tensor<8xf32>) -> tensor<8xf32>
  // expected-error@below {{'loss' in segment 'update' uses 'square', of which each microbatch has only its own part}}
  %l = colossal.generic "loss" [b = 8 : sum] (%s : [b]) -> ([])
      attributes {segment = update, stage = 0} {
    ^bb0(%0: f32):
      colossal.yield %0 : f32
  } : (tensor<8xf32>) -> tensor<f32>
  return %l : tensor<f32>
}
}

// -----

module attributes {colossal.mesh = #colossal.mesh<a0 = 2>} {
func.func @train_step(%x: tensor<8xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x", colossal.sharding = #colossal.sharding<[a0]>},
    %w: tensor<8xf32> {colossal.role = #colossal.role<parameter>, colossal.name = "w", colossal.sharding = #colossal.sharding<[_]>})
    -> (tensor<8xf32> {colossal.updates = 1 : i64}) {
  // expected-error@below {{state 'w' is stored as <[_]>, found its new value as <[a0]>}}
  %s = colossal.generic "square" [b = 8] (%x : [b]) -> ([b])
      attributes {segment = update, stage = 0, axes = {a0 = b}} {
    ^bb0(%0: f32):
      colossal.yield %0 : f32
  } : (tensor<8xf32>) -> tensor<8xf32>
  return %s : tensor<8xf32>
}
}
