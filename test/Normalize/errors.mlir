// RUN: colossal-opt --colossal-normalize -split-input-file -verify-diagnostics %s

// An op without a row: the op, its module and its line.
func.func @forward(%x: tensor<4xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x"}) -> !colossal.any {
  // expected-error @below {{unsupported op 'aten::nonzero(Tensor self) -> Tensor' in module path 'transformer.h.0'}}
  %y = colossal.aten "aten::nonzero(Tensor self) -> Tensor"(%x) name "transformer.h.0/nonzero.0" : (tensor<4xf32>) -> !colossal.any
  return %y : !colossal.any
}

// -----

// All of them at once: the first of each kind, and how many more there are.
func.func @forward(%x: tensor<4xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x"}) -> !colossal.any {
  // expected-error @below {{2 unsupported ops: 'aten::nonzero' in module path 'a'}}
  %y = colossal.aten "aten::nonzero(Tensor self) -> Tensor"(%x) name "a/nonzero.0" : (tensor<4xf32>) -> !colossal.any
  %z = colossal.aten "aten::unique(Tensor self) -> Tensor"(%y) name "unique.0" : (!colossal.any) -> !colossal.any
  %u = colossal.aten "aten::nonzero(Tensor self) -> Tensor"(%x) name "a/nonzero.1" : (tensor<4xf32>) -> !colossal.any
  %v = colossal.aten "aten::nonzero(Tensor self) -> Tensor"(%x) name "b/nonzero.0" : (tensor<4xf32>) -> !colossal.any
  return %z : !colossal.any
}

// -----

// A probability.
func.func @forward(%x: tensor<4xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x"}) -> !colossal.any {
  %p = colossal.aten_constant 1.5 : f64 -> !colossal.any
  %true = colossal.aten_constant true -> !colossal.any
  // expected-error @below {{dropout with p = 1.500000, expected 0 to 1}}
  %y = colossal.aten "aten::dropout"(%x, %p, %true) name "drop/dropout.0" : (tensor<4xf32>, !colossal.any, !colossal.any) -> !colossal.any
  return %y : !colossal.any
}

// -----

func.func @forward(%x: tensor<2x3xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x"}, %y: tensor<2xf32> {colossal.role = #colossal.role<batch>, colossal.name = "y"}) -> !colossal.any {
  // expected-error @below {{found shapes [2, 3] and [2], which do not broadcast}}
  %z = colossal.aten "aten::mul.Tensor"(%x, %y) name "m/mul.0" : (tensor<2x3xf32>, tensor<2xf32>) -> !colossal.any
  return %z : !colossal.any
}

// -----

func.func @forward(%x: tensor<2x3xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x"}, %w: tensor<5x4xf32> {colossal.role = #colossal.role<parameter>, colossal.name = "w"}) -> !colossal.any {
  %none = colossal.aten_constant unit -> !colossal.any
  // expected-error @below {{found 3 columns in the first matrix and 4 rows in the second}}
  %z = colossal.aten "aten::linear"(%x, %w, %none) name "m/linear.0" : (tensor<2x3xf32>, tensor<5x4xf32>, !colossal.any) -> !colossal.any
  return %z : !colossal.any
}

// -----

// A size that depends on data.
func.func @forward(%x: tensor<f32> {colossal.role = #colossal.role<batch>, colossal.name = "x"}) -> !colossal.any {
  // expected-error @below {{depends on data, but must be a number known at compile time}}
  %n = colossal.aten "aten::Int.Tensor"(%x) name "m/Int.0" : (tensor<f32>) -> !colossal.any
  return %n : !colossal.any
}

// -----

// Writing into elements that are one in memory.
func.func @forward(%x: tensor<1xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x"}) -> !colossal.any {
  %c4 = colossal.aten_constant 4 : i64 -> !colossal.any
  %false = colossal.aten_constant false -> !colossal.any
  %s = colossal.aten "prim::ListConstruct"(%c4) name "ListConstruct.0" : (!colossal.any) -> !colossal.any
  %y = colossal.aten "aten::expand"(%x, %s, %false) name "m/expand.0" : (tensor<1xf32>, !colossal.any, !colossal.any) -> !colossal.any
  // expected-error @below {{writes into a tensor whose elements overlap}}
  %z = colossal.aten "aten::add_.Scalar"(%y, %c4, %c4) name "m/add_.0" : (!colossal.any, !colossal.any, !colossal.any) -> !colossal.any
  return %z : !colossal.any
}

// -----

// expected-error @below {{argument 'image' has type 'tensor<4xui8>', expected a tensor of floats, signed integers or booleans with known sizes}}
func.func @forward(%x: tensor<4xui8> {colossal.role = #colossal.role<batch>, colossal.name = "image"}) -> tensor<4xui8> {
  return %x : tensor<4xui8>
}
