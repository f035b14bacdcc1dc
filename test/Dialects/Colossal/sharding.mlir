// Constraints S of shardings (ColossalDialect.td), on every value that has one.
// RUN: colossal-opt -split-input-file -verify-diagnostics %s

// expected-error @below {{S1: found the sharding #colossal.sharding<[a], [a]> of a value of type 'tensor<4x4xf32>', expected 'a' at most once}}
func.func @f(%x: tensor<4x4xf32> {colossal.sharding = #colossal.sharding<[a], [a]>}) { return }

// -----

// expected-error @below {{S1: found the sharding #colossal.sharding<[a * a]>}}
func.func @f(%x: tensor<4xf32> {colossal.sharding = #colossal.sharding<[a * a]>}) { return }

// -----

// Cut and partial at once.
func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{S1: found the sharding #colossal.sharding<[a], partial {a = sum}>}}
  %y = colossal.reshard "y" %x from <[a], partial {a = sum}> to <[_]> : tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{S2: found the sharding #colossal.sharding<[_], partial {a = parallel}> of a value of type 'tensor<4xf32>', expected a combiner over 'a'}}
  %y = colossal.reshard "y" %x from <[_]> to <[_], partial {a = parallel}> : tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{S3: found the sharding #colossal.sharding<[_], [_]> of a value of type 'tensor<4xf32>', expected one bracket for each dimension}}
  %y = colossal.reshard "y" %x from <[_]> to <[_], [_]> : tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

// expected-error @below {{S3: found the sharding #colossal.sharding<[_], [_]>}}
func.func @f(%x: tensor<4xf32> {colossal.sharding = #colossal.sharding<[_], [_]>}) { return }

// -----

// expected-error @below {{S3: found the sharding #colossal.sharding<> of a value of type 'tensor<4xf32>'}}
func.func @f(%x: tensor<4xf32>) -> (tensor<4xf32> {colossal.sharding = #colossal.sharding<>}) { return %x : tensor<4xf32> }

// -----

// expected-error @below {{S3: found "colossal.sharding" = "a", expected a #colossal.sharding}}
func.func @f(%x: tensor<4xf32> {colossal.sharding = "a"}) { return }

// -----

func.func @f() -> tensor<4xf32> {
  // expected-error @below {{S3: found the sharding #colossal.sharding<[_], [_]>}}
  %x = colossal.recv "x" from 0 tag 0 {colossal.sharding = #colossal.sharding<[_], [_]>} : tensor<4xf32>
  return %x : tensor<4xf32>
}

// -----

module attributes {colossal.mesh = #colossal.mesh<a = 2>} {
// expected-error @below {{S4: found the sharding #colossal.sharding<[b]> of a value of type 'tensor<4xf32>', expected axes of the mesh, which has no 'b'}}
func.func @f(%x: tensor<4xf32> {colossal.sharding = #colossal.sharding<[b]>}) { return }
}

// -----

module attributes {colossal.mesh = #colossal.mesh<a = 2>} {
func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{S4: found the sharding #colossal.sharding<[_], partial {b = sum}>}}
  %y = colossal.reshard "y" %x from <[_], partial {b = sum}> to <[_]> : tensor<4xf32>
  return %y : tensor<4xf32>
}
}

// -----

// Text: what the parser refuses.
// expected-error @below {{expected 'sum'}}
func.func @f(%x: tensor<4xf32> {colossal.sharding = #colossal.sharding<[_], partial {a = median}>}) { return }
