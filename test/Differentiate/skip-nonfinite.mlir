// RUN: colossal-opt %s -colossal-differentiate="optimizer=adamw skip-nonfinite" | FileCheck %s
// RUN: colossal-opt %s -colossal-differentiate="optimizer=sgd clip-norm=1.0 skip-nonfinite" | FileCheck %s --check-prefix=CLIPPED
// RUN: colossal-opt %s -colossal-differentiate="optimizer=lamb skip-nonfinite" | FileCheck %s --check-prefix=LAMB
// RUN: colossal-opt %s -colossal-differentiate="optimizer=adamw" | FileCheck %s --check-prefix=WITHOUT

// The step of the optimizer is a control of its own. The elements of gradients that are not finite are counted, by
// sums, and whether the step is skipped is a scalar that the runtime reads.
// CHECK-LABEL: func.func @train_step
// CHECK-SAME:  {colossal.name = "optimizer_step", colossal.role = #colossal.role<control>}
// CHECK-SAME:  {colossal.metric = "skipped"}
// CHECK:       %[[LOSS:.*]] = colossal.generic "loss"
// CHECK:       %[[W:.*]] = colossal.generic "w/not_finite" [d0 = 8 : sum, d1 = 3 : sum]
// CHECK:       math.absf
// CHECK:       %[[B:.*]] = colossal.generic "b/not_finite" [d0 = 3 : sum]
// CHECK:       %[[COUNT:.*]] = colossal.generic "skip/not_finite" [] (%[[W]] : [], %[[B]] : []) -> ([])
// CHECK:       %[[SKIPPED:.*]] = colossal.generic "skip/decision" [] (%[[LOSS]] : [], %[[COUNT]] : []) -> ([])

// All that the update writes is a choice between the new value and the old one, which the op reads once.
// CHECK:       colossal.generic "w/adamw" [d0 = 8, d1 = 3] (%arg0 : [d0, d1], %{{.*}} : [d0, d1], %{{.*}} : [d0, d1], %{{.*}} : [d0, d1], {{.*}}%[[SKIPPED]] : []) -> ([d0, d1], [d0, d1], [d0, d1])
// CHECK-NEXT:  ^bb0(%[[P:[a-z0-9]+]]: f32, %{{[a-z0-9]+}}: f32, %[[M:[a-z0-9]+]]: f32, %[[V:[a-z0-9]+]]: f32,
// CHECK:       %[[KEEPS:.*]] = arith.cmpf une
// CHECK-DAG:   %[[NEWP:.*]] = arith.select %[[KEEPS]], %[[P]],
// CHECK-DAG:   %[[NEWM:.*]] = arith.select %[[KEEPS]], %[[M]],
// CHECK-DAG:   %[[NEWV:.*]] = arith.select %[[KEEPS]], %[[V]],
// CHECK:       colossal.yield %[[NEWP]], %[[NEWM]], %[[NEWV]]

// The global norm says it all: the gradients are not looked at a second time.
// CLIPPED-NOT: not_finite
// CLIPPED:     %[[C:.*]]:2 = colossal.generic "clip/coefficient"
// CLIPPED-NOT: not_finite
// CLIPPED:     colossal.generic "skip/decision" [] (%{{.*}} : [], %[[C]]#0 : []) -> ([])

// An op that makes new state and something else chooses for the state alone; each op for its own.
// LAMB:        %[[SKIPPED:.*]] = colossal.generic "skip/decision"
// LAMB:        "w/lamb" [d0 = 8, d1 = 3] ({{.*}}, %[[SKIPPED]] : [])
// LAMB:        %[[DIRECTION:.*]] = arith.divf
// LAMB:        %[[NEWM:.*]] = arith.select
// LAMB:        %[[NEWV:.*]] = arith.select
// LAMB:        colossal.yield %{{.*}}, %[[NEWM]], %[[NEWV]]
// LAMB:        "w/step" [d0 = 8, d1 = 3] (%arg0 : [d0, d1], {{.*}}, %[[SKIPPED]] : [])
// LAMB:        arith.select

// WITHOUT-NOT: skip
// WITHOUT-NOT: optimizer_step
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
