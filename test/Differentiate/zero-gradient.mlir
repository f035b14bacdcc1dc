// RUN: colossal-opt %s -colossal-differentiate="optimizer=none" | FileCheck %s

// A parameter that reaches the loss through a step function alone (%w, by way
// of a product) has a gradient, a constant 0; one that is compared (%c) has
// none. Nothing of the path is computed.
// CHECK-LABEL: func.func @gradients
// CHECK-SAME:  -> (tensor<f32> {colossal.metric = "loss"}, tensor<3xf32> {colossal.name = "w#grad"}, tensor<3xf32> {colossal.name = "v#grad"})
// CHECK-NOT:   "scaled
// CHECK:       "w.gradient" [d0 = 3] () -> ([d0]) {{.*}}gradient_of = "w"
// CHECK-NEXT:  %[[ZERO:.*]] = arith.constant 0.0
// CHECK-NEXT:  colossal.yield %[[ZERO]]
// CHECK-NOT:   "scaled
func.func @forward(%w: tensor<3xf32> {colossal.role = #colossal.role<parameter>, colossal.name = "w"},
                   %c: tensor<3xf32> {colossal.role = #colossal.role<parameter>, colossal.name = "c"},
                   %v: tensor<3xf32> {colossal.role = #colossal.role<parameter>, colossal.name = "v"}) -> tensor<f32> {
  %scaled = colossal.generic "scaled" [n = 3] (%w : [n]) -> ([n]) {
  ^bb0(%x: f32):
    %two = arith.constant 2.0 : f32
    %0 = arith.mulf %x, %two : f32
    colossal.yield %0 : f32
  } : (tensor<3xf32>) -> tensor<3xf32>
  %steps = colossal.generic "steps" [n = 3] (%scaled : [n]) -> ([n]) {
  ^bb0(%x: f32):
    %0 = math.floor %x : f32
    colossal.yield %0 : f32
  } : (tensor<3xf32>) -> tensor<3xf32>
  %loss = colossal.generic "loss" [n = 3 : sum] (%steps : [n], %c : [n], %v : [n]) -> ([]) {
  ^bb0(%x: f32, %limit: f32, %y: f32):
    %zero = arith.constant 0.0 : f32
    %above = arith.cmpf ogt, %y, %limit : f32
    %0 = arith.addf %x, %y : f32
    %1 = arith.select %above, %0, %zero : f32
    colossal.yield %1 : f32
  } : (tensor<3xf32>, tensor<3xf32>, tensor<3xf32>) -> tensor<f32>
  return %loss : tensor<f32>
}
