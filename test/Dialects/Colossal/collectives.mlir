// Constraints L of collectives, T of transfers (CollectiveOps.td): one case a check.
// RUN: colossal-opt -split-input-file -verify-diagnostics %s

func.func @f(%x: tensor<?xf32>) -> tensor<?xf32> {
  // expected-error @below {{L1: found a value of type 'tensor<?xf32>', expected a tensor with known sizes}}
  %y = colossal.all_reduce "y" sum %x over ["a"] : tensor<?xf32> -> tensor<?xf32>
  return %y : tensor<?xf32>
}

// -----

func.func @f(%x: tensor<4xf32>) -> tensor<5xf32> {
  // expected-error @below {{L1: found result type 'tensor<5xf32>', expected the operand's, 'tensor<4xf32>'}}
  %y = colossal.all_reduce "y" sum %x over ["a"] : tensor<4xf32> -> tensor<5xf32>
  return %y : tensor<5xf32>
}

// -----

func.func @f(%x: tensor<4xf32>) -> tensor<2xf32> {
  // expected-error @below {{L1: found result type 'tensor<2xf32>', expected the operand's}}
  %y = colossal.shard_mask "y" %x over ["a"] : tensor<4xf32> -> tensor<2xf32>
  return %y : tensor<2xf32>
}

// -----

func.func @f(%x: tensor<4xf32>) -> tensor<2xf64> {
  // expected-error @below {{L1: found elements of type 'f64' in the result, expected the operand's, 'f32'}}
  %y = colossal.shard_slice "y" %x over ["a"] outer 1 extent 4 innermost 1 : tensor<4xf32> -> tensor<2xf64>
  return %y : tensor<2xf64>
}

// -----

func.func @f(%x: tensor<4xf32>) -> tensor<2xf32> {
  // expected-error @below {{L1: found a view of sizes [1, -4, 1], expected sizes that are not negative}}
  %y = colossal.shard_slice "y" %x over ["a"] outer 1 extent -4 innermost 1 : tensor<4xf32> -> tensor<2xf32>
  return %y : tensor<2xf32>
}

// -----

func.func @f(%x: tensor<2xf32>) -> tensor<4xf32> {
  // expected-error @below {{L1: found 4 elements in the full tensor, expected 5}}
  %y = colossal.all_gather "y" %x over ["a"] outer 1 extent 5 innermost 1 : tensor<2xf32> -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{L1: the tensors do not have the shape of the view}}
  %y = colossal.all_to_all "y" %x over ["a"] view 1, 0, 1, 4, 1 gather_x true : tensor<4xf32> -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

func.func @f(%x: tensor<3xf32>) -> tensor<2x3xf32> {
  // expected-error @below {{L2: found 3 elements in the shard, expected a multiple of 2 of at most 6}}
  %y = colossal.all_gather "y" %x over ["a"] outer 2 extent 3 innermost 1 : tensor<3xf32> -> tensor<2x3xf32>
  return %y : tensor<2x3xf32>
}

// -----

module attributes {colossal.mesh = #colossal.mesh<a = 4>} {
func.func @f(%x: tensor<6xf32>) -> tensor<3xf32> {
  // expected-error @below {{L2: found 3 elements in the shard of a group of 4, expected 2}}
  %y = colossal.reduce_scatter "y" sum %x over ["a"] outer 1 extent 6 innermost 1 : tensor<6xf32> -> tensor<3xf32>
  return %y : tensor<3xf32>
}
}

// -----

module attributes {colossal.mesh = #colossal.mesh<a = 2>, colossal.microbatches = 4 : i64} {
func.func @f(%x: tensor<8xf32>) -> tensor<4xf32> {
  // expected-error @below {{L2: found 4 elements in the shard of a group of 4, expected 2}}
  %y = colossal.shard_slice "y" %x over ["time"] outer 1 extent 8 innermost 1 : tensor<8xf32> -> tensor<4xf32>
  return %y : tensor<4xf32>
}
}

// -----

module attributes {colossal.mesh = #colossal.mesh<a = 2>} {
func.func @f(%x: tensor<4x4xf32>) -> tensor<4x4xf32> {
  // expected-error @below {{L2: found 16 and 16 elements cut along x and y, expected 8 and 8}}
  %y = colossal.all_to_all "y" %x over ["a"] view 1, 4, 1, 4, 1 gather_x true : tensor<4x4xf32> -> tensor<4x4xf32>
  return %y : tensor<4x4xf32>
}
}

// -----

func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{L3: found 'parallel', expected a combiner}}
  %y = colossal.all_reduce "y" parallel %x over ["a"] : tensor<4xf32> -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

func.func @f(%x: tensor<4xf32>) -> tensor<2xf32> {
  // expected-error @below {{L3: found 'parallel', expected a combiner}}
  %y = colossal.reduce_scatter "y" parallel %x over ["a"] outer 1 extent 4 innermost 1 : tensor<4xf32> -> tensor<2xf32>
  return %y : tensor<2xf32>
}

// -----

func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{L4: found the axis 'a' twice}}
  %y = colossal.all_reduce "y" sum %x over ["a", "a"] : tensor<4xf32> -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

module attributes {colossal.mesh = #colossal.mesh<a = 2>} {
func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{L4: found the axis 'b', expected axes of the mesh}}
  %y = colossal.shard_mask "y" %x over ["b"] : tensor<4xf32> -> tensor<4xf32>
  return %y : tensor<4xf32>
}
}

// -----

// Microbatches run one after the other: nothing is gathered over them.
func.func @f(%x: tensor<4xf32>) -> tensor<8xf32> {
  // expected-error @below {{L4: found the axis 'time', expected axes of the mesh}}
  %y = colossal.all_gather "y" %x over ["time"] outer 1 extent 8 innermost 1 : tensor<4xf32> -> tensor<8xf32>
  return %y : tensor<8xf32>
}

// -----

module attributes {colossal.mesh = #colossal.mesh<a = 2>} {
func.func @f(%x: tensor<4x2xf32>) -> tensor<2x4xf32> {
  // expected-error @below {{L4: found the axis 'b', expected axes of the mesh}}
  %y = colossal.all_to_all "y" %x over ["b"] view 1, 4, 1, 4, 1 gather_x false : tensor<4x2xf32> -> tensor<2x4xf32>
  return %y : tensor<2x4xf32>
}
}

// -----

func.func @f(%x: tensor<4xf32>) {
  // expected-error @below {{T1: found the device group -1, expected one from 0}}
  colossal.send "x" %x to -1 tag 0 : tensor<4xf32>
  return
}

// -----

module attributes {colossal.stages = 2 : i64} {
func.func @f() -> tensor<4xf32> {
  // expected-error @below {{T1: found the device group 2, expected one from 0 to below 2}}
  %x = colossal.recv "x" from 2 tag 0 : tensor<4xf32>
  return %x : tensor<4xf32>
}
}

// -----

func.func @f(%x: tensor<4xf32>) {
  // expected-error @below {{T2: found the tag -1, expected one that is not negative}}
  colossal.send "x" %x to 1 tag -1 : tensor<4xf32>
  return
}

// -----

func.func @f() -> tensor<?xf32> {
  // expected-error @below {{L1: found a value of type 'tensor<?xf32>'}}
  %x = colossal.recv "x" from 0 tag 0 : tensor<?xf32>
  return %x : tensor<?xf32>
}
