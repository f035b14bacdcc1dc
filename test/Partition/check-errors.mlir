// What a partitioned module may not be. The rules of shardings inside a function: test/Unit/Partition/CheckTest.cpp.
// RUN: colossal-opt %s -split-input-file -verify-diagnostics --colossal-check-collectives

module attributes {colossal.mesh = #colossal.mesh<a0 = 2>} {
// expected-error@below {{found function 'f' without 'colossal.stage' and 'colossal.segment', expected local functions only}}
func.func @f() { return }
}

// -----

module attributes {colossal.mesh = #colossal.mesh<a0 = 2>, colossal.stages = 2 : i64} {
// expected-error@below {{D4: found stage = 2, expected one from 0 to below 2}}
func.func @f() attributes {colossal.stage = 2 : i64, colossal.segment = #colossal.segment<forward>} { return }
}

// -----

module attributes {colossal.mesh = #colossal.mesh<a0 = 2>} {
// expected-note@below {{the first one is here}}
func.func @f() attributes {colossal.stage = 0 : i64, colossal.segment = #colossal.segment<forward>} { return }
// expected-error@below {{found a second function for segment 'forward' of stage 0}}
func.func @g() attributes {colossal.stage = 0 : i64, colossal.segment = #colossal.segment<forward>} { return }
}

// -----

module attributes {colossal.mesh = #colossal.mesh<a0 = 2>} {
// expected-error@below {{expected a function of one block}}
func.func private @f() attributes {colossal.stage = 0 : i64, colossal.segment = #colossal.segment<forward>}
}

// -----

module attributes {colossal.mesh = #colossal.mesh<a0 = 2>} {
// expected-error@below {{argument 0 of 'f': found no 'colossal.sharding' with 'colossal.global_shape'}}
func.func @f(%x: tensor<4xf32>) attributes {colossal.stage = 0 : i64, colossal.segment = #colossal.segment<forward>} { return }
}

// -----

module attributes {colossal.mesh = #colossal.mesh<a0 = 2>} {
// expected-error@below {{argument 0 of 'f' is neither linked nor has a role}}
func.func @f(%x: tensor<4xf32> {colossal.sharding = #colossal.sharding<[a0]>, colossal.global_shape = [[8]]}) attributes {colossal.stage = 0 : i64, colossal.segment = #colossal.segment<forward>} { return }
}

// -----

module attributes {colossal.mesh = #colossal.mesh<a0 = 2>} {
// expected-error@below {{'func.func' has type 'tensor<4xf32>', expected the local shape [8] of <[_]>}}
func.func @f(%x: tensor<4xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x", colossal.sharding = #colossal.sharding<[_]>, colossal.global_shape = [[8]]}) attributes {colossal.stage = 0 : i64, colossal.segment = #colossal.segment<forward>} { return }
}

// -----

module attributes {colossal.mesh = #colossal.mesh<a0 = 2>} {
// expected-error@below {{found no earlier segment of stage 0 that produces the linked value 'h'}}
func.func @f(%x: tensor<4xf32> {colossal.link = "h", colossal.sharding = #colossal.sharding<[a0]>, colossal.global_shape = [[8]]}) attributes {colossal.stage = 0 : i64, colossal.segment = #colossal.segment<forward>} { return }
}

// -----

module attributes {colossal.mesh = #colossal.mesh<a0 = 2>} {
// expected-error@below {{result 0 of 'f' is no link, no updated state, no metric and no output}}
func.func @f(%x: tensor<4xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x", colossal.sharding = #colossal.sharding<[a0]>, colossal.global_shape = [[8]]})
    -> (tensor<4xf32> {colossal.sharding = #colossal.sharding<[a0]>, colossal.global_shape = [[8]]}) attributes {colossal.stage = 0 : i64, colossal.segment = #colossal.segment<forward>} { return %x : tensor<4xf32> }
}

// -----

module attributes {colossal.mesh = #colossal.mesh<a0 = 2>} {
// expected-error@below {{found a new value of 'w', which stage 0 does not hold}}
func.func @f(%x: tensor<4xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x", colossal.sharding = #colossal.sharding<[a0]>, colossal.global_shape = [[8]]})
    -> (tensor<4xf32> {colossal.updates = "w", colossal.sharding = #colossal.sharding<[a0]>, colossal.global_shape = [[8]]}) attributes {colossal.stage = 0 : i64, colossal.segment = #colossal.segment<forward>} { return %x : tensor<4xf32> }
}

// -----

module attributes {colossal.mesh = #colossal.mesh<a0 = 2>, colossal.stages = 2 : i64} {
func.func @f(%x: tensor<8xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x", colossal.sharding = #colossal.sharding<[_]>, colossal.global_shape = [[8]]}) attributes {colossal.stage = 0 : i64, colossal.segment = #colossal.segment<forward>} {
  // expected-error@below {{'x' (stage 0, forward): stage 1 never receives tag 0}}
  colossal.send "x" %x to 1 tag 0 : tensor<8xf32>
  return
}
}

// -----

module attributes {colossal.mesh = #colossal.mesh<a0 = 2>, colossal.stages = 2 : i64} {
func.func @f(%x: tensor<8xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x", colossal.sharding = #colossal.sharding<[_]>, colossal.global_shape = [[8]]}) attributes {colossal.stage = 0 : i64, colossal.segment = #colossal.segment<forward>} {
  // expected-error@below {{'x' (stage 0, forward): found stage 0 as the other side, expected another one of the 2 stages}}
  colossal.send "x" %x to 0 tag 0 : tensor<8xf32>
  return
}
}

// -----

module attributes {colossal.mesh = #colossal.mesh<a0 = 2>} {
func.func @f(%x: tensor<8xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x", colossal.sharding = #colossal.sharding<[_]>, colossal.global_shape = [[8]]}) attributes {colossal.stage = 0 : i64, colossal.segment = #colossal.segment<forward>} {
  // expected-error@below {{found op 'colossal.reshard' in a local program, expected factored ops, collectives and transfers}}
  %y = colossal.reshard "y" %x from <[_]> to <[_]> : tensor<8xf32>
  return
}
}

// -----

// A dimension that means something keeps no parts apart: here the rank's row of each part, the diagonal.
module attributes {colossal.mesh = #colossal.mesh<a0 = 2>} {
func.func @f(%x: tensor<4xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x", colossal.sharding = #colossal.sharding<[a0]>, colossal.global_shape = [[8]]})
    attributes {colossal.stage = 0 : i64, colossal.segment = #colossal.segment<forward>} {
  // expected-error@below {{'top' combines by 'argmax' a part of 'k' on each coordinate of 'a0', expected a dimension of the results that keeps them apart}}
  %v, %p = colossal.generic "top" [b = 1 of 2 {a0(2) * 1}, k = 4 of 8 {a0(2) * 4} : argmax] (%x : [k]) -> ([b], [b]) {
  ^bb0(%0: f32):
    %1 = colossal.index "b"
    colossal.yield %0, %1 : f32, i64
  } : (tensor<4xf32>) -> (tensor<1xf32>, tensor<1xi64>)
  return
}
}
