// RUN: colossal-opt %s -split-input-file --colossal-partition --colossal-check-collectives | FileCheck %s

// Column then row: w1 is cut by columns, w2 by rows, so the hidden layer needs no communication;
// the product with w2 is a partial sum, reduced once.
module attributes {colossal.mesh = #colossal.mesh<a0 = 2>, colossal.stages = 1 : i64, colossal.microbatches = 1 : i64} {

// CHECK-LABEL: func.func @stage0.forward
// CHECK-SAME:    tensor<8x6xf32> {{{.*}}colossal.global_shape = {{\[\[8\], \[12\]\]}}{{.*}}colossal.name = "w1"{{.*}}colossal.sharding = #colossal.sharding<[_], [a0]>
// CHECK-SAME:    tensor<6x8xf32> {{{.*}}colossal.global_shape = {{\[\[12\], \[8\]\]}}{{.*}}colossal.name = "w2"
// CHECK:         colossal.generic "fc1" [b = 4, n = 6 of 12 {a0(2) * 6}, k = 8 : sum]
// CHECK-NEXT:    bb0
// CHECK-NOT:     colossal.all
// CHECK:         %[[PARTIAL:.*]] = colossal.generic "fc2" [b = 4, m = 8, n = 6 of 12 {a0(2) * 6} : sum]
// CHECK:         colossal.all_reduce "fc2/out" sum %[[PARTIAL]] over ["a0"] : tensor<4x8xf32>
// CHECK-NOT:     colossal.all
// CHECK:         return
func.func @train_step(
    %w1: tensor<8x12xf32> {colossal.role = #colossal.role<parameter>, colossal.name = "w1", colossal.sharding = #colossal.sharding<[_], [a0]>},
    %w2: tensor<12x8xf32> {colossal.role = #colossal.role<parameter>, colossal.name = "w2", colossal.sharding = #colossal.sharding<[a0], [_]>},
    %x: tensor<4x8xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x", colossal.batch_dim = 0 : i64, colossal.sharding = #colossal.sharding<[_], [_]>})
    -> (tensor<f32> {colossal.metric = "loss"}) {
  %h = colossal.generic "fc1" [b = 4, n = 12, k = 8 : sum] (%x : [b, k], %w1 : [k, n]) -> ([b, n])
      attributes {segment = forward, stage = 0, axes = {a0 = n}} {
    ^bb0(%0: f32, %1: f32):
      %2 = arith.mulf %0, %1 : f32
      colossal.yield %2 : f32
  } : (tensor<4x8xf32>, tensor<8x12xf32>) -> tensor<4x12xf32>
  %y = colossal.generic "fc2" [b = 4, m = 8, n = 12 : sum] (%h : [b, n], %w2 : [n, m]) -> ([b, m])
      attributes {segment = forward, stage = 0, axes = {a0 = n}} {
    ^bb0(%0: f32, %1: f32):
      %2 = math.exp %0 : f32
      %3 = arith.mulf %2, %1 : f32
      colossal.yield %3 : f32
  } : (tensor<4x12xf32>, tensor<12x8xf32>) -> tensor<4x8xf32>
  %z = colossal.reshard "fc2/out" %y from <[_], [_], partial {a0 = sum}> to <[_], [_]>
      {segment = forward, stage = 0} : tensor<4x8xf32>
  %loss = colossal.generic "loss" [b = 4 : sum, m = 8 : sum] (%z : [b, m]) -> ([])
      attributes {segment = forward, stage = 0, axes = {}} {
    ^bb0(%0: f32):
      colossal.yield %0 : f32
  } : (tensor<4x8xf32>) -> tensor<f32>
  return %loss : tensor<f32>
}
}

// -----

// Sequence-sharded between the blocks: reduce-scatter over the sequence s, all-gather before the next
// product. A bias may be added to a partial sum if it is one too: here only rank 0 adds it.
module attributes {colossal.mesh = #colossal.mesh<a0 = 2>, colossal.stages = 1 : i64, colossal.microbatches = 1 : i64} {

// CHECK-LABEL: func.func @stage0.forward
// CHECK:         %[[PARTIAL:.*]] = colossal.generic "fc" [b = 2, s = 6, m = 8, n = 6 of 12 {a0(2) * 6} : sum]
// CHECK:         %[[BIAS:.*]] = colossal.shard_mask "bias/once" %{{.*}} over ["a0"]
// CHECK:         %[[SUM:.*]] = colossal.generic "add" [b = 2, s = 6, m = 8] (%[[PARTIAL]] : [b, s, m], %[[BIAS]] : [m])
// CHECK:         %[[SHARD:.*]] = colossal.reduce_scatter "scatter" sum %[[SUM]] over ["a0"] outer 2 extent 6 innermost 8 : tensor<2x6x8xf32> -> tensor<2x3x8xf32>
// CHECK:         %[[NORM:.*]] = colossal.generic "square" [b = 2, s = 3 of 6 {a0(2) * 3}, m = 8] (%[[SHARD]] : [b, s, m])
// CHECK:         colossal.all_gather "gather" %[[NORM]] over ["a0"] outer 2 extent 6 innermost 8 : tensor<2x3x8xf32> -> tensor<2x6x8xf32>
func.func @train_step(
    %w: tensor<12x8xf32> {colossal.role = #colossal.role<parameter>, colossal.name = "w", colossal.sharding = #colossal.sharding<[a0], [_]>},
    %bias: tensor<8xf32> {colossal.role = #colossal.role<parameter>, colossal.name = "bias", colossal.sharding = #colossal.sharding<[_]>},
    %x: tensor<2x6x12xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x", colossal.batch_dim = 0 : i64, colossal.sharding = #colossal.sharding<[_], [_], [a0]>})
    -> (tensor<f32> {colossal.metric = "loss"}) {
  %y = colossal.generic "fc" [b = 2, s = 6, m = 8, n = 12 : sum] (%x : [b, s, n], %w : [n, m]) -> ([b, s, m])
      attributes {segment = forward, stage = 0, axes = {a0 = n}} {
    ^bb0(%0: f32, %1: f32):
      %2 = arith.mulf %0, %1 : f32
      colossal.yield %2 : f32
  } : (tensor<2x6x12xf32>, tensor<12x8xf32>) -> tensor<2x6x8xf32>
  %once = colossal.reshard "bias/once" %bias from <[_]> to <[_], partial {a0 = sum}>
      {segment = forward, stage = 0} : tensor<8xf32>
  %z = colossal.generic "add" [b = 2, s = 6, m = 8] (%y : [b, s, m], %once : [m]) -> ([b, s, m])
      attributes {segment = forward, stage = 0, axes = {a0 = linear [0, 1]}} {
    ^bb0(%0: f32, %1: f32):
      %2 = arith.addf %0, %1 : f32
      colossal.yield %2 : f32
  } : (tensor<2x6x8xf32>, tensor<8xf32>) -> tensor<2x6x8xf32>
  %shard = colossal.reshard "scatter" %z from <[_], [_], [_], partial {a0 = sum}> to <[_], [a0], [_]>
      {segment = forward, stage = 0} : tensor<2x6x8xf32>
  %q = colossal.generic "square" [b = 2, s = 6, m = 8] (%shard : [b, s, m]) -> ([b, s, m])
      attributes {segment = forward, stage = 0, axes = {a0 = s}} {
    ^bb0(%0: f32):
      %1 = arith.mulf %0, %0 : f32
      colossal.yield %1 : f32
  } : (tensor<2x6x8xf32>) -> tensor<2x6x8xf32>
  %full = colossal.reshard "gather" %q from <[_], [a0], [_]> to <[_], [_], [_]>
      {segment = forward, stage = 0} : tensor<2x6x8xf32>
  %loss = colossal.generic "loss" [b = 2 : sum, s = 6 : sum, m = 8 : sum] (%full : [b, s, m]) -> ([])
      attributes {segment = forward, stage = 0, axes = {}} {
    ^bb0(%0: f32):
      colossal.yield %0 : f32
  } : (tensor<2x6x8xf32>) -> tensor<f32>
  return %loss : tensor<f32>
}
}

// -----

// A fused query-key-value weight: heads are a sub-dimension, 3 of them over 2 ranks: bound 2, the
// last one is padding. The exchange of sequence and heads pads one and drops the other's padding.
module attributes {colossal.mesh = #colossal.mesh<a0 = 2>, colossal.stages = 1 : i64, colossal.microbatches = 1 : i64} {

// CHECK-LABEL: func.func @stage0.forward
// CHECK-SAME:    tensor<8x24xf32> {{{.*}}colossal.global_shape = {{\[\[8\], \[3, 3, 4\]\]}}, {{.*}}colossal.sharding = #colossal.sharding<[_], [_, a0, _]>
// CHECK:         colossal.generic "query" [s = 5, h = 2 of 3 {a0(2) * 2}, d = 4, k = 8 : sum] (%{{.*}} : [s, k], %{{.*}} : [k, (0 of 3, h, d)]) -> ([s, (h, d)])
// CHECK:         colossal.all_to_all "exchange" %{{.*}} over ["a0"] view 1, 5, 1, 3, 4 gather_x false : tensor<5x8xf32> -> tensor<3x12xf32>
// CHECK:         colossal.generic "loss" [s = 3 of 5 {a0(2) * 3} : sum, h = 3 : sum, d = 4 : sum]
func.func @train_step(
    %w: tensor<8x36xf32> {colossal.role = #colossal.role<parameter>, colossal.name = "qkv", colossal.sharding = #colossal.sharding<[_], [_, a0, _]>},
    %x: tensor<5x8xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x", colossal.batch_dim = 0 : i64, colossal.sharding = #colossal.sharding<[_], [_]>})
    -> (tensor<f32> {colossal.metric = "loss"}) {
  %q = colossal.generic "query" [s = 5, h = 3, d = 4, k = 8 : sum] (%x : [s, k], %w : [k, (0 of 3, h, d)]) -> ([s, (h, d)])
      attributes {segment = forward, stage = 0, axes = {a0 = h}} {
    ^bb0(%0: f32, %1: f32):
      %2 = arith.mulf %0, %1 : f32
      colossal.yield %2 : f32
  } : (tensor<5x8xf32>, tensor<8x36xf32>) -> tensor<5x12xf32>
  %e = colossal.reshard "exchange" %q from <[_], [a0, _]> to <[a0], [_, _]>
      {segment = forward, stage = 0} : tensor<5x12xf32>
  %loss = colossal.generic "loss" [s = 5 : sum, h = 3 : sum, d = 4 : sum] (%e : [s, (h, d)]) -> ([])
      attributes {segment = forward, stage = 0, axes = {a0 = s}} {
    ^bb0(%0: f32):
      colossal.yield %0 : f32
  } : (tensor<5x12xf32>) -> tensor<f32>
  %all = colossal.reshard "loss/all" %loss from <partial {a0 = sum}> to <>
      {segment = forward, stage = 0} : tensor<f32>
  return %all : tensor<f32>
}
}
