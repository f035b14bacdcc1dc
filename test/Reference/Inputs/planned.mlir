// A planned step: x (columns 96 as 3 parts of 32, of which the second is used) times w, columns of w
// padded on tensor = 2 (51 on 26 and 25), batch over time and data.
module attributes {colossal.mesh = #colossal.mesh<data = 2, tensor = 2>, colossal.stages = 1 : i64,
                   colossal.microbatches = 2 : i64, colossal.schedule = #colossal.schedule<"1f1b">} {
  func.func @train_step(
      %w: tensor<32x51xf32> {colossal.role = #colossal.role<parameter>, colossal.name = "w",
                             colossal.sharding = #colossal.sharding<[_], [tensor]>},
      %x: tensor<63x96xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x", colossal.batch_dim = 0 : i64,
                             colossal.sharding = #colossal.sharding<[time * data], [_, _]>},
      %t: tensor<63xi64> {colossal.role = #colossal.role<batch>, colossal.name = "labels", colossal.batch_dim = 0 : i64,
                          colossal.sharding = #colossal.sharding<[time * data]>})
      -> (tensor<f32> {colossal.metric = "loss"}, tensor<32x51xf32> {colossal.updates = 0 : i64}) {
    %y = colossal.generic "fc" [b = 63, n = 51, k = 32 : sum] (%x : [b, (1 of 3, k)], %w : [k, n]) -> ([b, n])
        attributes {segment = forward, stage = 0, axes = {data = b, tensor = n, time = b}} {
      ^bb0(%0: f32, %1: f32):
        %2 = arith.mulf %0, %1 : f32
        colossal.yield %2 : f32
    } : (tensor<63x96xf32>, tensor<32x51xf32>) -> tensor<63x51xf32>
    %p = colossal.generic "pick" [b = 63 : sum, n = 51 : sum] (%y : [b, n], %t : [b]) -> ([])
        attributes {segment = forward, stage = 0, axes = {data = b, tensor = n, time = b}} {
      ^bb0(%0: f32, %1: i64):
        %2 = colossal.where %0 [n == %1 : i64] : f32
        colossal.yield %2 : f32
    } : (tensor<63x51xf32>, tensor<63xi64>) -> tensor<f32>
    %loss = colossal.reshard "loss" %p from <partial {data = sum, tensor = sum, time = sum}> to <>
        {segment = update, stage = 0} : tensor<f32>
    %dw = colossal.generic "dw" [k = 32, n = 51, b = 63 : sum] (%x : [b, (1 of 3, k)], %t : [b]) -> ([k, n])
        attributes {segment = backward, stage = 0, gradient_of = "w",
                    axes = {data = b, tensor = n, time = b}} {
      ^bb0(%0: f32, %1: i64):
        %2 = colossal.where %0 [n == %1 : i64] : f32
        colossal.yield %2 : f32
    } : (tensor<63x96xf32>, tensor<63xi64>) -> tensor<32x51xf32>
    %g = colossal.reshard "dw/reduce" %dw from <[_], [tensor], partial {data = sum, time = sum}> to <[_], [tensor]>
        {segment = update, stage = 0} : tensor<32x51xf32>
    %new = colossal.generic "sgd" [k = 32, n = 51] (%w : [k, n], %g : [k, n]) -> ([k, n])
        attributes {segment = update, stage = 0, axes = {tensor = n}} {
      ^bb0(%0: f32, %1: f32):
        %2 = arith.subf %0, %1 : f32
        colossal.yield %2 : f32
    } : (tensor<32x51xf32>, tensor<32x51xf32>) -> tensor<32x51xf32>
    return %loss, %new : tensor<f32>, tensor<32x51xf32>
  }
}
