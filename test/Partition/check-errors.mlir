// What a partitioned module may not be. The rules of shardings inside a function: test/Unit/Partition/CheckTest.cpp.
// RUN: colossal-opt %s -split-input-file -verify-diagnostics --colossal-check-collectives

module attributes {colossal.mesh = #colossal.mesh<a0 = 2>} {
// expected-error@below {{found function 'f' without 'colossal.stage' and 'colossal.segment', expected local functions only}}
func.func @f() { return }
}

// -----

module attributes {colossal.mesh = #colossal.mesh<a0 = 2>, colossal.stages = 2 : i64} {
// expected-error@below {{D4: found stage = 2, expected one from 0 to below 2}}
func.func @stage0.forward() attributes {colossal.stage = 2 : i64, colossal.segment = #colossal.segment<forward>} { return }
}

// -----

module attributes {colossal.mesh = #colossal.mesh<a0 = 2>} {
// expected-error@below {{found function 'g' for segment 'forward' of stage 0, expected the name 'stage0.forward'}}
func.func @g() attributes {colossal.stage = 0 : i64, colossal.segment = #colossal.segment<forward>} { return }
}

// -----

module attributes {colossal.mesh = #colossal.mesh<a0 = 2>} {
// expected-error@below {{expected a function of one block}}
func.func private @stage0.forward() attributes {colossal.stage = 0 : i64, colossal.segment = #colossal.segment<forward>}
}

// -----

module attributes {colossal.mesh = #colossal.mesh<a0 = 2>} {
// expected-error@below {{argument 0 of 'stage0.forward': found no 'colossal.sharding' with 'colossal.global_shape'}}
func.func @stage0.forward(%x: tensor<4xf32>) attributes {colossal.stage = 0 : i64, colossal.segment = #colossal.segment<forward>} { return }
}

// -----

module attributes {colossal.mesh = #colossal.mesh<a0 = 2>} {
// expected-error@below {{argument 0 of 'stage0.forward' is neither linked nor has a role}}
func.func @stage0.forward(%x: tensor<4xf32> {colossal.sharding = #colossal.sharding<[a0]>, colossal.global_shape = [[8]]}) attributes {colossal.stage = 0 : i64, colossal.segment = #colossal.segment<forward>} { return }
}

// -----

module attributes {colossal.mesh = #colossal.mesh<a0 = 2>} {
// expected-error@below {{'func.func' has type 'tensor<4xf32>', expected the local shape [8] of <[_]>}}
func.func @stage0.forward(%x: tensor<4xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x", colossal.sharding = #colossal.sharding<[_]>, colossal.global_shape = [[8]]}) attributes {colossal.stage = 0 : i64, colossal.segment = #colossal.segment<forward>} { return }
}

// -----

module attributes {colossal.mesh = #colossal.mesh<a0 = 2>} {
// expected-error@below {{found no earlier segment of device group 0 that produces the linked value 'h'}}
func.func @stage0.forward(%x: tensor<4xf32> {colossal.link = "h", colossal.sharding = #colossal.sharding<[a0]>, colossal.global_shape = [[8]]}) attributes {colossal.stage = 0 : i64, colossal.segment = #colossal.segment<forward>} { return }
}

// -----

module attributes {colossal.mesh = #colossal.mesh<a0 = 2>} {
// expected-error@below {{result 0 of 'stage0.forward' is no link, no updated state, no metric and no output}}
func.func @stage0.forward(%x: tensor<4xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x", colossal.sharding = #colossal.sharding<[a0]>, colossal.global_shape = [[8]]})
    -> (tensor<4xf32> {colossal.sharding = #colossal.sharding<[a0]>, colossal.global_shape = [[8]]}) attributes {colossal.stage = 0 : i64, colossal.segment = #colossal.segment<forward>} { return %x : tensor<4xf32> }
}

// -----

module attributes {colossal.mesh = #colossal.mesh<a0 = 2>} {
// expected-error@below {{found a new value of 'w', which device group 0 does not hold}}
func.func @stage0.forward(%x: tensor<4xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x", colossal.sharding = #colossal.sharding<[a0]>, colossal.global_shape = [[8]]})
    -> (tensor<4xf32> {colossal.updates = "w", colossal.sharding = #colossal.sharding<[a0]>, colossal.global_shape = [[8]]}) attributes {colossal.stage = 0 : i64, colossal.segment = #colossal.segment<forward>} { return %x : tensor<4xf32> }
}

// -----

module attributes {colossal.mesh = #colossal.mesh<a0 = 2>, colossal.stages = 2 : i64} {
func.func @stage0.forward(%x: tensor<8xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x", colossal.sharding = #colossal.sharding<[_]>, colossal.global_shape = [[8]]}) attributes {colossal.stage = 0 : i64, colossal.segment = #colossal.segment<forward>} {
  // expected-error@below {{'x' (stage0.forward): device group 1 never receives tag 0}}
  colossal.send "x" %x to 1 tag 0 : tensor<8xf32>
  return
}
}

// -----

module attributes {colossal.mesh = #colossal.mesh<a0 = 2>, colossal.stages = 2 : i64} {
func.func @stage0.forward(%x: tensor<8xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x", colossal.sharding = #colossal.sharding<[_]>, colossal.global_shape = [[8]]}) attributes {colossal.stage = 0 : i64, colossal.segment = #colossal.segment<forward>} {
  // expected-error@below {{'x' (stage0.forward): found device group 0 as the other side, expected another one of the 2 groups}}
  colossal.send "x" %x to 0 tag 0 : tensor<8xf32>
  return
}
}

// -----

module attributes {colossal.mesh = #colossal.mesh<a0 = 2>} {
func.func @stage0.forward(%x: tensor<8xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x", colossal.sharding = #colossal.sharding<[_]>, colossal.global_shape = [[8]]}) attributes {colossal.stage = 0 : i64, colossal.segment = #colossal.segment<forward>} {
  // expected-error@below {{found op 'colossal.reshard' in a local program, expected factored ops, collectives and transfers}}
  %y = colossal.reshard "y" %x from <[_]> to <[_]> : tensor<8xf32>
  return
}
}

// -----

// A dimension that means something keeps no parts apart: here the rank's row of each part, the diagonal.
module attributes {colossal.mesh = #colossal.mesh<a0 = 2>} {
func.func @stage0.forward(%x: tensor<4xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x", colossal.sharding = #colossal.sharding<[a0]>, colossal.global_shape = [[8]]})
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
