// RUN: colossal-opt %s -colossal-differentiate="optimizer=lamb:weight-decay=0.5" | FileCheck %s --check-prefix=LAMB
// RUN: colossal-opt %s -colossal-differentiate="optimizer=lars" | FileCheck %s --check-prefix=LARS
// RUN: colossal-opt %s -colossal-differentiate="optimizer=adafactor clip-norm=1.0" | FileCheck %s --check-prefix=ADAFACTOR
// RUN: colossal-opt %s -colossal-differentiate="optimizer=adagrad:initial-accumulator-value=0.5,lr-decay=0.1" | FileCheck %s --check-prefix=ADAGRAD
// RUN: colossal-opt %s -colossal-differentiate="optimizer=lion:maximize" | FileCheck %s --check-prefix=LION

// Direction, two norms in one pass, rate and step; the norms are sums over the parameter's factors, so
// that they are right however it is cut.
// LAMB-LABEL: func.func @train_step
// LAMB:       %[[DIRECTION:.*]]:3 = colossal.generic "w/lamb" [d0 = 8, d1 = 3] (%arg0 : [d0, d1]
// LAMB:       %[[NORMS:.*]]:2 = colossal.generic "w/norms" [d0 = 8 : sum, d1 = 3 : sum] (%arg0 : [d0, d1], %[[DIRECTION]]#0 : [d0, d1]) -> ([], [])
// LAMB-SAME:  pass = update
// LAMB:       %[[RATE:.*]] = colossal.generic "w/trust" [] (%[[NORMS]]#0 : [], %[[NORMS]]#1 : []
// LAMB:       colossal.generic "w/step" [d0 = 8, d1 = 3] (%arg0 : [d0, d1], %[[DIRECTION]]#0 : [d0, d1], %[[RATE]] : [])

// The rate is that of the parameter before its step.
// LARS-LABEL: func.func @train_step
// LARS-NOT:   colossal.name = "step"
// LARS:       %[[NORMS:.*]]:2 = colossal.generic "w/norms" [d0 = 8 : sum, d1 = 3 : sum] (%arg0 : [d0, d1], %[[G:.*]] : [d0, d1]) -> ([], [])
// LARS:       %[[RATE:.*]] = colossal.generic "w/rate" [] (%[[NORMS]]#0 : [], %[[NORMS]]#1 : []
// LARS:       colossal.generic "w/lars" [d0 = 8, d1 = 3] (%arg0 : [d0, d1], %[[G]] : [d0, d1], %[[RATE]] : []

// State of its own shape; the gradient is clipped before its squares are summed.
// ADAFACTOR-LABEL: func.func @train_step
// ADAFACTOR-SAME:  tensor<8x1xf32> {colossal.name = "w#row_var"
// ADAFACTOR-SAME:  tensor<1x3xf32> {colossal.name = "w#col_var"
// ADAFACTOR-SAME:  tensor<3xf32> {colossal.name = "b#variance"
// ADAFACTOR:       %[[C:.*]]:2 = colossal.generic "clip/coefficient"
// ADAFACTOR:       %[[SUMS:.*]] = colossal.generic "w/row_var/squares" [d0 = 8, d1 = 3 : sum] (%[[G:.*]] : [d0, d1], %[[C]]#1 : []) -> ([d0, 0 of 1])
// ADAFACTOR:       %[[ROW:.*]] = colossal.generic "w/row_var" [d0 = 8] ({{.*}} : [d0, 0 of 1], %[[SUMS]] : [d0, 0 of 1]
// ADAFACTOR:       colossal.generic "w/col_var/squares" [d0 = 8 : sum, d1 = 3]
// ADAFACTOR:       %[[COLUMN:.*]] = colossal.generic "w/col_var" [d1 = 3]
// ADAFACTOR:       %[[MEAN:.*]] = colossal.generic "w/row_var/mean" [d0 = 8 : sum] (%[[ROW]] : [d0, 0 of 1]) -> ([0 of 1, 0 of 1])
// ADAFACTOR:       colossal.generic "w/direction" [d0 = 8, d1 = 3] (%[[G]] : [d0, d1], %[[ROW]] : [d0, 0 of 1], %[[COLUMN]] : [0 of 1, d1], %[[MEAN]] : [0 of 1, 0 of 1], %[[C]]#1 : [])
// ADAFACTOR:       colossal.generic "w/adafactor"
// ADAFACTOR:       colossal.generic "b/direction" [d0 = 3]

// A state that begins with another number than 0.
// ADAGRAD-LABEL: func.func @train_step
// ADAGRAD-SAME:  tensor<8x3xf32> {colossal.name = "w#sum", colossal.role = #colossal.role<optimizer>, colossal.source = {fill = 5.000000e-01 : f64}}
// ADAGRAD:       colossal.generic "optimizer/scalars" [] ({{.*}} : [], {{.*}} : [])
// ADAGRAD:       "w/adagrad"

// LION-LABEL: func.func @train_step
// LION:       "w/lion" {{.*}} pass = update
// LION-NEXT:  ^bb0({{.*}}, %[[G:[a-z0-9]+]]: f32, {{.*}}, {{.*}})
// LION:       %[[NEGATED:.*]] = arith.negf %[[G]] : f32
// LION:       arith.subf %[[NEGATED]]
func.func @forward(%w: tensor<8x3xf32> {colossal.role = #colossal.role<parameter>, colossal.name = "w"},
                   %b: tensor<3xf32> {colossal.role = #colossal.role<parameter>, colossal.name = "b"}) -> tensor<f32> {
  %loss = colossal.generic "loss" [k = 8 : sum, n = 3 : sum] (%w : [k, n], %b : [n]) -> ([]) {
    ^bb0(%0: f32, %1: f32):
      %2 = arith.addf %0, %1 : f32
      %3 = arith.mulf %2, %2 : f32
      colossal.yield %3 : f32
  } : (tensor<8x3xf32>, tensor<3xf32>) -> tensor<f32>
  return %loss : tensor<f32>
}
