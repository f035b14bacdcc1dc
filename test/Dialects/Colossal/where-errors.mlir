// RUN: colossal-opt %s -split-input-file -verify-diagnostics

func.func @unknown(%x: tensor<6xf32>) -> tensor<6xf32> {
  %y = colossal.generic "y" [i = 6] (%x : [i]) -> ([i]) {
    ^bb0(%0: f32):
      // expected-error@+1 {{E1: found "v", expected the name of a factor}}
      %1 = colossal.where %0 [v == 3] : f32
      colossal.yield %1 : f32
  } : (tensor<6xf32>) -> tensor<6xf32>
  return %y : tensor<6xf32>
}

// -----

func.func @large(%x: tensor<6xf32>) -> tensor<6xf32> {
  %y = colossal.generic "y" [i = 6] (%x : [i]) -> ([i]) {
    ^bb0(%0: f32):
      // expected-error@+1 {{E2: found #colossal.equation<1000000000000 * i == 0>, expected a constant and strides times sizes of at most 1099511627776}}
      %1 = colossal.where %0 [1000000000000 * i == 0] : f32
      colossal.yield %1 : f32
  } : (tensor<6xf32>) -> tensor<6xf32>
  return %y : tensor<6xf32>
}

// -----

func.func @no_id(%x: tensor<6xf32>) -> tensor<6xf32> {
  %y = colossal.generic "y" [i = 6] (%x : [i]) -> ([i]) {
    ^bb0(%0: f32):
      // expected-error@+1 {{E3: found 0 ids, expected one for each of the 1 equations that have one}}
      %1 = "colossal.where"(%0) <{equations = [#colossal.equation<i == ?>]}> : (f32) -> f32
      colossal.yield %1 : f32
  } : (tensor<6xf32>) -> tensor<6xf32>
  return %y : tensor<6xf32>
}

// -----

// An id for each v would have to be read at every v: nothing is looked up.
func.func @varies(%ids: tensor<6x7xi64>, %x: tensor<7xf32>) -> tensor<6xf32> {
  %y = colossal.generic "y" [i = 6, v = 7 : sum] (%ids : [i, v], %x : [v]) -> ([i]) {
    ^bb0(%id: i64, %0: f32):
      // expected-error@+1 {{E4: found an id that varies with 'v', a factor of its equation}}
      %1 = colossal.where %0 [v == %id : i64] : f32
      colossal.yield %1 : f32
  } : (tensor<6x7xi64>, tensor<7xf32>) -> tensor<6xf32>
  return %y : tensor<6xf32>
}

// -----

// A look-up whose statement cannot be used: it would pass over all 50000 rows.
func.func @below(%ids: tensor<6xi64>, %x: tensor<50000xf32>) -> tensor<6xf64> {
  %y = colossal.generic "y" [i = 6, v = 50000 : sum] (%ids : [i], %x : [v]) -> ([i]) {
    ^bb0(%id: i64, %0: f32):
      // expected-error@+1 {{E5: found it below 'arith.extf', expected to be what the sum yields}}
      %1 = colossal.where %0 [v == %id : i64] : f32
      %2 = arith.extf %1 : f32 to f64
      colossal.yield %2 : f64
  } : (tensor<6xi64>, tensor<50000xf32>) -> tensor<6xf64>
  return %y : tensor<6xf64>
}

// -----

// The same for a scatter, and for a copy.
func.func @scatter(%ids: tensor<6xi64>, %g: tensor<6xf32>) -> tensor<50000xf32> {
  %y = colossal.generic "y" [v = 50000, i = 6 : sum] (%ids : [i], %g : [i]) -> ([v]) {
    ^bb0(%id: i64, %0: f32):
      // expected-error@+1 {{E5: found it below 'arith.addf', expected to be what the sum yields}}
      %1 = colossal.where %0 [v == %id : i64] : f32
      %2 = arith.addf %1, %1 : f32
      colossal.yield %2 : f32
  } : (tensor<6xi64>, tensor<6xf32>) -> tensor<50000xf32>
  return %y : tensor<50000xf32>
}

// -----

func.func @one_of_two(%x: tensor<7xf32>) -> (tensor<6xf32>, tensor<6xf32>) {
  %y:2 = colossal.generic "y" [i = 6, a = 7 : sum] (%x : [a]) -> ([i], [i]) {
    ^bb0(%0: f32):
      // expected-error@+1 {{E5: found it in one result of a sum, expected it in all or none}}
      %1 = colossal.where %0 [a == i + 1] : f32
      colossal.yield %1, %0 : f32, f32
  } : (tensor<7xf32>) -> (tensor<6xf32>, tensor<6xf32>)
  return %y#0, %y#1 : tensor<6xf32>, tensor<6xf32>
}

// -----

func.func @different(%x: tensor<7xf32>) -> (tensor<6xf32>, tensor<6xf32>) {
  %y:2 = colossal.generic "y" [i = 6, a = 7 : sum] (%x : [a]) -> ([i], [i]) {
    ^bb0(%0: f32):
      %1 = colossal.where %0 [a == i + 1] : f32
      // expected-error@+1 {{E5: found [#colossal.equation<a == i>], expected the equations and ids of the sum's first result, [#colossal.equation<a == i + 1>]}}
      %2 = colossal.where %0 [a == i] : f32
      colossal.yield %1, %2 : f32, f32
  } : (tensor<7xf32>) -> (tensor<6xf32>, tensor<6xf32>)
  return %y#0, %y#1 : tensor<6xf32>, tensor<6xf32>
}

// -----

// What products leave out is not zero: infinities matter. The loop is meant.
func.func @product(%ids: tensor<6xi64>, %x: tensor<7xf32>, %y: tensor<6x7xf32>) -> tensor<6xf32> {
  %r = colossal.generic "r" [i = 6, v = 7 : sum] (%ids : [i], %x : [v], %y : [i, v]) -> ([i]) {
    ^bb0(%id: i64, %0: f32, %1: f32):
      %2 = colossal.where %0 [v == %id : i64] : f32
      %3 = arith.mulf %2, %1 : f32
      colossal.yield %3 : f32
  } : (tensor<6xi64>, tensor<7xf32>, tensor<6x7xf32>) -> tensor<6xf32>
  return %r : tensor<6xf32>
}

// -----

// Zeros count in a maximum.
func.func @maximum(%ids: tensor<6xi64>, %x: tensor<7xf32>) -> tensor<6xf32> {
  %r = colossal.generic "r" [i = 6, v = 7 : max] (%ids : [i], %x : [v]) -> ([i]) {
    ^bb0(%id: i64, %0: f32):
      %1 = colossal.where %0 [v == %id : i64] : f32
      %2 = arith.negf %1 : f32
      colossal.yield %2 : f32
  } : (tensor<6xi64>, tensor<7xf32>) -> tensor<6xf32>
  return %r : tensor<6xf32>
}

// -----

func.func @text(%x: tensor<7xf32>) -> tensor<7xf32> {
  %r = colossal.generic "r" [i = 7] (%x : [i]) -> ([i]) {
    ^bb0(%0: f32):
      // expected-error@+1 {{expected '='}}
      %1 = colossal.where %0 [i + 3] : f32
      colossal.yield %1 : f32
  } : (tensor<7xf32>) -> tensor<7xf32>
  return %r : tensor<7xf32>
}

// -----

func.func @outside(%x: f32) -> f32 {
  // expected-error@+1 {{expects parent op 'colossal.generic'}}
  %r = colossal.where %x [i == 3] : f32
  return %r : f32
}
