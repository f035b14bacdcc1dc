// What a schedule says of ops and arguments has these forms. (Programs are there so that the dialect is.)
// RUN: colossal-opt %s -split-input-file -verify-diagnostics

rank.program {
}
func.func @groups(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{R1: found "rank.groups" = array<i64>, expected numbers of groups}}
  %0 = colossal.generic "y" [n = 4] (%x : [n]) -> ([n]) attributes {rank.groups = array<i64>} {
  ^bb0(%a: f32):
    colossal.yield %a : f32
  } : (tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

rank.program {
}
func.func @negative(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{R1: found "rank.groups" = array<i64: -1>, expected numbers of groups}}
  %0 = colossal.generic "y" [n = 4] (%x : [n]) -> ([n]) attributes {rank.groups = array<i64: -1>} {
  ^bb0(%a: f32):
    colossal.yield %a : f32
  } : (tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

rank.program {
}
func.func @places(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{R2: found "rank.places" = array<i64: 3>, expected a buffer and an offset a result}}
  %0 = colossal.generic "y" [n = 4] (%x : [n]) -> ([n]) attributes {rank.places = array<i64: 3>} {
  ^bb0(%a: f32):
    colossal.yield %a : f32
  } : (tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

rank.program {
}
// expected-error @below {{R3: found "rank.place" = array<i64: -1, 0>, expected a buffer and an offset}}
func.func @place(%x: tensor<4xf32> {rank.place = array<i64: -1, 0>}) -> tensor<4xf32> {
  return %x : tensor<4xf32>
}

// -----

rank.program {
}
func.func @token(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{R5: found "rank.token" = 0 : i64, expected a number above 0}}
  return {rank.token = 0} %x : tensor<4xf32>
}

// -----

rank.program {
}
func.func @waits(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{R6: found "rank.waits" = array<i64: 0>, expected tokens above 0}}
  return {rank.waits = array<i64: 0>} %x : tensor<4xf32>
}

// -----

rank.program {
}
// expected-error @below {{R4: found "rank.groups" = array<i64: 0>, expected rank.place on an argument}}
func.func @unknown(%x: tensor<4xf32> {rank.groups = array<i64: 0>}) -> tensor<4xf32> {
  return %x : tensor<4xf32>
}

// -----

rank.program {
}
// expected-error @below {{R4: found "rank.stage" = 0 : i64, expected rank.groups, rank.places, rank.token or rank.waits on an op}}
func.func @word() attributes {rank.stage = 0} {
  return
}

// -----

// expected-error @below {{R7: found "rank.device" = 7 : i64, expected a kind of device on a module}}
module attributes {rank.device = 7} {
  rank.program {
  }
}
