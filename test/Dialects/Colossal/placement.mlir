// Constraints D of factored ops and reshards (ColossalDialect.td): what Differentiate and Plan decide.
// RUN: colossal-opt -split-input-file -verify-diagnostics %s

func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{D1: found group = 1 : i64, expected a string}}
  %y = colossal.generic "y" [i = 4] (%x : [i]) -> ([i]) attributes {group = 1 : i64} {
  ^bb0(%0: f32):
    colossal.yield %0 : f32
  } : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{D1: found forward_of = unit, expected a string}}
  %y = colossal.generic "y" [i = 4] (%x : [i]) -> ([i]) attributes {forward_of} {
  ^bb0(%0: f32):
    colossal.yield %0 : f32
  } : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{D1: found gradient_of = 2 : i64, expected a string}}
  %y = colossal.generic "y" [i = 4] (%x : [i]) -> ([i]) attributes {gradient_of = 2 : i64} {
  ^bb0(%0: f32):
    colossal.yield %0 : f32
  } : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{D1: found keep = false, expected no value}}
  %y = colossal.generic "y" [i = 4] (%x : [i]) -> ([i]) attributes {keep = false} {
  ^bb0(%0: f32):
    colossal.yield %0 : f32
  } : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{D1: found no_gradient = 0 : i64, expected no value}}
  %y = colossal.generic "y" [i = 4] (%x : [i]) -> ([i]) attributes {no_gradient = 0 : i64} {
  ^bb0(%0: f32):
    colossal.yield %0 : f32
  } : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{D2: found pass = "sideways", expected 'forward', 'backward' or 'update'}}
  %y = colossal.generic "y" [i = 4] (%x : [i]) -> ([i]) attributes {pass = "sideways"} {
  ^bb0(%0: f32):
    colossal.yield %0 : f32
  } : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

// A pass is no segment.
func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{D2: found pass = "prologue"}}
  %y = colossal.generic "y" [i = 4] (%x : [i]) -> ([i]) attributes {pass = "prologue"} {
  ^bb0(%0: f32):
    colossal.yield %0 : f32
  } : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{D3: found segment = "middle", expected 'prologue', 'forward', 'backward' or 'update'}}
  %y = colossal.generic "y" [i = 4] (%x : [i]) -> ([i]) attributes {segment = "middle"} {
  ^bb0(%0: f32):
    colossal.yield %0 : f32
  } : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{D3: found segment = 0 : i64, expected 'prologue'}}
  %y = colossal.reshard "y" %x from <[a]> to <[_]> {segment = 0 : i64} : tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{D4: found stage = -1 : i64, expected an i64 from 0}}
  %y = colossal.generic "y" [i = 4] (%x : [i]) -> ([i]) attributes {stage = -1 : i64} {
  ^bb0(%0: f32):
    colossal.yield %0 : f32
  } : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{D4: found stage = 0 : i32}}
  %y = colossal.generic "y" [i = 4] (%x : [i]) -> ([i]) attributes {stage = 0 : i32} {
  ^bb0(%0: f32):
    colossal.yield %0 : f32
  } : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

module attributes {colossal.stages = 2 : i64} {
func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{D4: found stage = 2 : i64, expected an i64 from 0 to below 2}}
  %y = colossal.generic "y" [i = 4] (%x : [i]) -> ([i]) attributes {stage = 2 : i64} {
  ^bb0(%0: f32):
    colossal.yield %0 : f32
  } : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}
}

// -----

func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{D5: found axes = ["i"], expected a dictionary such as}}
  %y = colossal.generic "y" [i = 4] (%x : [i]) -> ([i]) attributes {axes = ["i"]} {
  ^bb0(%0: f32):
    colossal.yield %0 : f32
  } : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{D5: found axes = {data = "i"}, expected one factor for each axis}}
  %y = colossal.generic "y" [i = 4] (%x : [i]) -> ([i]) attributes {axes = {data = "i"}} {
  ^bb0(%0: f32):
    colossal.yield %0 : f32
  } : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

// An axis cuts one factor.
func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{D5: found axes = {data = ["i", "i"]}, expected one factor for each axis}}
  %y = colossal.generic "y" [i = 4] (%x : [i]) -> ([i]) attributes {axes = {data = ["i", "i"]}} {
  ^bb0(%0: f32):
    colossal.yield %0 : f32
  } : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{D5: found axes = {data = ["k"]}, expected factors of the op, which has no 'k'}}
  %y = colossal.generic "y" [i = 4] (%x : [i]) -> ([i]) attributes {axes = {data = ["k"]}} {
  ^bb0(%0: f32):
    colossal.yield %0 : f32
  } : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

module attributes {colossal.mesh = [["a", 2 : i64]]} {
func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{D6: found axes = {b = ["i"]}, expected axes of the mesh, which has no 'b'}}
  %y = colossal.generic "y" [i = 4] (%x : [i]) -> ([i]) attributes {axes = {b = ["i"]}} {
  ^bb0(%0: f32):
    colossal.yield %0 : f32
  } : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}
}

// -----

module attributes {colossal.mesh = [["a", 2 : i64]]} {
func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{D6: found axes = {linear = {b = [0]}}, expected axes of the mesh}}
  %y = colossal.generic "y" [i = 4] (%x : [i]) -> ([i]) attributes {axes = {linear = {b = [0]}}} {
  ^bb0(%0: f32):
    colossal.yield %0 : f32
  } : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}
}

// -----

func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{D7: found axes = {linear = [0]}, expected a dictionary after 'linear'}}
  %y = colossal.generic "y" [i = 4] (%x : [i]) -> ([i]) attributes {axes = {linear = [0]}} {
  ^bb0(%0: f32):
    colossal.yield %0 : f32
  } : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{D7: found axes = {a = ["i"], linear = {a = [0]}}, expected the axis 'a' to cut a factor or to be linear, not both}}
  %y = colossal.generic "y" [i = 4] (%x : [i]) -> ([i]) attributes {axes = {a = ["i"], linear = {a = [0]}}} {
  ^bb0(%0: f32):
    colossal.yield %0 : f32
  } : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{D7: found axes = {linear = {a = [1]}}, expected for each axis of 'linear' distinct numbers of the 1 operands}}
  %y = colossal.generic "y" [i = 4] (%x : [i]) -> ([i]) attributes {axes = {linear = {a = [1]}}} {
  ^bb0(%0: f32):
    colossal.yield %0 : f32
  } : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{D7: found axes = {linear = {a = [0, 0]}}}}
  %y = colossal.generic "y" [i = 4] (%x : [i]) -> ([i]) attributes {axes = {linear = {a = [0, 0]}}} {
  ^bb0(%0: f32):
    colossal.yield %0 : f32
  } : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{D7: found axes = {linear = {a = []}}}}
  %y = colossal.generic "y" [i = 4] (%x : [i]) -> ([i]) attributes {axes = {linear = {a = []}}} {
  ^bb0(%0: f32):
    colossal.yield %0 : f32
  } : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{D7: found axes = {linear = {a = ["x"]}}}}
  %y = colossal.generic "y" [i = 4] (%x : [i]) -> ([i]) attributes {axes = {linear = {a = ["x"]}}} {
  ^bb0(%0: f32):
    colossal.yield %0 : f32
  } : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}
