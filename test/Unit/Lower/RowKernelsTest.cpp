//===- RowKernelsTest.cpp - Elementwise, row and optimizer kernels --------===//

#include "Harness.h"

using namespace colossal;
using namespace colossal::lower::test;

using Kinds = std::vector<std::string>;

TEST(RowKernels, BiasGelu) {
  Outcome outcome = compare(R"(
    func.func @f(%x: tensor<37x3x50xf32>, %b: tensor<50xf32>) -> tensor<37x3x50xf32> {
      %y = colossal.generic "gelu" [b = 37, s = 3, n = 50] (%x : [b, s, n], %b : [n]) -> ([b, s, n]) {
        ^bb0(%0: f32, %1: f32):
          %half = arith.constant 0.5 : f32
          %one = arith.constant 1.0 : f32
          %c = arith.constant 0.044715 : f32
          %r = arith.constant 0.7978845608 : f32
          %three = arith.constant 3.0 : f32
          %2 = arith.addf %0, %1 : f32
          %3 = math.powf %2, %three : f32
          %4 = arith.mulf %3, %c : f32
          %5 = arith.addf %2, %4 : f32
          %6 = arith.mulf %5, %r : f32
          %7 = math.tanh %6 : f32
          %8 = arith.addf %7, %one : f32
          %9 = arith.mulf %2, %8 : f32
          %10 = arith.mulf %9, %half : f32
          colossal.yield %10 : f32
      } : (tensor<37x3x50xf32>, tensor<50xf32>) -> tensor<37x3x50xf32>
      return %y : tensor<37x3x50xf32>
    })");
  EXPECT_EQ(outcome.kinds, Kinds{"kernel"});
}

TEST(RowKernels, Softmax) {
  Outcome outcome = compare(R"(
    func.func @softmax(%x: tensor<9x131xf32>) -> tensor<9x131xf32> {
      %m = colossal.generic "max" [i = 9, k = 131 : max] (%x : [i, k]) -> ([i]) {
        ^bb0(%0: f32):
          colossal.yield %0 : f32
      } : (tensor<9x131xf32>) -> tensor<9xf32>
      %e = colossal.generic "exp" [i = 9, k = 131] (%x : [i, k], %m : [i]) -> ([i, k]) {
        ^bb0(%0: f32, %1: f32):
          %2 = arith.subf %0, %1 : f32
          %3 = math.exp %2 : f32
          colossal.yield %3 : f32
      } : (tensor<9x131xf32>, tensor<9xf32>) -> tensor<9x131xf32>
      %s = colossal.generic "sum" [i = 9, k = 131 : sum] (%e : [i, k]) -> ([i]) {
        ^bb0(%0: f32):
          colossal.yield %0 : f32
      } : (tensor<9x131xf32>) -> tensor<9xf32>
      %y = colossal.generic "div" [i = 9, k = 131] (%e : [i, k], %s : [i]) -> ([i, k]) {
        ^bb0(%0: f32, %1: f32):
          %2 = arith.divf %0, %1 : f32
          colossal.yield %2 : f32
      } : (tensor<9x131xf32>, tensor<9xf32>) -> tensor<9x131xf32>
      return %y : tensor<9x131xf32>
    })");
  EXPECT_EQ(outcome.kinds, Kinds{"kernel"});
}
