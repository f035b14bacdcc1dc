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
  // expected-error @below {{D2: found 'sideways', expected prologue, forward, backward, update}}
  %y = colossal.generic "y" [i = 4] (%x : [i]) -> ([i]) attributes {pass = sideways} {
  ^bb0(%0: f32):
    colossal.yield %0 : f32
  } : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

// A pass is no segment.
func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{D2: found pass = prologue, expected forward, backward or update}}
  %y = colossal.generic "y" [i = 4] (%x : [i]) -> ([i]) attributes {pass = prologue} {
  ^bb0(%0: f32):
    colossal.yield %0 : f32
  } : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{D3: found 'middle', expected prologue, forward, backward, update}}
  %y = colossal.generic "y" [i = 4] (%x : [i]) -> ([i]) attributes {segment = middle} {
  ^bb0(%0: f32):
    colossal.yield %0 : f32
  } : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{D3: expected prologue, forward}}
  %y = colossal.reshard "y" %x from <[a]> to <[_]> {segment = 0} : tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{D4: found stage = -1, expected one from 0}}
  %y = colossal.generic "y" [i = 4] (%x : [i]) -> ([i]) attributes {stage = -1} {
  ^bb0(%0: f32):
    colossal.yield %0 : f32
  } : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{'colossal.generic' op attribute 'stage' failed to satisfy constraint: 64-bit signless integer}}
  %y = colossal.generic "y" [i = 4] (%x : [i]) -> ([i]) attributes {stage = "first"} {
  ^bb0(%0: f32):
    colossal.yield %0 : f32
  } : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

module attributes {colossal.stages = 2 : i64} {
func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{D4: found stage = 2, expected one from 0 to below 2}}
  %y = colossal.generic "y" [i = 4] (%x : [i]) -> ([i]) attributes {stage = 2} {
  ^bb0(%0: f32):
    colossal.yield %0 : f32
  } : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}
}

// -----

func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{expected '{'}}
  %y = colossal.generic "y" [i = 4] (%x : [i]) -> ([i]) attributes {axes = [i]} {
  ^bb0(%0: f32):
    colossal.yield %0 : f32
  } : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{expected valid keyword or string}}
  %y = colossal.generic "y" [i = 4] (%x : [i]) -> ([i]) attributes {axes = {data = 3}} {
  ^bb0(%0: f32):
    colossal.yield %0 : f32
  } : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

// An axis cuts one factor.
func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{D5: found the axis 'data' twice, expected it to cut one factor or to be linear}}
  %y = colossal.generic "y" [i = 4] (%x : [i]) -> ([i]) attributes {axes = {data = i, data = i}} {
  ^bb0(%0: f32):
    colossal.yield %0 : f32
  } : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{D5: found the axis 'data', which cuts 'k', expected a factor of the op}}
  %y = colossal.generic "y" [i = 4] (%x : [i]) -> ([i]) attributes {axes = {data = k}} {
  ^bb0(%0: f32):
    colossal.yield %0 : f32
  } : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

module attributes {colossal.mesh = #colossal.mesh<a = 2>} {
func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{D6: found the axis 'b', expected axes of the mesh}}
  %y = colossal.generic "y" [i = 4] (%x : [i]) -> ([i]) attributes {axes = {b = i}} {
  ^bb0(%0: f32):
    colossal.yield %0 : f32
  } : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}
}

// -----

module attributes {colossal.mesh = #colossal.mesh<a = 2>} {
func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{D6: found the axis 'b', expected axes of the mesh}}
  %y = colossal.generic "y" [i = 4] (%x : [i]) -> ([i]) attributes {axes = {b = linear [0]}} {
  ^bb0(%0: f32):
    colossal.yield %0 : f32
  } : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}
}

// -----

func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{D5: found the axis 'a' twice, expected it to cut one factor or to be linear}}
  %y = colossal.generic "y" [i = 4] (%x : [i]) -> ([i]) attributes {axes = {a = i, a = linear [0]}} {
  ^bb0(%0: f32):
    colossal.yield %0 : f32
  } : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{D7: found the axis 'a', over which operand 1 is linear, expected numbers of the 1 operands}}
  %y = colossal.generic "y" [i = 4] (%x : [i]) -> ([i]) attributes {axes = {a = linear [1]}} {
  ^bb0(%0: f32):
    colossal.yield %0 : f32
  } : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{D7: found the operand 0 linear over 'a', expected distinct numbers of operands}}
  %y = colossal.generic "y" [i = 4] (%x : [i]) -> ([i]) attributes {axes = {a = linear [0, 0]}} {
  ^bb0(%0: f32):
    colossal.yield %0 : f32
  } : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{expected integer value}}
  %y = colossal.generic "y" [i = 4] (%x : [i]) -> ([i]) attributes {axes = {a = linear []}} {
  ^bb0(%0: f32):
    colossal.yield %0 : f32
  } : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{expected integer value}}
  %y = colossal.generic "y" [i = 4] (%x : [i]) -> ([i]) attributes {axes = {a = linear ["x"]}} {
  ^bb0(%0: f32):
    colossal.yield %0 : f32
  } : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{found the attribute 'stage' twice}}
  %y = colossal.generic "y" [i = 4] (%x : [i]) -> ([i]) attributes {stage = 0, stage = 1} {
  ^bb0(%0: f32):
    colossal.yield %0 : f32
  } : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

// Functions say it with the dialect's prefix.
// expected-error @below {{D3: found 'middle', expected prologue, forward, backward, update}}
func.func @f() attributes {colossal.segment = #colossal.segment<middle>} { return }

// -----

// expected-error @below {{D3: found "colossal.segment" = "forward", expected a #colossal.segment}}
func.func @f() attributes {colossal.segment = "forward"} { return }

// -----

// expected-error @below {{D4: found "colossal.stage" = -1 : i64, expected the number of a stage}}
func.func @f() attributes {colossal.stage = -1 : i64} { return }

// -----

module attributes {colossal.stages = 2 : i64} {
// expected-error @below {{D4: found stage = 2, expected one from 0 to below 2}}
func.func @f() attributes {colossal.stage = 2 : i64} { return }
}

// -----

// Where another program's plan has placed a state.
module attributes {colossal.stages = 2 : i64} {
// expected-error @below {{D4: found stage = 2, expected one from 0 to below 2}}
func.func @f(%x: tensor<4xf32> {colossal.stage = 2 : i64}) { return }
}
