// RUN: colossal-opt %s -colossal-differentiate="optimizer=adamw clip-norm=1.0 keep-gradients loss-scale=dynamic:init=1024,growth=4,backoff=0.25,interval=100" | FileCheck %s
// RUN: colossal-opt %s -colossal-differentiate="optimizer=sgd loss-scale=dynamic" | FileCheck %s --check-prefix=COUNTED
// RUN: colossal-opt %s -colossal-differentiate="optimizer=sgd loss-scale=128" | FileCheck %s --check-prefix=FIXED
// RUN: colossal-opt %s -colossal-differentiate="optimizer=none loss-scale=128" | FileCheck %s --check-prefix=NONE
// RUN: not colossal-opt %s -colossal-differentiate="loss-scale=dynamic:interval=0" 2>&1 | FileCheck %s --check-prefix=REFUSED

// The scale and the number of good steps are state of the optimizer. The backward pass starts with the scale.
// CHECK-LABEL: func.func @train_step
// CHECK-SAME:  %[[SCALE:[a-z0-9]+]]: tensor<f32> {colossal.name = "grad_scaler#scale", colossal.role = #colossal.role<optimizer>, colossal.source = {fill = 1.024000e+03 : f64}}
// CHECK-SAME:  %[[GOOD:[a-z0-9]+]]: tensor<i32> {colossal.name = "grad_scaler#growth_tracker", colossal.role = #colossal.role<optimizer>, colossal.source = {fill = 0.000000e+00 : f64}}
// CHECK-SAME:  {colossal.name = "optimizer_step", colossal.role = #colossal.role<control>}
// CHECK-SAME:  {colossal.metric = "skipped"}, tensor<f32> {colossal.metric = "loss_scale"}
// CHECK:       %[[W_GRADIENT:.*]] = colossal.generic "loss.gradient0" {{.*}}%[[SCALE]] : []

// In the update gradients are unscaled before anything looks at them.
// CHECK:       %[[UNSCALED:.*]] = colossal.generic "loss_scale/reciprocal" [] (%[[SCALE]] : []) -> ([])
// CHECK:         %[[WIDE:.*]] = arith.extf %{{.*}} : f32 to f64
// CHECK:         arith.divf %{{.*}}, %[[WIDE]] : f64
// CHECK:       colossal.generic "w/square_norm" {{.*}} (%[[W_GRADIENT]] : [d0, d1], %[[UNSCALED]] : []) -> ([])
// CHECK-NEXT:  ^bb0(%[[G:.*]]: f32, %[[R:.*]]: f32):
// CHECK-NEXT:    %[[TRUE:.*]] = arith.mulf %[[G]], %[[R]] : f32
// CHECK-NEXT:    arith.mulf %[[TRUE]], %[[TRUE]] : f32
// CHECK:       %[[CLIP:.*]]:2 = colossal.generic "clip/coefficient"
// CHECK:       %[[SKIPPED:.*]] = colossal.generic "skip/decision"

// GradScaler's rule.
// CHECK:       colossal.generic "loss_scale/update" [] (%[[SCALE]] : [], %[[GOOD]] : [], %[[SKIPPED]] : []) -> ([], [], [])
// CHECK-NEXT:  ^bb0(%[[OLD:.*]]: f32, %[[COUNT:.*]]: i32, %{{.*}}: f32):
// CHECK-DAG:     %[[INTERVAL:.*]] = arith.constant 100 : i32
// CHECK:         %[[BAD:.*]] = arith.cmpf une
// CHECK:         %[[NEXT:.*]] = arith.addi %[[COUNT]],
// CHECK:         %[[DUE:.*]] = arith.cmpi eq, %[[NEXT]], %[[INTERVAL]] : i32
// CHECK:         %[[FINITE:.*]] = arith.cmpf olt
// CHECK:         %[[GROWS:.*]] = arith.andi %[[DUE]], %[[FINITE]] : i1
// CHECK:         %[[GROWN:.*]] = arith.select %[[GROWS]], %{{.*}}, %[[OLD]] : f32
// CHECK:         %[[NEW:.*]] = arith.select %[[BAD]], %{{.*}}, %[[GROWN]] : f32
// CHECK:         colossal.yield %[[NEW]], %{{.*}}, %[[OLD]] : f32, i32, f32

// The optimizer reads the gradient unscaled, then clipped; what is kept is not clipped.
// CHECK:       colossal.generic "w/adamw" {{.*}}%[[W_GRADIENT]] : [d0, d1]{{.*}}%[[UNSCALED]] : [], %[[CLIP]]#1 : [], %[[SKIPPED]] : []
// CHECK:       colossal.generic "w/keep_gradient" {{.*}} (%[[W_GRADIENT]] : [d0, d1], %[[UNSCALED]] : [])

// Without a norm the unscaled elements are counted.
// COUNTED:     fill = 6.553600e+04
// COUNTED:     %[[UNSCALED:.*]] = colossal.generic "loss_scale/reciprocal"
// COUNTED:     "w/not_finite" {{.*}} (%{{.*}} : [d0, d1], %[[UNSCALED]] : [])
// COUNTED:     arith.mulf
// COUNTED:     math.absf

// A fixed scale is a constant (2 w times 128 here), and so is its reciprocal; steps are skipped all the same.
// FIXED-NOT:   grad_scaler
// FIXED:       colossal.metric = "skipped"
// FIXED-NOT:   loss_scale"
// FIXED:       "loss.gradient0"
// FIXED:       arith.constant 2.560000e+02 : f32
// FIXED:       "w/not_finite"
// FIXED:       arith.constant 7.812500e-03 : f32

// Without an update nothing is scaled.
// NONE:        "loss.gradient0"
// NONE-NEXT:   ^bb0
// NONE-NEXT:   arith.constant 2.000000e+00 : f32

// REFUSED: error: --loss-scale: found 'interval=0', expected a number of steps, 1 or more for interval
func.func @forward(%w: tensor<8x3xf32> {colossal.role = #colossal.role<parameter>, colossal.name = "w"}) -> tensor<f32> {
  %loss = colossal.generic "loss" [k = 8 : sum, n = 3 : sum] (%w : [k, n]) -> ([]) {
    ^bb0(%0: f32):
      %1 = arith.mulf %0, %0 : f32
      colossal.yield %1 : f32
  } : (tensor<8x3xf32>) -> tensor<f32>
  return %loss : tensor<f32>
}
