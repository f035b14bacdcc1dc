// The forms of attributes that phases rely on (docs/Architecture.md) hold for every module.
// RUN: colossal-opt -split-input-file -verify-diagnostics %s

// expected-error @below {{found "colossal.mesh" = ["data", 2], expected pairs of an axis name (not "time") and a size}}
module attributes {colossal.mesh = ["data", 2]} {}

// -----

// expected-error @below {{found "colossal.mesh"}}
module attributes {colossal.mesh = [["a", 1048576], ["b", 2]]} {}

// -----

// expected-error @below {{found "colossal.stages" = 16777216 : i64, expected a positive i64}}
module attributes {colossal.stages = 16777216 : i64} {}

// -----

// expected-error @below {{found "colossal.microbatches" = 2 : i32, expected a positive i64}}
module attributes {colossal.microbatches = 2 : i32} {}

// -----

// expected-error @below {{found "colossal.role" = "weight", expected "parameter"}}
func.func @f(%x: tensor<4xf32> {colossal.role = "weight"}) { return }

// -----

// expected-error @below {{found "colossal.batch_dim" = 1 : i64 on a value of type 'tensor<4xf32>'}}
func.func @f(%x: tensor<4xf32> {colossal.batch_dim = 1 : i64}) { return }

// -----

// expected-error @below {{found "colossal.sharding" = #colossal.sharding<[_], [_]> on a value of type 'tensor<4xf32>'}}
func.func @f(%x: tensor<4xf32> {colossal.sharding = #colossal.sharding<[_], [_]>}) { return }

// -----

// expected-error @below {{found "colossal.updates" = 1, expected the number of one of 1 arguments}}
func.func @f(%x: tensor<4xf32>) -> (tensor<4xf32> {colossal.updates = 1 : i64}) { return %x : tensor<4xf32> }

// -----

func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{found axes = {data = "i"}, expected one factor for each axis}}
  %y = colossal.generic "y" [i = 4] (%x : [i]) -> ([i]) attributes {axes = {data = "i"}} {
  ^bb0(%0: f32):
    colossal.yield %0 : f32
  } : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

func.func @f(%x: tensor<4611686018427387904xf32>) -> tensor<4611686018427387904xf32> {
  // expected-error @below {{expected sizes that are not negative, of at most 1099511627776}}
  %y = colossal.generic "y" [i = 4611686018427387904] (%x : [i]) -> ([i]) {
  ^bb0(%0: f32):
    colossal.yield %0 : f32
  } : (tensor<4611686018427387904xf32>) -> tensor<4611686018427387904xf32>
  return %y : tensor<4611686018427387904xf32>
}

// -----

func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{C1: the tensors do not have the shape of the view}}
  %y = colossal.all_to_all "y" %x over ["a"] view 1, 0, 1, 4, 1 gather_x true : tensor<4xf32> -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

func.func @f() -> i64 {
  // expected-error @below {{expected to be in the body of a factored op}}
  %0 = colossal.index "i"
  return %0 : i64
}
