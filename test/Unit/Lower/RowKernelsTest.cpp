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

TEST(RowKernels, ErrorFunction) {
  const char *program = R"(
    func.func @f(%x: tensor<64x300xf32>) -> tensor<64x300xf32> {
      %y = colossal.generic "erf" [i = 64, k = 300] (%x : [i, k]) -> ([i, k]) {
        ^bb0(%0: f32):
          %1 = math.erf %0 : f32
          colossal.yield %1 : f32
      } : (tensor<64x300xf32>) -> tensor<64x300xf32>
      return %y : tensor<64x300xf32>
    })";
  // Near zero, where it bends, and where it is 1.
  for (double deviation : {1e-3, 1.0, 3.0}) {
    Conditions setup;
    setup.deviation = deviation;
    setup.tolerance = 8e-8;
    compare(program, setup);
    // Each element: small ones keep their digits.
    setup.special = true;
    setup.tolerance = 3e-7;
    compare(program, setup);
  }
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

TEST(RowKernels, LayerNorm) {
  Outcome outcome = compare(R"(
    func.func @norm(%x: tensor<6x7x96xf32>, %w: tensor<96xf32>, %b: tensor<96xf32>)
        -> (tensor<6x7x96xf32>, tensor<6x7xf32>, tensor<6x7xf32>) {
      %mean = colossal.generic "mean" [b = 6, s = 7, n = 96 : sum] (%x : [b, s, n]) -> ([b, s]) {
        ^bb0(%0: f32):
          %c = arith.constant 0.010416667 : f32
          %1 = arith.mulf %0, %c : f32
          colossal.yield %1 : f32
      } : (tensor<6x7x96xf32>) -> tensor<6x7xf32>
      %var = colossal.generic "variance" [b = 6, s = 7, n = 96 : sum] (%x : [b, s, n], %mean : [b, s]) -> ([b, s]) {
        ^bb0(%0: f32, %1: f32):
          %c = arith.constant 0.010416667 : f32
          %2 = arith.subf %0, %1 : f32
          %3 = arith.mulf %2, %2 : f32
          %4 = arith.mulf %3, %c : f32
          colossal.yield %4 : f32
      } : (tensor<6x7x96xf32>, tensor<6x7xf32>) -> tensor<6x7xf32>
      %rstd = colossal.generic "rstd" [b = 6, s = 7] (%var : [b, s]) -> ([b, s]) {
        ^bb0(%0: f32):
          %eps = arith.constant 1.0e-5 : f32
          %1 = arith.addf %0, %eps : f32
          %2 = math.rsqrt %1 : f32
          colossal.yield %2 : f32
      } : (tensor<6x7xf32>) -> tensor<6x7xf32>
      %y = colossal.generic "norm" [b = 6, s = 7, n = 96]
          (%x : [b, s, n], %mean : [b, s], %rstd : [b, s], %w : [n], %b : [n]) -> ([b, s, n]) {
        ^bb0(%0: f32, %1: f32, %2: f32, %3: f32, %4: f32):
          %5 = arith.subf %0, %1 : f32
          %6 = arith.mulf %5, %2 : f32
          %7 = arith.mulf %6, %3 : f32
          %8 = arith.addf %7, %4 : f32
          colossal.yield %8 : f32
      } : (tensor<6x7x96xf32>, tensor<6x7xf32>, tensor<6x7xf32>, tensor<96xf32>, tensor<96xf32>) -> tensor<6x7x96xf32>
      return %y, %mean, %rstd : tensor<6x7x96xf32>, tensor<6x7xf32>, tensor<6x7xf32>
    })");
  EXPECT_EQ(outcome.kinds, Kinds{"kernel"});
}

// dx needs two row sums; the gradients of weight and bias are column sums that
// share one kernel.
TEST(RowKernels, LayerNormBackward) {
  Outcome outcome = compare(R"(
    func.func @norm(%x: tensor<70x96xf32>, %mean: tensor<70xf32>, %rstd: tensor<70xf32>, %w: tensor<96xf32>, %dy: tensor<70x96xf32>)
        -> (tensor<70x96xf32>, tensor<96xf32>, tensor<96xf32>) {
      %s1 = colossal.generic "s1" [i = 70, n = 96 : sum] (%dy : [i, n], %w : [n]) -> ([i]) {
        ^bb0(%0: f32, %1: f32):
          %c = arith.constant 0.010416667 : f32
          %2 = arith.mulf %0, %1 : f32
          %3 = arith.mulf %2, %c : f32
          colossal.yield %3 : f32
      } : (tensor<70x96xf32>, tensor<96xf32>) -> tensor<70xf32>
      %xh = colossal.generic "xhat" [i = 70, n = 96] (%x : [i, n], %mean : [i], %rstd : [i]) -> ([i, n]) {
        ^bb0(%0: f32, %1: f32, %2: f32):
          %3 = arith.subf %0, %1 : f32
          %4 = arith.mulf %3, %2 : f32
          colossal.yield %4 : f32
      } : (tensor<70x96xf32>, tensor<70xf32>, tensor<70xf32>) -> tensor<70x96xf32>
      %s2 = colossal.generic "s2" [i = 70, n = 96 : sum] (%dy : [i, n], %w : [n], %xh : [i, n]) -> ([i]) {
        ^bb0(%0: f32, %1: f32, %2: f32):
          %c = arith.constant 0.010416667 : f32
          %3 = arith.mulf %0, %1 : f32
          %4 = arith.mulf %3, %2 : f32
          %5 = arith.mulf %4, %c : f32
          colossal.yield %5 : f32
      } : (tensor<70x96xf32>, tensor<96xf32>, tensor<70x96xf32>) -> tensor<70xf32>
      %dx = colossal.generic "dx" [i = 70, n = 96]
          (%dy : [i, n], %w : [n], %xh : [i, n], %s1 : [i], %s2 : [i], %rstd : [i]) -> ([i, n]) {
        ^bb0(%0: f32, %1: f32, %2: f32, %3: f32, %4: f32, %5: f32):
          %6 = arith.mulf %0, %1 : f32
          %7 = arith.subf %6, %3 : f32
          %8 = arith.mulf %2, %4 : f32
          %9 = arith.subf %7, %8 : f32
          %10 = arith.mulf %9, %5 : f32
          colossal.yield %10 : f32
      } : (tensor<70x96xf32>, tensor<96xf32>, tensor<70x96xf32>, tensor<70xf32>, tensor<70xf32>, tensor<70xf32>) -> tensor<70x96xf32>
      %dw = colossal.generic "dw" [i = 70 : sum, n = 96] (%dy : [i, n], %x : [i, n], %mean : [i], %rstd : [i]) -> ([n]) {
        ^bb0(%0: f32, %1: f32, %2: f32, %3: f32):
          %4 = arith.subf %1, %2 : f32
          %5 = arith.mulf %4, %3 : f32
          %6 = arith.mulf %0, %5 : f32
          colossal.yield %6 : f32
      } : (tensor<70x96xf32>, tensor<70x96xf32>, tensor<70xf32>, tensor<70xf32>) -> tensor<96xf32>
      %db = colossal.generic "db" [i = 70 : sum, n = 96] (%dy : [i, n]) -> ([n]) {
        ^bb0(%0: f32):
          colossal.yield %0 : f32
      } : (tensor<70x96xf32>) -> tensor<96xf32>
      return %dx, %dw, %db : tensor<70x96xf32>, tensor<96xf32>, tensor<96xf32>
    })");
  EXPECT_EQ(outcome.kinds, (Kinds{"kernel", "kernel"}));
}

// Ignored labels (-1) count neither for the loss nor for the gradient.
TEST(RowKernels, CrossEntropy) {
  Conditions setup;
  setup.low = -1;
  setup.high = 300;
  Outcome outcome = compare(R"(
    func.func @loss(%x: tensor<12x301xf32>, %label: tensor<12xi64>) -> (tensor<12xf32>, tensor<12xf32>) {
      %m = colossal.generic "max" [i = 12, v = 301 : max] (%x : [i, v]) -> ([i]) {
        ^bb0(%0: f32):
          colossal.yield %0 : f32
      } : (tensor<12x301xf32>) -> tensor<12xf32>
      %s = colossal.generic "sum" [i = 12, v = 301 : sum] (%x : [i, v], %m : [i]) -> ([i]) {
        ^bb0(%0: f32, %1: f32):
          %2 = arith.subf %0, %1 : f32
          %3 = math.exp %2 : f32
          colossal.yield %3 : f32
      } : (tensor<12x301xf32>, tensor<12xf32>) -> tensor<12xf32>
      %lse = colossal.generic "lse" [i = 12] (%s : [i], %m : [i]) -> ([i]) {
        ^bb0(%0: f32, %1: f32):
          %2 = math.log %0 : f32
          %3 = arith.addf %2, %1 : f32
          colossal.yield %3 : f32
      } : (tensor<12xf32>, tensor<12xf32>) -> tensor<12xf32>
      %p = colossal.generic "pick" [i = 12, v = 301 : sum] (%label : [i], %x : [i, v], %lse : [i]) -> ([i]) {
        ^bb0(%0: i64, %1: f32, %2: f32):
          %4 = arith.subf %2, %1 : f32
          %5 = colossal.where %4 [v == %0 : i64] : f32
          colossal.yield %5 : f32
      } : (tensor<12xi64>, tensor<12x301xf32>, tensor<12xf32>) -> tensor<12xf32>
      return %p, %lse : tensor<12xf32>, tensor<12xf32>
    })",
                            setup);
  EXPECT_EQ(outcome.kinds, Kinds{"kernel"});
}

TEST(RowKernels, CrossEntropyBackward) {
  Conditions setup;
  setup.low = -1;
  setup.high = 300;
  Outcome outcome = compare(R"(
    func.func @loss(%x: tensor<12x301xf32>, %label: tensor<12xi64>, %lse: tensor<12xf32>, %g: tensor<f32>) -> tensor<12x301xf32> {
      %d = colossal.generic "dx" [i = 12, v = 301] (%x : [i, v], %label : [i], %lse : [i], %g : []) -> ([i, v]) {
        ^bb0(%0: f32, %1: i64, %2: f32, %3: f32):
          %zero = arith.constant 0.0 : f32
          %one = arith.constant 1.0 : f32
          %none = arith.constant -1 : i64
          %4 = arith.subf %0, %2 : f32
          %5 = math.exp %4 : f32
          %7 = colossal.where %one [v == %1 : i64] : f32
          %8 = arith.subf %5, %7 : f32
          %9 = arith.mulf %8, %3 : f32
          %10 = arith.cmpi ne, %1, %none : i64
          %11 = arith.select %10, %9, %zero : f32
          colossal.yield %11 : f32
      } : (tensor<12x301xf32>, tensor<12xi64>, tensor<12xf32>, tensor<f32>) -> tensor<12x301xf32>
      return %d : tensor<12x301xf32>
    })",
                            setup);
  EXPECT_EQ(outcome.kinds, Kinds{"kernel"});
}

// One op with three results; every output may take an input's buffer.
TEST(RowKernels, AdamW) {
  Conditions setup;
  setup.positive = true;
  Outcome outcome = compare(R"(
    func.func @update(%p: tensor<37x70xf32>, %m: tensor<37x70xf32>, %v: tensor<37x70xf32>, %g: tensor<37x70xf32>, %lr: tensor<f32>, %step: tensor<f32>)
        -> (tensor<37x70xf32>, tensor<37x70xf32>, tensor<37x70xf32>) {
      %c = colossal.generic "correction" [] (%step : []) -> ([]) {
        ^bb0(%0: f32):
          %beta = arith.constant 0.999 : f32
          %one = arith.constant 1.0 : f32
          %1 = math.powf %beta, %0 : f32
          %2 = arith.subf %one, %1 : f32
          %3 = math.sqrt %2 : f32
          colossal.yield %3 : f32
      } : (tensor<f32>) -> tensor<f32>
      %p1, %m1, %v1 = colossal.generic "adamw" [i = 37, j = 70]
          (%p : [i, j], %m : [i, j], %v : [i, j], %g : [i, j], %lr : [], %c : []) -> ([i, j], [i, j], [i, j]) {
        ^bb0(%0: f32, %1: f32, %2: f32, %3: f32, %4: f32, %5: f32):
          %b1 = arith.constant 0.9 : f32
          %nb1 = arith.constant 0.1 : f32
          %b2 = arith.constant 0.999 : f32
          %nb2 = arith.constant 0.001 : f32
          %eps = arith.constant 1.0e-8 : f32
          %decay = arith.constant 0.1 : f32
          %m0 = arith.mulf %1, %b1 : f32
          %mg = arith.mulf %3, %nb1 : f32
          %mm = arith.addf %m0, %mg : f32
          %gg = arith.mulf %3, %3 : f32
          %v0 = arith.mulf %2, %b2 : f32
          %vg = arith.mulf %gg, %nb2 : f32
          %vv = arith.addf %v0, %vg : f32
          %root = math.sqrt %vv : f32
          %scaled = arith.divf %root, %5 : f32
          %denominator = arith.addf %scaled, %eps : f32
          %u = arith.divf %mm, %denominator : f32
          %wd = arith.mulf %0, %decay : f32
          %du = arith.addf %u, %wd : f32
          %change = arith.mulf %du, %4 : f32
          %pp = arith.subf %0, %change : f32
          colossal.yield %pp, %mm, %vv : f32, f32, f32
      } : (tensor<37x70xf32>, tensor<37x70xf32>, tensor<37x70xf32>, tensor<37x70xf32>, tensor<f32>, tensor<f32>)
        -> (tensor<37x70xf32>, tensor<37x70xf32>, tensor<37x70xf32>)
      return %p1, %m1, %v1 : tensor<37x70xf32>, tensor<37x70xf32>, tensor<37x70xf32>
    })",
                            setup);
  EXPECT_EQ(outcome.kinds, Kinds{"kernel"});
}
