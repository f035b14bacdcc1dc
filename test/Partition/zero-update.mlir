// RUN: colossal-opt %s --colossal-partition --colossal-check-collectives | FileCheck %s

// ZeRO 1: parameters are replicated, optimizer state is sharded over the data axis. The gradient is
// reduce-scattered once per step, each rank updates its 4 of 7 rows (one is padding), and the new
// parameter is gathered; the old one is sliced, without communication.
module attributes {colossal.mesh = #colossal.mesh<a0 = 2>, colossal.stages = 1 : i64, colossal.microbatches = 2 : i64} {

// CHECK-LABEL: func.func @stage0.backward
// CHECK-SAME:  -> (tensor<7x4xf32> {colossal.accumulate = "sum"
// CHECK-LABEL: func.func @group0.update
// CHECK-SAME:    %[[DW:[a-z0-9]+]]: tensor<7x4xf32> {{[^%]*}}colossal.link = "dw"
// CHECK-SAME:    %[[M:[a-z0-9]+]]: tensor<4x4xf32> {{{[^%]*}}colossal.global_shape = {{\[\[7\], \[4\]\]}}, colossal.name = "w#momentum", {{[^%]*}}colossal.sharding = #colossal.sharding<[a0], [_]>
// CHECK-SAME:    %[[W:[a-z0-9]+]]: tensor<7x4xf32> {{[^%]*}}colossal.name = "w"
// CHECK-SAME:    colossal.updates = "w#momentum"
// CHECK-SAME:    colossal.updates = "w"
// CHECK:         %[[G:.*]] = colossal.reduce_scatter "dw/scatter" sum %[[DW]] over ["a0"] outer 1 extent 7 innermost 4 : tensor<7x4xf32> -> tensor<4x4xf32>
// CHECK:         %[[NEWM:.*]] = colossal.generic "momentum" [k = 4 of 7 {a0(2) * 4}, n = 4] (%[[M]] : [k, n], %[[G]] : [k, n])
// CHECK:         %[[SLICE:.*]] = colossal.shard_slice "w/slice" %[[W]] over ["a0"] outer 1 extent 7 innermost 4 : tensor<7x4xf32> -> tensor<4x4xf32>
// CHECK:         %[[NEW:.*]] = colossal.generic "sgd" [k = 4 of 7 {a0(2) * 4}, n = 4]
// CHECK:         %[[FULL:.*]] = colossal.all_gather "w/gather" %[[NEW]] over ["a0"] outer 1 extent 7 innermost 4 : tensor<4x4xf32> -> tensor<7x4xf32>
// CHECK:         return %[[NEWM]], %[[FULL]]
func.func @train_step(
    %w: tensor<7x4xf32> {colossal.role = #colossal.role<parameter>, colossal.name = "w", colossal.sharding = #colossal.sharding<[_], [_]>},
    %m: tensor<7x4xf32> {colossal.role = #colossal.role<optimizer>, colossal.name = "w#momentum", colossal.source = {fill = 0.0}, colossal.sharding = #colossal.sharding<[a0], [_]>},
    %x: tensor<8x7xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x", colossal.batch_dim = 0 : i64, colossal.sharding = #colossal.sharding<[a0 * time], [_]>},
    %t: tensor<8x4xf32> {colossal.role = #colossal.role<batch>, colossal.name = "t", colossal.batch_dim = 0 : i64, colossal.sharding = #colossal.sharding<[a0 * time], [_]>})
    -> (tensor<7x4xf32> {colossal.updates = 1 : i64}, tensor<7x4xf32> {colossal.updates = 0 : i64}) {
  %dw = colossal.generic "dw" [k = 7, n = 4, b = 8 : sum] (%x : [b, k], %t : [b, n]) -> ([k, n])
      attributes {segment = backward, stage = 0, axes = {a0 = b, time = b}} {
    ^bb0(%0: f32, %1: f32):
      %2 = arith.mulf %0, %1 : f32
      colossal.yield %2 : f32
  } : (tensor<8x7xf32>, tensor<8x4xf32>) -> tensor<7x4xf32>
  %g = colossal.reshard "dw/scatter" %dw from <[_], [_], partial {a0 = sum, time = sum}> to <[a0], [_]>
      {segment = update, stage = 0} : tensor<7x4xf32>
  %newm = colossal.generic "momentum" [k = 7, n = 4] (%m : [k, n], %g : [k, n]) -> ([k, n])
      attributes {segment = update, stage = 0, axes = {a0 = k}} {
    ^bb0(%0: f32, %1: f32):
      %2 = arith.addf %0, %1 : f32
      colossal.yield %2 : f32
  } : (tensor<7x4xf32>, tensor<7x4xf32>) -> tensor<7x4xf32>
  %slice = colossal.reshard "w/slice" %w from <[_], [_]> to <[a0], [_]>
      {segment = update, stage = 0} : tensor<7x4xf32>
  %new = colossal.generic "sgd" [k = 7, n = 4] (%slice : [k, n], %newm : [k, n]) -> ([k, n])
      attributes {segment = update, stage = 0, axes = {a0 = k}} {
    ^bb0(%0: f32, %1: f32):
      %2 = arith.subf %0, %1 : f32
      colossal.yield %2 : f32
  } : (tensor<7x4xf32>, tensor<7x4xf32>) -> tensor<7x4xf32>
  %full = colossal.reshard "w/gather" %new from <[a0], [_]> to <[_], [_]>
      {segment = update, stage = 0} : tensor<7x4xf32>
  return %newm, %full : tensor<7x4xf32>, tensor<7x4xf32>
}
}
