// Constraints C of factored ops and B of their bodies (ColossalOps.td): one case a check.
// RUN: colossal-opt -split-input-file -verify-diagnostics %s

func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{C1: found 2 operand maps, expected 1}}
  %y = "colossal.generic"(%x) <{name = "y", factors = [#colossal.factor<i = 4>],
      operandMaps = [#colossal.map<[(d0 + 0 of 4)]>, #colossal.map<[(d0 + 0 of 4)]>], resultMaps = [#colossal.map<[d0]>]}> ({
  ^bb0(%0: f32):
    colossal.yield %0 : f32
  }) : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{C1: found 0 result maps, expected 1}}
  %y = "colossal.generic"(%x) <{name = "y", factors = [#colossal.factor<i = 4>],
      operandMaps = [#colossal.map<[(d0 + 0 of 4)]>], resultMaps = []}> ({
  ^bb0(%0: f32):
    colossal.yield %0 : f32
  }) : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{C1: operand map 0 is not a #colossal.map}}
  %y = "colossal.generic"(%x) <{name = "y", factors = [#colossal.factor<i = 4>],
      operandMaps = ["i"], resultMaps = [#colossal.map<[(d0 + 0 of 4)]>]}> ({
  ^bb0(%0: f32):
    colossal.yield %0 : f32
  }) : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

func.func @f(%x: tensor<?xf32>) -> tensor<4xf32> {
  // expected-error @below {{C1: operand 0 has type 'tensor<?xf32>', expected known sizes}}
  %y = colossal.generic "y" [i = 4] (%x : [i]) -> ([i]) {
  ^bb0(%0: f32):
    colossal.yield %0 : f32
  } : (tensor<?xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{C1: operand map 0 has a size or an offset that no tensor has}}
  %y = colossal.generic "y" [i = 4] (%x : [i + 4611686018427387904 of 4]) -> ([i]) {
  ^bb0(%0: f32):
    colossal.yield %0 : f32
  } : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

// 2^32 * 2^32 is 0 in 64 bits, the size of this tensor.
func.func @f(%x: tensor<0xf32>) -> tensor<4xf32> {
  // expected-error @below {{C1: operand map 0 has a dimension of more than 1099511627776 elements}}
  %y = colossal.generic "y" [i = 4] (%x : [(i + 0 of 4294967296, i + 0 of 4294967296)]) -> ([i]) {
  ^bb0(%0: f32):
    colossal.yield %0 : f32
  } : (tensor<0xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

func.func @f(%x: tensor<5xf32>) -> tensor<4xf32> {
  // expected-error @below {{C1: operand 0 has type 'tensor<5xf32>', but its index map has shape [4]}}
  %y = colossal.generic "y" [i = 4] (%x : [i]) -> ([i]) {
  ^bb0(%0: f32):
    colossal.yield %0 : f32
  } : (tensor<5xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

func.func @f(%x: tensor<4xf32>) -> tensor<4x1xf32> {
  // expected-error @below {{C1: result 0 has type 'tensor<4x1xf32>', but its index map has shape [4]}}
  %y = colossal.generic "y" [i = 4] (%x : [i]) -> ([i]) {
  ^bb0(%0: f32):
    colossal.yield %0 : f32
  } : (tensor<4xf32>) -> tensor<4x1xf32>
  return %y : tensor<4x1xf32>
}

// -----

func.func @f(%x: tensor<3x4xf32>) -> tensor<4xf32> {
  // expected-error @below {{C1: operand map 0 names a factor or an index that does not exist}}
  %y = colossal.generic "y" [i = 4] (%x : [3 of 3, i]) -> ([i]) {
  ^bb0(%0: f32):
    colossal.yield %0 : f32
  } : (tensor<3x4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{C1: operand map 0 names a factor or an index that does not exist}}
  %y = "colossal.generic"(%x) <{name = "y", factors = [#colossal.factor<i = 4>],
      operandMaps = [#colossal.map<[(d7 + 0 of 4)]>], resultMaps = [#colossal.map<[(d0 + 0 of 4)]>]}> ({
  ^bb0(%0: f32):
    colossal.yield %0 : f32
  }) : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

// Only clipped accesses may be longer than their factor; `d0` alone is plain and of size 0.
func.func @f(%x: tensor<0xf32>) -> tensor<4xf32> {
  // expected-error @below {{C1: factor 'i' has bound 4, but indexes a sub-dimension of size 0}}
  %y = "colossal.generic"(%x) <{name = "y", factors = [#colossal.factor<i = 4>],
      operandMaps = [#colossal.map<[d0]>], resultMaps = [#colossal.map<[(d0 + 0 of 4)]>]}> ({
  ^bb0(%0: f32):
    colossal.yield %0 : f32
  }) : (tensor<0xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{C2: the map of result 0 has a constant or an offset}}
  %y = colossal.generic "y" [i = 4] (%x : [i]) -> ([i + 1 of 4]) {
  ^bb0(%0: f32):
    colossal.yield %0 : f32
  } : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

func.func @f(%x: tensor<4xf32>) -> tensor<2x4xf32> {
  // expected-error @below {{C2: the map of result 0 has a constant or an offset}}
  %y = colossal.generic "y" [i = 4] (%x : [i]) -> ([0 of 2, i]) {
  ^bb0(%0: f32):
    colossal.yield %0 : f32
  } : (tensor<4xf32>) -> tensor<2x4xf32>
  return %y : tensor<2x4xf32>
}

// -----

func.func @f(%x: tensor<4xf32>) -> tensor<f32> {
  // expected-error @below {{C2: factor 'i' occurs 0 times in the map of result 0, expected 1}}
  %y = colossal.generic "y" [i = 4] (%x : [i]) -> ([]) {
  ^bb0(%0: f32):
    colossal.yield %0 : f32
  } : (tensor<4xf32>) -> tensor<f32>
  return %y : tensor<f32>
}

// -----

// The diagonal has no text.
func.func @f(%x: tensor<4xf32>) -> tensor<4x4xf32> {
  // expected-error @below {{C2: factor 'i' occurs 2 times in the map of result 0, expected 1}}
  %y = colossal.generic "y" [i = 4] (%x : [i]) -> ([i, i]) {
  ^bb0(%0: f32):
    colossal.yield %0 : f32
  } : (tensor<4xf32>) -> tensor<4x4xf32>
  return %y : tensor<4x4xf32>
}

// -----

func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{C2: factor 'i' occurs 1 times in the map of result 0, expected 0}}
  %y = colossal.generic "y" [i = 4 : sum] (%x : [i]) -> ([i]) {
  ^bb0(%0: f32):
    colossal.yield %0 : f32
  } : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{C3: found 2 block arguments, expected 1}}
  %y = colossal.generic "y" [i = 4] (%x : [i]) -> ([i]) {
  ^bb0(%0: f32, %1: f32):
    colossal.yield %0 : f32
  } : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

func.func @f(%x: tensor<4xf64>) -> tensor<4xf32> {
  // expected-error @below {{C3: a block argument has type 'f32', its operand has 'tensor<4xf64>'}}
  %y = colossal.generic "y" [i = 4] (%x : [i]) -> ([i]) {
  ^bb0(%0: f32):
    colossal.yield %0 : f32
  } : (tensor<4xf64>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{C3: the body must end with colossal.yield}}
  %y = colossal.generic "y" [i = 4] (%x : [i]) -> ([i]) {
  ^bb0(%0: f32):
    %1 = arith.negf %0 : f32
  } : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{C3: found 2 yielded values, expected 1}}
  %y = colossal.generic "y" [i = 4] (%x : [i]) -> ([i]) {
  ^bb0(%0: f32):
    colossal.yield %0, %0 : f32, f32
  } : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

func.func @f(%x: tensor<4xf32>) -> tensor<4xf64> {
  // expected-error @below {{C3: yields 'f32', the result has 'tensor<4xf64>'}}
  %y = colossal.generic "y" [i = 4] (%x : [i]) -> ([i]) {
  ^bb0(%0: f32):
    colossal.yield %0 : f32
  } : (tensor<4xf32>) -> tensor<4xf64>
  return %y : tensor<4xf64>
}

// -----

func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{C4: factors must be #colossal.factor}}
  %y = "colossal.generic"(%x) <{name = "y", factors = ["i"], operandMaps = [], resultMaps = []}> ({
  ^bb0(%0: f32):
    colossal.yield %0 : f32
  }) : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{C4: factor 'i' has bound -4 of -4, expected sizes that are not negative}}
  %y = colossal.generic "y" [i = -4] (%x : [i]) -> ([i]) {
  ^bb0(%0: f32):
    colossal.yield %0 : f32
  } : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

// No coordinate, no part.
func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{C4: factor 'i' has bound 4 of 8}}
  %y = colossal.generic "y" [i = 4 of 8 {a(0) * 4}] (%x : [i]) -> ([i]) {
  ^bb0(%0: f32):
    colossal.yield %0 : f32
  } : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{C4: factor 'i' is defined twice}}
  %y = colossal.generic "y" [i = 4, i = 4 : sum] (%x : [i]) -> ([i]) {
  ^bb0(%0: f32):
    colossal.yield %0 : f32
  } : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

func.func @f(%x: tensor<4x4xf32>) -> tensor<f32> {
  // expected-error @below {{C5: reduction factors have different combiners}}
  %y = colossal.generic "y" [i = 4 : sum, j = 4 : max] (%x : [i, j]) -> ([]) {
  ^bb0(%0: f32):
    colossal.yield %0 : f32
  } : (tensor<4x4xf32>) -> tensor<f32>
  return %y : tensor<f32>
}

// -----

func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{C7: factor 'i' has bound 4 of 8, expected the axes that cut it}}
  %y = colossal.generic "y" [i = 4 of 8] (%x : [i]) -> ([i]) {
  ^bb0(%0: f32):
    colossal.yield %0 : f32
  } : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{C7: factor 'i' has bound 4 of 16, expected 'a' to cut it at most once}}
  %y = colossal.generic "y" [i = 4 of 16 {a(2) * 8, a(2) * 4}] (%x : [i]) -> ([i]) {
  ^bb0(%0: f32):
    colossal.yield %0 : f32
  } : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

module attributes {colossal.mesh = #colossal.mesh<a = 4>} {
func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{C7: factor 'i' has bound 4 of 8, expected axes of the mesh, found 'a' of size 2}}
  %y = colossal.generic "y" [i = 4 of 8 {a(2) * 4}] (%x : [i]) -> ([i]) {
  ^bb0(%0: f32):
    colossal.yield %0 : f32
  } : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}
}

// -----

module attributes {colossal.mesh = #colossal.mesh<a = 2>} {
func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{C7: factor 'i' has bound 4 of 8, expected axes of the mesh, found 'b' of size 2}}
  %y = colossal.generic "y" [i = 4 of 8 {b(2) * 4}] (%x : [i]) -> ([i]) {
  ^bb0(%0: f32):
    colossal.yield %0 : f32
  } : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}
}

// -----

// B1: ops of scalar bodies.
func.func @f() -> i64 {
  // expected-error @below {{B1: expected to be in the body of a factored op}}
  %0 = colossal.index "i"
  return %0 : i64
}

// -----

func.func @f(%x: f32) -> f32 {
  // expected-error @below {{B1: expected to be in the body of a factored op}}
  %0 = colossal.with_derivative %x of (%x) by (%x) : f32
  return %0 : f32
}

// -----

func.func @f(%x: tensor<4xf32>) -> tensor<4xi64> {
  %y = colossal.generic "y" [i = 4] (%x : [i]) -> ([i]) {
  ^bb0(%0: f32):
    // expected-error @below {{B2: found 'j', expected the name of a factor}}
    %1 = colossal.index "j"
    colossal.yield %1 : i64
  } : (tensor<4xf32>) -> tensor<4xi64>
  return %y : tensor<4xi64>
}

// -----

// Text: what the parser refuses.
func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{found factor kind 'median', expected 'parallel'}}
  %y = colossal.generic "y" [i = 4 : median] (%x : [i]) -> ([i]) {
  ^bb0(%0: f32):
    colossal.yield %0 : f32
  } : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{found 'j', expected the name of a factor}}
  %y = colossal.generic "y" [i = 4] (%x : [j]) -> ([i]) {
  ^bb0(%0: f32):
    colossal.yield %0 : f32
  } : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}
