// RUN: colossal-opt --colossal-normalize -split-input-file -verify-diagnostics %s

// An op without a row: the op, its module and its line.
func.func @forward(%x: tensor<4xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x"}) -> !colossal.any {
  // expected-error @below {{unsupported op 'aten::frobnicate(Tensor self) -> Tensor' in module path 'transformer.h.0'}}
  %y = colossal.aten "aten::frobnicate(Tensor self) -> Tensor"(%x) name "transformer.h.0/nonzero.0" : (tensor<4xf32>) -> !colossal.any
  return %y : !colossal.any
}

// -----

// All of them at once: the first of each kind, and how many more there are.
func.func @forward(%x: tensor<4xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x"}) -> !colossal.any {
  // expected-error @below {{2 unsupported ops: 'aten::frobnicate' in module path 'a'}}
  %y = colossal.aten "aten::frobnicate(Tensor self) -> Tensor"(%x) name "a/nonzero.0" : (tensor<4xf32>) -> !colossal.any
  %z = colossal.aten "aten::unique(Tensor self) -> Tensor"(%y) name "unique.0" : (!colossal.any) -> !colossal.any
  %u = colossal.aten "aten::frobnicate(Tensor self) -> Tensor"(%x) name "a/nonzero.1" : (tensor<4xf32>) -> !colossal.any
  %v = colossal.aten "aten::frobnicate(Tensor self) -> Tensor"(%x) name "b/nonzero.0" : (tensor<4xf32>) -> !colossal.any
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

// expected-error @below {{argument 'image' has type 'tensor<4xui16>', expected a tensor of floats, signed integers, ui8 or booleans with known sizes}}
func.func @forward(%x: tensor<4xui16> {colossal.role = #colossal.role<batch>, colossal.name = "image"}) -> tensor<4xui16> {
  return %x : tensor<4xui16>
}

// -----

// Orders take n^2 comparisons: not of a vocabulary.
func.func @forward(%x: tensor<50000xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x"}) -> (!colossal.any, !colossal.any) {
  %c0 = colossal.aten_constant 0 : i64 -> !colossal.any
  %true = colossal.aten_constant true -> !colossal.any
  // expected-error @below {{orders 50000 elements, expected at most 4096}}
  %y, %p = colossal.aten "aten::sort"(%x, %c0, %true) name "m/sort.0" : (tensor<50000xf32>, !colossal.any, !colossal.any) -> (!colossal.any, !colossal.any)
  return %y, %p : !colossal.any, !colossal.any
}

// -----

func.func @forward(%x: tensor<1x1x4xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x"}) -> !colossal.any {
  %c4 = colossal.aten_constant 4 : i64 -> !colossal.any
  %none = colossal.aten_constant unit -> !colossal.any
  %mode = colossal.aten_constant "reflect" -> !colossal.any
  %widths = colossal.aten "prim::ListConstruct"(%c4, %c4) name "ListConstruct.0" : (!colossal.any, !colossal.any) -> !colossal.any
  // expected-error @below {{found widths 4 and 4 of a border of mode 'reflect' for a dimension of size 4}}
  %y = colossal.aten "aten::pad"(%x, %widths, %mode, %none) name "m/pad.0" : (tensor<1x1x4xf32>, !colossal.any, !colossal.any, !colossal.any) -> !colossal.any
  return %y : !colossal.any
}

// -----

// The number of selected rows depends on data: a running sum has no size.
func.func @forward(%x: tensor<8xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x"}, %m: tensor<8xi1> {colossal.role = #colossal.role<batch>, colossal.name = "m"}) -> !colossal.any {
  %none = colossal.aten_constant unit -> !colossal.any
  %list = colossal.aten "prim::ListConstruct"(%m) name "ListConstruct.0" : (tensor<8xi1>) -> !colossal.any
  %s = colossal.aten "aten::index.Tensor"(%x, %list) name "m/index.0" : (tensor<8xf32>, !colossal.any) -> !colossal.any
  %c0 = colossal.aten_constant 0 : i64 -> !colossal.any
  // expected-error @below {{combines the rows that 'm/index.0' selects, whose number depends on data: expected a sum, mean, extreme or loss over them, or index_add_ or scatter_add}}
  %y = colossal.aten "aten::cumsum"(%s, %c0, %none) name "m/cumsum.0" : (!colossal.any, !colossal.any, !colossal.any) -> !colossal.any
  return %y : !colossal.any
}

// -----

// A trace holds sizes: that there was one row is wrong of other data.
func.func @forward(%x: tensor<8x4xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x"}, %m: tensor<8xi1> {colossal.role = #colossal.role<batch>, colossal.name = "m"}) -> !colossal.any {
  %c2 = colossal.aten_constant 2 : i64 -> !colossal.any
  %list = colossal.aten "prim::ListConstruct"(%m) name "ListConstruct.0" : (tensor<8xi1>) -> !colossal.any
  %rows = colossal.aten "aten::index.Tensor"(%x, %list) name "m/index.0" : (tensor<8x4xf32>, !colossal.any) -> !colossal.any
  %sizes = colossal.aten "prim::ListConstruct"(%c2, %c2) name "ListConstruct.1" : (!colossal.any, !colossal.any) -> !colossal.any
  // expected-error @below {{found sizes [2, 2] for rows that a mask selects, which hold that it selected one while the model was traced}}
  %y = colossal.aten "aten::view"(%rows, %sizes) name "m/view.0" : (!colossal.any, !colossal.any) -> !colossal.any
  return %y : !colossal.any
}

// -----

// How an index of a transposed tensor lies in memory is not known.
func.func @forward(%x: tensor<3x4xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x"}, %i: tensor<2xi64> {colossal.role = #colossal.role<batch>, colossal.name = "i"}) -> !colossal.any {
  %c2 = colossal.aten_constant 2 : i64 -> !colossal.any
  %none = colossal.aten_constant unit -> !colossal.any
  %list = colossal.aten "prim::ListConstruct"(%c2, %c2) name "ListConstruct.0" : (!colossal.any, !colossal.any) -> !colossal.any
  %ids = colossal.aten "prim::ListConstruct"(%none, %i) name "ListConstruct.1" : (!colossal.any, tensor<2xi64>) -> !colossal.any
  %t = colossal.aten "aten::t"(%x) name "m/t.0" : (tensor<3x4xf32>) -> !colossal.any
  %r = colossal.aten "aten::index.Tensor"(%t, %ids) name "m/index.0" : (!colossal.any, !colossal.any) -> !colossal.any
  // expected-error @below {{reads by strides a tensor of which it is not known how it lies in memory (contiguous() before it)}}
  %y = colossal.aten "aten::as_strided"(%r, %list, %list, %none) name "m/as_strided.0" : (!colossal.any, !colossal.any, !colossal.any, !colossal.any) -> !colossal.any
  return %y : !colossal.any
}

// -----

func.func @forward(%x: tensor<3x4xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x"}) -> !colossal.any {
  %c7 = colossal.aten_constant 7 : i64 -> !colossal.any
  %c2 = colossal.aten_constant 2 : i64 -> !colossal.any
  %none = colossal.aten_constant unit -> !colossal.any
  %list = colossal.aten "prim::ListConstruct"(%c2, %c2) name "ListConstruct.0" : (!colossal.any, !colossal.any) -> !colossal.any
  %steps = colossal.aten "prim::ListConstruct"(%c7, %c7) name "ListConstruct.1" : (!colossal.any, !colossal.any) -> !colossal.any
  // expected-error @below {{reads element 14 of a tensor of 12}}
  %y = colossal.aten "aten::as_strided"(%x, %list, %steps, %none) name "m/as_strided.0" : (tensor<3x4xf32>, !colossal.any, !colossal.any, !colossal.any) -> !colossal.any
  return %y : !colossal.any
}

// -----

func.func @forward(%x: tensor<4xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x"}, %i: tensor<4xi64> {colossal.role = #colossal.role<batch>, colossal.name = "i"}) -> !colossal.any {
  %c0 = colossal.aten_constant 0 : i64 -> !colossal.any
  %true = colossal.aten_constant true -> !colossal.any
  %how = colossal.aten_constant "median" -> !colossal.any
  // expected-error @below {{found reduction 'median', expected sum, prod, mean, amax or amin}}
  %y = colossal.aten "aten::scatter_reduce.two"(%x, %c0, %i, %x, %how, %true) name "m/scatter_reduce.0" : (tensor<4xf32>, !colossal.any, tensor<4xi64>, tensor<4xf32>, !colossal.any, !colossal.any) -> !colossal.any
  return %y : !colossal.any
}

// -----

// A size of as many dimensions, and one of more.
func.func @forward(%x: tensor<2x3xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x"}) -> !colossal.any {
  %five = colossal.aten_constant 5 : i64 -> !colossal.any
  %size = colossal.aten "prim::ListConstruct"(%five, %five) name "list.0" : (!colossal.any, !colossal.any) -> !colossal.any
  // expected-error @below {{expected a size that broadcasts to that of the tensor}}
  %y = colossal.aten "aten::sum_to_size"(%x, %size) name "m/sum_to_size.0" : (tensor<2x3xf32>, !colossal.any) -> !colossal.any
  return %y : !colossal.any
}

// -----

func.func @forward(%x: tensor<2x3xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x"}) -> !colossal.any {
  %one = colossal.aten_constant 1 : i64 -> !colossal.any
  %size = colossal.aten "prim::ListConstruct"(%one, %one, %one) name "list.0" : (!colossal.any, !colossal.any, !colossal.any) -> !colossal.any
  // expected-error @below {{expected a size that broadcasts to that of the tensor}}
  %y = colossal.aten "aten::sum_to_size"(%x, %size) name "m/sum_to_size.0" : (tensor<2x3xf32>, !colossal.any) -> !colossal.any
  return %y : !colossal.any
}
