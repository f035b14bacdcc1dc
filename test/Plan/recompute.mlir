// Copies that a plan computes again: what makes them is cloned into backward, right before its first use there, and
// backward reads the clones. x is kept: it is an argument.
// RUN: colossal-opt %s "--colossal-plan=cluster=%examples/clusters/cpu-2.json pin=data=2,microbatches=1,recompute=all explain" 2>%t.txt | FileCheck %s
// RUN: FileCheck %s --check-prefix=EXPLAIN < %t.txt
// RUN: colossal-opt %s "--colossal-plan=cluster=%examples/clusters/cpu-2.json pin=data=2,microbatches=1,recompute=none explain" 2>&1 | FileCheck %s --check-prefix=NONE
// RUN: not colossal-opt %s "--colossal-plan=cluster=%examples/clusters/cpu-2.json pin=data=2,recompute=some" 2>&1 | FileCheck %s --check-prefix=WRONG

// EXPLAIN: computes again in backward: {{.*}} ms
// NONE-NOT: recompute"
// NONE-NOT: computes again
// WRONG: found 'recompute=some', expected recompute=none, recompute=all or recompute= and a number of blocks

// CHECK-LABEL: func.func @train_step
// CHECK: colossal.generic "exp"
// CHECK-SAME: segment = forward
// CHECK: colossal.generic "loss"
// CHECK: %[[AGAIN:.*]] = colossal.generic "exp/recompute"
// CHECK-SAME: (%arg0 :
// CHECK-SAME: pass = forward
// CHECK-SAME: segment = backward
// CHECK: colossal.generic "gradient"
// CHECK-SAME: %[[AGAIN]]
func.func @train_step(%x: tensor<64x4096xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x", colossal.batch_dim = 0 : i64},
    %w: tensor<4096xf32> {colossal.role = #colossal.role<parameter>, colossal.name = "w"})
    -> (tensor<f32> {colossal.metric = "loss"}, tensor<4096xf32> {colossal.updates = 1 : i64}) {
  %e = colossal.generic "exp" [b = 64, n = 4096] (%x : [b, n]) -> ([b, n]) attributes {pass = forward} {
  ^bb0(%0: f32):
    %1 = math.exp %0 : f32
    colossal.yield %1 : f32
  } : (tensor<64x4096xf32>) -> tensor<64x4096xf32>
  %loss = colossal.generic "loss" [b = 64 : sum, n = 4096 : sum] (%e : [b, n], %w : [n]) -> ([]) attributes {pass = forward} {
  ^bb0(%0: f32, %1: f32):
    %2 = arith.mulf %0, %1 : f32
    colossal.yield %2 : f32
  } : (tensor<64x4096xf32>, tensor<4096xf32>) -> tensor<f32>
  %g = colossal.generic "gradient" [b = 64 : sum, n = 4096] (%e : [b, n]) -> ([n]) attributes {pass = backward, forward_of = "loss"} {
  ^bb0(%0: f32):
    colossal.yield %0 : f32
  } : (tensor<64x4096xf32>) -> tensor<4096xf32>
  %n = colossal.generic "update" [n = 4096] (%w : [n], %g : [n]) -> ([n]) attributes {pass = update, forward_of = "w"} {
  ^bb0(%0: f32, %1: f32):
    %2 = arith.subf %0, %1 : f32
    colossal.yield %2 : f32
  } : (tensor<4096xf32>, tensor<4096xf32>) -> tensor<4096xf32>
  return %loss, %n : tensor<f32>, tensor<4096xf32>
}
