// unsharded.mlir on data = 2, tensor = 2 (columns of w, 3 of 5), two microbatches (2 of 7 samples each).
#data = #colossal.sharding<[time * data], [_]>
module attributes {colossal.mesh = #colossal.mesh<data = 2, tensor = 2>, colossal.stages = 1 : i64,
                   colossal.microbatches = 2 : i64, colossal.schedule = #colossal.schedule<"1f1b">} {
  func.func @stage0.forward(
      %w: tensor<6x3xf32> {colossal.role = #colossal.role<parameter>, colossal.name = "w", colossal.global_shape = [[6], [5]],
                           colossal.sharding = #colossal.sharding<[_], [tensor]>},
      %x: tensor<2x6xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x", colossal.per_microbatch,
                           colossal.global_shape = [[7], [6]], colossal.sharding = #data},
      %t: tensor<2xi64> {colossal.role = #colossal.role<batch>, colossal.name = "labels", colossal.per_microbatch,
                         colossal.global_shape = [[7]], colossal.sharding = #colossal.sharding<[time * data]>})
      -> (tensor<2xf32> {colossal.link = "sub", colossal.per_microbatch},
          tensor<f32> {colossal.link = "loss", colossal.accumulate = "sum"}) {
    %y = colossal.generic "fc" [b = 2 of 7 {time(2) * 4, data(2) * 2}, n = 3 of 5 {tensor(2) * 3}, k = 6 : sum]
        (%x : [b, k], %w : [k, n]) -> ([b, n]) {
      ^bb0(%0: f32, %1: f32):
        %2 = arith.mulf %0, %1 : f32
        colossal.yield %2 : f32
    } : (tensor<2x6xf32>, tensor<6x3xf32>) -> tensor<2x3xf32>
    %p = colossal.generic "pick" [b = 2 of 7 {time(2) * 4, data(2) * 2}, n = 3 of 5 {tensor(2) * 3} : sum]
        (%y : [b, n], %t : [b]) -> ([b]) {
      ^bb0(%0: f32, %1: i64):
        %2 = colossal.where %0 [n == %1 : i64] : f32
        colossal.yield %2 : f32
    } : (tensor<2x3xf32>, tensor<2xi64>) -> tensor<2xf32>
    %r = colossal.all_reduce "pick/reduce" sum %p over ["tensor"] : tensor<2xf32> -> tensor<2xf32>
    %d = colossal.generic "sub" [b = 2 of 7 {time(2) * 4, data(2) * 2}] (%r : [b], %t : [b]) -> ([b]) {
      ^bb0(%0: f32, %1: i64):
        %one = arith.constant 1.0 : f32
        %zero = arith.constant 0.0 : f32
        %ignored = arith.constant -100 : i64
        %kept = arith.cmpi ne, %1, %ignored : i64
        %2 = arith.subf %0, %one : f32
        %3 = arith.select %kept, %2, %zero : f32
        colossal.yield %3 : f32
    } : (tensor<2xf32>, tensor<2xi64>) -> tensor<2xf32>
    %l = colossal.generic "loss" [b = 2 of 7 {time(2) * 4, data(2) * 2} : sum] (%d : [b]) -> ([]) {
      ^bb0(%0: f32):
        %1 = arith.mulf %0, %0 : f32
        colossal.yield %1 : f32
    } : (tensor<2xf32>) -> tensor<f32>
    return %d, %l : tensor<2xf32>, tensor<f32>
  }
  func.func @stage0.backward(
      %x: tensor<2x6xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x", colossal.per_microbatch,
                           colossal.global_shape = [[7], [6]], colossal.sharding = #data},
      %t: tensor<2xi64> {colossal.role = #colossal.role<batch>, colossal.name = "labels", colossal.per_microbatch,
                         colossal.global_shape = [[7]], colossal.sharding = #colossal.sharding<[time * data]>},
      %d: tensor<2xf32> {colossal.link = "sub", colossal.per_microbatch})
      -> (tensor<6x3xf32> {colossal.link = "dw", colossal.accumulate = "sum"}) {
    %dy = colossal.generic "dy" [b = 2 of 7 {time(2) * 4, data(2) * 2}, n = 3 of 5 {tensor(2) * 3}]
        (%d : [b], %t : [b]) -> ([b, n]) {
      ^bb0(%0: f32, %1: i64):
        %2 = arith.addf %0, %0 : f32
        %3 = colossal.where %2 [n == %1 : i64] : f32
        colossal.yield %3 : f32
    } : (tensor<2xf32>, tensor<2xi64>) -> tensor<2x3xf32>
    %dw = colossal.generic "dw" [k = 6, n = 3 of 5 {tensor(2) * 3}, b = 2 of 7 {time(2) * 4, data(2) * 2} : sum]
        (%x : [b, k], %dy : [b, n]) -> ([k, n]) {
      ^bb0(%0: f32, %1: f32):
        %2 = arith.mulf %0, %1 : f32
        colossal.yield %2 : f32
    } : (tensor<2x6xf32>, tensor<2x3xf32>) -> tensor<6x3xf32>
    return %dw : tensor<6x3xf32>
  }
  func.func @group0.update(
      %w: tensor<6x3xf32> {colossal.role = #colossal.role<parameter>, colossal.name = "w", colossal.global_shape = [[6], [5]],
                           colossal.sharding = #colossal.sharding<[_], [tensor]>},
      %l: tensor<f32> {colossal.link = "loss"}, %g: tensor<6x3xf32> {colossal.link = "dw"},
      %lr: tensor<f64> {colossal.role = #colossal.role<control>, colossal.name = "lr"})
      -> (tensor<f32> {colossal.metric = "loss"},
          tensor<6x3xf32> {colossal.updates = "w", colossal.global_shape = [[6], [5]],
                           colossal.sharding = #colossal.sharding<[_], [tensor]>}) {
    %loss = colossal.all_reduce "loss/reduce" sum %l over ["data"] : tensor<f32> -> tensor<f32>
    %dw = colossal.all_reduce "dw/reduce" sum %g over ["data"] : tensor<6x3xf32> -> tensor<6x3xf32>
    %new = colossal.generic "sgd" [k = 6, n = 3 of 5 {tensor(2) * 3}] (%w : [k, n], %dw : [k, n], %lr : []) -> ([k, n]) {
      ^bb0(%0: f32, %1: f32, %2: f64):
        %3 = arith.truncf %2 : f64 to f32
        %4 = arith.mulf %3, %1 : f32
        %5 = arith.subf %0, %4 : f32
        colossal.yield %5 : f32
    } : (tensor<6x3xf32>, tensor<6x3xf32>, tensor<f64>) -> tensor<6x3xf32>
    return %loss, %new : tensor<f32>, tensor<6x3xf32>
  }
}
