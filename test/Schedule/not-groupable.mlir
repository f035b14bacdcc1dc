// Passes that look at kernels say so where there are none to be had.
// RUN: colossal-opt --colossal-print-kernels -split-input-file -verify-diagnostics %s
// RUN: colossal-opt --colossal-print-groups -split-input-file -verify-diagnostics %s

func.func @forward(%x: tensor<512xf32>) -> !colossal.any {
  // expected-error @below {{found op 'colossal.aten_constant', expected factored ops and collectives: the program was not normalized}}
  %c = colossal.aten_constant 1 : i64 -> !colossal.any
  %y = colossal.aten "aten::add.Scalar"(%x, %c, %c) name "add.0" : (tensor<512xf32>, !colossal.any, !colossal.any) -> !colossal.any
  return %y : !colossal.any
}

// -----

// expected-error @below {{found a value of type 'tensor<4xi4>', expected a tensor of f32, f64, bf16, f16, i64, i32, i16, i8, ui8 or i1 with known sizes}}
func.func @forward(%x: tensor<4xi4>) -> tensor<4xi4> {
  return %x : tensor<4xi4>
}
