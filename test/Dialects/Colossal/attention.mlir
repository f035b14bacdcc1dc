// Constraints A of attention (Attention.td): one case a check.
// RUN: colossal-opt -split-input-file -verify-diagnostics %s

func.func @f(%x: tensor<4x2xf32>) -> (tensor<4x2xf32>, tensor<4xf32>) {
  // expected-error @below {{A1: found 2 operands and 2 results, expected at least 3 and 2}}
  %o, %l = colossal.attention "a" scale 0.5 [q = 4, k = 4, d = 2, e = 2] (%x : [q, d], %x : [k, d]) -> ([q, e], [q]) {
  ^bb0(%s: f32):
    colossal.yield %s : f32
  } : (tensor<4x2xf32>, tensor<4x2xf32>) -> (tensor<4x2xf32>, tensor<4xf32>)
  return %o, %l : tensor<4x2xf32>, tensor<4xf32>
}

// -----

func.func @f(%x: tensor<4x2xf32>, %l: tensor<4xf32>) -> (tensor<4x2xf32>, tensor<4x2xf32>) {
  // expected-error @below {{A1: found 6 operands and 2 results, expected at least 6 and 3}}
  %dq, %dk = colossal.attention_backward "a" scale 0.5 [q = 4, k = 4, d = 2, e = 2]
      (%x : [q, d], %x : [k, d], %x : [k, e], %x : [q, e], %l : [q], %x : [q, e]) -> ([q, d], [k, d]) {
  ^bb0(%s: f32):
    colossal.yield %s : f32
  } : (tensor<4x2xf32>, tensor<4x2xf32>, tensor<4x2xf32>, tensor<4x2xf32>, tensor<4xf32>, tensor<4x2xf32>) -> (tensor<4x2xf32>, tensor<4x2xf32>)
  return %dq, %dk : tensor<4x2xf32>, tensor<4x2xf32>
}

// -----

func.func @f(%x: tensor<4x2xf32>) -> (tensor<4x2xf32>, tensor<4xf32>) {
  // expected-error @below {{C1: operand 1 has type 'tensor<4x2xf32>', but its index map has shape [4, 3]}}
  %o, %l = colossal.attention "a" scale 0.5 [q = 4, k = 4, d = 3, e = 2] (%x : [q, d + 0 of 2], %x : [k, d], %x : [k, e]) -> ([q, e], [q]) {
  ^bb0(%s: f32):
    colossal.yield %s : f32
  } : (tensor<4x2xf32>, tensor<4x2xf32>, tensor<4x2xf32>) -> (tensor<4x2xf32>, tensor<4xf32>)
  return %o, %l : tensor<4x2xf32>, tensor<4xf32>
}

// -----

func.func @f(%x: tensor<4x2xf32>, %m: tensor<4x4xi1>) -> (tensor<4x2xf32>, tensor<4xf32>) {
  // expected-error @below {{A2: the body takes the score and one element of each extra operand}}
  %o, %l = colossal.attention "a" scale 0.5 [q = 4, k = 4, d = 2, e = 2] (%x : [q, d], %x : [k, d], %x : [k, e], %m : [q, k]) -> ([q, e], [q]) {
  ^bb0(%s: f32):
    colossal.yield %s : f32
  } : (tensor<4x2xf32>, tensor<4x2xf32>, tensor<4x2xf32>, tensor<4x4xi1>) -> (tensor<4x2xf32>, tensor<4xf32>)
  return %o, %l : tensor<4x2xf32>, tensor<4xf32>
}

// -----

func.func @f(%x: tensor<4x2xf32>) -> (tensor<4x2xf32>, tensor<4xf32>) {
  // expected-error @below {{A3: the body yields the masked score}}
  %o, %l = colossal.attention "a" scale 0.5 [q = 4, k = 4, d = 2, e = 2] (%x : [q, d], %x : [k, d], %x : [k, e]) -> ([q, e], [q]) {
  ^bb0(%s: f32):
    %i = colossal.index "q"
    colossal.yield %i : i64
  } : (tensor<4x2xf32>, tensor<4x2xf32>, tensor<4x2xf32>) -> (tensor<4x2xf32>, tensor<4xf32>)
  return %o, %l : tensor<4x2xf32>, tensor<4xf32>
}

// -----

func.func @f(%x: tensor<4x2xf32>) -> (tensor<4x2xf32>, tensor<4xf32>) {
  // expected-error @below {{A4: argument 0 of the body has type 'f64', expected a float, as of q, 'f32'}}
  %o, %l = colossal.attention "a" scale 0.5 [q = 4, k = 4, d = 2, e = 2] (%x : [q, d], %x : [k, d], %x : [k, e]) -> ([q, e], [q]) {
  ^bb0(%s: f64):
    colossal.yield %s : f64
  } : (tensor<4x2xf32>, tensor<4x2xf32>, tensor<4x2xf32>) -> (tensor<4x2xf32>, tensor<4xf32>)
  return %o, %l : tensor<4x2xf32>, tensor<4xf32>
}

// -----

func.func @f(%x: tensor<4x2xi64>) -> (tensor<4x2xi64>, tensor<4xi64>) {
  // expected-error @below {{A4: argument 0 of the body has type 'i64', expected a float}}
  %o, %l = colossal.attention "a" scale 0.5 [q = 4, k = 4, d = 2, e = 2] (%x : [q, d], %x : [k, d], %x : [k, e]) -> ([q, e], [q]) {
  ^bb0(%s: i64):
    colossal.yield %s : i64
  } : (tensor<4x2xi64>, tensor<4x2xi64>, tensor<4x2xi64>) -> (tensor<4x2xi64>, tensor<4xi64>)
  return %o, %l : tensor<4x2xi64>, tensor<4xi64>
}

// -----

func.func @f(%x: tensor<4x2xf32>, %m: tensor<4x4xi1>) -> (tensor<4x2xf32>, tensor<4xf32>) {
  // expected-error @below {{A4: argument 1 of the body has type 'f32', expected that of its operand, 'i1'}}
  %o, %l = colossal.attention "a" scale 0.5 [q = 4, k = 4, d = 2, e = 2] (%x : [q, d], %x : [k, d], %x : [k, e], %m : [q, k]) -> ([q, e], [q]) {
  ^bb0(%s: f32, %keep: f32):
    colossal.yield %s : f32
  } : (tensor<4x2xf32>, tensor<4x2xf32>, tensor<4x2xf32>, tensor<4x4xi1>) -> (tensor<4x2xf32>, tensor<4xf32>)
  return %o, %l : tensor<4x2xf32>, tensor<4xf32>
}

// -----

// k's feature is another factor than q's.
func.func @f(%x: tensor<4x2xf32>) -> (tensor<4x2xf32>, tensor<4xf32>) {
  // expected-error @below {{A5: factor 'c' is in k alone}}
  %o, %l = colossal.attention "a" scale 0.5 [q = 4, k = 4, d = 2, c = 2, e = 2] (%x : [q, d], %x : [k, c], %x : [k, e]) -> ([q, e], [q]) {
  ^bb0(%s: f32):
    colossal.yield %s : f32
  } : (tensor<4x2xf32>, tensor<4x2xf32>, tensor<4x2xf32>) -> (tensor<4x2xf32>, tensor<4xf32>)
  return %o, %l : tensor<4x2xf32>, tensor<4xf32>
}

// -----

func.func @f(%x: tensor<4x2xf32>) -> (tensor<4x2xf32>, tensor<4xf32>) {
  // expected-error @below {{A5: factor 'q' is in q and v}}
  %o, %l = colossal.attention "a" scale 0.5 [q = 4, k = 4, d = 2, e = 2] (%x : [q, d], %x : [k, d], %x : [q, e]) -> ([q, e], [q]) {
  ^bb0(%s: f32):
    colossal.yield %s : f32
  } : (tensor<4x2xf32>, tensor<4x2xf32>, tensor<4x2xf32>) -> (tensor<4x2xf32>, tensor<4xf32>)
  return %o, %l : tensor<4x2xf32>, tensor<4xf32>
}

// -----

func.func @f(%x: tensor<4x2xf32>) -> (tensor<4x2xf32>, tensor<4xf32>) {
  // expected-error @below {{A5: factor 'z' is in none of q, k and v}}
  %o, %l = colossal.attention "a" scale 0.5 [q = 4, k = 4, d = 2, e = 2, z = 3] (%x : [q, d], %x : [k, d], %x : [k, e]) -> ([q, e], [q]) {
  ^bb0(%s: f32):
    colossal.yield %s : f32
  } : (tensor<4x2xf32>, tensor<4x2xf32>, tensor<4x2xf32>) -> (tensor<4x2xf32>, tensor<4xf32>)
  return %o, %l : tensor<4x2xf32>, tensor<4xf32>
}

// -----

func.func @f(%x: tensor<4x2xf32>) -> (tensor<4x2xf32>, tensor<4xf32>) {
  // expected-error @below {{A6: factor 'q' misses in the map of the result}}
  %o, %l = colossal.attention "a" scale 0.5 [q = 4, k = 4, d = 2, e = 2] (%x : [q, d], %x : [k, d], %x : [k, e]) -> ([k, e], [q]) {
  ^bb0(%s: f32):
    colossal.yield %s : f32
  } : (tensor<4x2xf32>, tensor<4x2xf32>, tensor<4x2xf32>) -> (tensor<4x2xf32>, tensor<4xf32>)
  return %o, %l : tensor<4x2xf32>, tensor<4xf32>
}

// -----

func.func @f(%x: tensor<4x2xf32>) -> (tensor<4x2xf32>, tensor<4x2xf32>) {
  // expected-error @below {{A6: factor 'd' occurs in the map of the log-sum-exp}}
  %o, %l = colossal.attention "a" scale 0.5 [q = 4, k = 4, d = 2, e = 2] (%x : [q, d], %x : [k, d], %x : [k, e]) -> ([q, e], [q, d]) {
  ^bb0(%s: f32):
    colossal.yield %s : f32
  } : (tensor<4x2xf32>, tensor<4x2xf32>, tensor<4x2xf32>) -> (tensor<4x2xf32>, tensor<4x2xf32>)
  return %o, %l : tensor<4x2xf32>, tensor<4x2xf32>
}

// -----

func.func @f(%x: tensor<4x2xf32>, %l: tensor<4xf32>) -> (tensor<4x2xf32>, tensor<4x2xf32>, tensor<4x2xf32>) {
  // expected-error @below {{A6: factor 'k' misses in the map of k's gradient}}
  %dq, %dk, %dv = colossal.attention_backward "a" scale 0.5 [q = 4, k = 4, d = 2, e = 2]
      (%x : [q, d], %x : [k, d], %x : [k, e], %x : [q, e], %l : [q], %x : [q, e]) -> ([q, d], [0 of 4, d], [k, e]) {
  ^bb0(%s: f32):
    colossal.yield %s : f32
  } : (tensor<4x2xf32>, tensor<4x2xf32>, tensor<4x2xf32>, tensor<4x2xf32>, tensor<4xf32>, tensor<4x2xf32>) -> (tensor<4x2xf32>, tensor<4x2xf32>, tensor<4x2xf32>)
  return %dq, %dk, %dv : tensor<4x2xf32>, tensor<4x2xf32>, tensor<4x2xf32>
}

// -----

func.func @f(%x: tensor<4x2xf32>, %l: tensor<4xf32>) -> (tensor<4x2xf32>, tensor<4x2xf32>, tensor<4x2xf32>) {
  // expected-error @below {{A6: factor 'q' misses in the map of the result's gradient}}
  %dq, %dk, %dv = colossal.attention_backward "a" scale 0.5 [q = 4, k = 4, d = 2, e = 2]
      (%x : [q, d], %x : [k, d], %x : [k, e], %x : [q, e], %l : [q], %x : [k, e]) -> ([q, d], [k, d], [k, e]) {
  ^bb0(%s: f32):
    colossal.yield %s : f32
  } : (tensor<4x2xf32>, tensor<4x2xf32>, tensor<4x2xf32>, tensor<4x2xf32>, tensor<4xf32>, tensor<4x2xf32>) -> (tensor<4x2xf32>, tensor<4x2xf32>, tensor<4x2xf32>)
  return %dq, %dk, %dv : tensor<4x2xf32>, tensor<4x2xf32>, tensor<4x2xf32>
}
