// RUN: colossal-opt %s -colossal-differentiate="optimizer=sgd:lr=0.1,momentum=0.9,weight-decay=0.5,no-decay=rank<2 groups=name=*.bias|head.*:lr=0.2;name=tied*:momentum=0" | FileCheck %s
// RUN: not colossal-opt %s -colossal-differentiate="optimizer=sgd groups=name=*.bais:lr=0.2" 2>&1 | FileCheck %s --check-prefix=TYPO
// RUN: not colossal-opt %s -colossal-differentiate="optimizer=sgd groups=name=hed.*:lr=0.2" 2>&1 | FileCheck %s --check-prefix=NEAR
// RUN: not colossal-opt %s -colossal-differentiate="optimizer=sgd groups=rank:lr=0.2" 2>&1 | FileCheck %s --check-prefix=FORM

// The first group that matches counts: a rate of its own is a control of its own. A tied parameter is
// found under each of its names; without momentum it has no state.
// CHECK-LABEL: func.func @train_step
// CHECK-SAME:  colossal.name = "a.weight#momentum_buffer"
// CHECK-SAME:  colossal.name = "a.bias#momentum_buffer"
// CHECK-SAME:  colossal.name = "head.weight#momentum_buffer"
// CHECK-NOT:   wte.weight#momentum_buffer
// CHECK-SAME:  %[[LR:[a-z0-9]+]]: tensor<f64> {colossal.name = "lr"
// CHECK-SAME:  %[[OWN:[a-z0-9]+]]: tensor<f64> {colossal.name = "lr.1"
// CHECK:       %[[RATE:.*]] = colossal.generic "optimizer/scalars" [] (%[[LR]] : [])
// CHECK:       "a.weight/sgd" {{.*}}%[[RATE]] : []
// CHECK:       arith.constant 5.000000e-01 : f32
// CHECK:       %[[OWNRATE:.*]] = colossal.generic "optimizer/scalars.1" [] (%[[OWN]] : [])
// No decay below rank 2.
// CHECK:       "a.bias/sgd" {{.*}}%[[OWNRATE]] : []
// CHECK-NOT:   arith.constant 5.000000e-01 : f32
// The rate of the first group, the decay of --optimizer.
// CHECK:       "head.weight/sgd" {{.*}}%[[OWNRATE]] : []
// CHECK:       arith.constant 5.000000e-01 : f32
// CHECK:       "wte.weight/sgd"

// TYPO: error: --group: found the pattern '*.bais', which no trained parameter matches, expected one such as 'a.bias'
// NEAR: expected one such as 'head.weight'
// FORM: error: --group: found 'rank:lr=0.2', expected name=PATTERN|PATTERN:SETTINGS or rank<N:SETTINGS
func.func @forward(%w: tensor<8x3xf32> {colossal.role = #colossal.role<parameter>, colossal.name = "a.weight"},
                   %b: tensor<3xf32> {colossal.role = #colossal.role<parameter>, colossal.name = "a.bias"},
                   %h: tensor<8x3xf32> {colossal.role = #colossal.role<parameter>, colossal.name = "head.weight"},
                   %t: tensor<8x3xf32> {colossal.role = #colossal.role<parameter>, colossal.name = "wte.weight", colossal.aliases = ["tied.weight"]}) -> tensor<f32> {
  %loss = colossal.generic "loss" [k = 8 : sum, n = 3 : sum] (%w : [k, n], %b : [n], %h : [k, n], %t : [k, n]) -> ([]) {
    ^bb0(%0: f32, %1: f32, %2: f32, %3: f32):
      %4 = arith.addf %0, %1 : f32
      %5 = arith.mulf %2, %3 : f32
      %6 = arith.mulf %4, %5 : f32
      colossal.yield %6 : f32
  } : (tensor<8x3xf32>, tensor<3xf32>, tensor<8x3xf32>, tensor<8x3xf32>) -> tensor<f32>
  return %loss : tensor<f32>
}
