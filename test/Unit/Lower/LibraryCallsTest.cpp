//===- LibraryCallsTest.cpp - Matrix products and attention ---------------===//

#include "Colossal/Ops/Attention/Mask.h"
#include "Harness.h"

using namespace colossal;
using namespace colossal::lower::test;

using Kinds = std::vector<std::string>;

/// A contraction with the given factors, maps and types.
static std::string product(const std::string &factors, const std::string &a,
                           const std::string &aType, const std::string &b,
                           const std::string &bType, const std::string &c,
                           const std::string &cType) {
  return "func.func @f(%x: " + aType + ", %w: " + bType + ") -> " + cType +
         " {\n  %y = colossal.generic \"mm\" [" + factors + "] (%x : " + a +
         ", %w : " + b + ") -> (" + c + R"() {
      ^bb0(%0: f32, %1: f32):
        %2 = arith.mulf %0, %1 : f32
        colossal.yield %2 : f32
    } : ()" +
         aType + ", " + bType + ") -> " + cType + "\n  return %y : " + cType +
         "\n}";
}

TEST(MatrixProducts, Linear) {
  Outcome outcome = compare(product(
      "b = 4, s = 6, n = 20, k = 17 : sum", "[b, s, k]", "tensor<4x6x17xf32>",
      "[k, n]", "tensor<17x20xf32>", "[b, s, n]", "tensor<4x6x20xf32>"));
  EXPECT_EQ(outcome.kinds, Kinds{"gemm"});
}

// The gradient of a weight: both operands are transposed by strides.
TEST(MatrixProducts, WeightGradient) {
  Outcome outcome =
      compare(product("k = 17, n = 20, b = 4 : sum, s = 6 : sum", "[b, s, k]",
                      "tensor<4x6x17xf32>", "[b, s, n]", "tensor<4x6x20xf32>",
                      "[n, k]", "tensor<20x17xf32>"));
  EXPECT_EQ(outcome.kinds, Kinds{"gemm"});
}

// Scores of attention, from a fused query-key-value tensor.
TEST(MatrixProducts, BatchedParts) {
  Outcome outcome = compare(product(
      "b = 2, h = 3, q = 10, k = 11, d = 8 : sum", "[b, q, (0 of 3, h, d)]",
      "tensor<2x10x72xf32>", "[b, k, (1 of 3, h, d)]", "tensor<2x11x72xf32>",
      "[b, h, q, k]", "tensor<2x3x10x11xf32>"));
  EXPECT_EQ(outcome.kinds, Kinds{"gemm"});
}

// (h, d) is no single extent of the first operand: it is packed.
TEST(MatrixProducts, Packing) {
  Outcome outcome =
      compare(product("b = 2, s = 10, n = 20, h = 3 : sum, d = 8 : sum",
                      "[b, h, s, d]", "tensor<2x3x10x8xf32>", "[(h, d), n]",
                      "tensor<24x20xf32>", "[b, s, n]", "tensor<2x10x20xf32>"));
  EXPECT_EQ(outcome.kinds, (Kinds{"kernel", "gemm"}));
}

// The sum over a cut dimension with padding: padding is zero in both.
TEST(MatrixProducts, Accumulated) {
  Outcome outcome = compare(R"(
    func.func @f(%x: tensor<24x16xf32>, %w: tensor<24x20xf32>) -> (tensor<16x20xf32> {colossal.accumulate = "sum"}, tensor<20xf32> {colossal.accumulate = "sum"}) {
      %y = colossal.generic "mm" [k = 16, n = 20, i = 24 : sum] (%x : [i, k], %w : [i, n]) -> ([k, n]) {
        ^bb0(%0: f32, %1: f32):
          %2 = arith.mulf %0, %1 : f32
          colossal.yield %2 : f32
      } : (tensor<24x16xf32>, tensor<24x20xf32>) -> tensor<16x20xf32>
      %z = colossal.generic "db" [n = 20, i = 24 : sum] (%w : [i, n]) -> ([n]) {
        ^bb0(%0: f32):
          colossal.yield %0 : f32
      } : (tensor<24x20xf32>) -> tensor<20xf32>
      return %y, %z : tensor<16x20xf32>, tensor<20xf32>
    })");
  EXPECT_EQ(outcome.kinds, (Kinds{"gemm", "kernel"}));
}

// The gradient of one part of three: a product, then a placement.
TEST(MatrixProducts, Placed) {
  Outcome outcome = compare(R"(
    func.func @f(%p: tensor<2x3x10x12xf32>, %do: tensor<2x10x24xf32>) -> tensor<2x12x72xf32> {
      %y = colossal.generic "dv" [b = 2, h = 3, q = 10 : sum, e = 8, k = 12, part = 3] (%p : [b, h, q, k], %do : [b, q, (h, e)]) -> ([b, k, (part, h, e)]) {
        ^bb0(%0: f32, %1: f32):
          %2 = arith.mulf %0, %1 : f32
          %3 = colossal.where %2 [part == 2] : f32
          colossal.yield %3 : f32
      } : (tensor<2x3x10x12xf32>, tensor<2x10x24xf32>) -> tensor<2x12x72xf32>
      return %y : tensor<2x12x72xf32>
    })");
  EXPECT_EQ(outcome.kinds, (Kinds{"gemm", "kernel"}));
}

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

TEST(Attention, ShareThatACausalMaskShows) {
  for (int64_t queries : {1, 2, 5, 9})
    for (int64_t keys : {1, 3, 5, 8})
      for (int64_t offset = -11; offset < 11; ++offset) {
        attention::Mask mask;
        mask.causalOffset = offset;
        int64_t visible = 0;
        for (int64_t q = 0; q < queries; ++q)
          for (int64_t k = 0; k < keys; ++k)
            visible += k <= q + offset;
        EXPECT_NEAR(mask.visibleShare(queries, keys),
                    double(visible) / double(queries * keys), 1e-12)
            << queries << " " << keys << " " << offset;
      }
  EXPECT_EQ(attention::Mask().visibleShare(4, 5), 1);
}

TEST(Attention, Causal) {
  Outcome outcome = compare(R"(
    func.func @f(%qkv: tensor<2x10x72xf32>) -> (tensor<2x10x24xf32>, tensor<2x3x10xf32>) {
      %o, %lse = colossal.attention "attn" scale 0.35 [b = 2, h = 3, q = 10, k = 10, d = 8, e = 8]
          (%qkv : [b, q, (0 of 3, h, d)], %qkv : [b, k, (1 of 3, h, d)], %qkv : [b, k, (2 of 3, h, e)])
          -> ([b, q, (h, e)], [b, h, q]) {
        ^bb0(%s: f32):
          %low = arith.constant 0xFF800000 : f32
          %q = colossal.index "q"
          %k = colossal.index "k"
          %0 = arith.cmpi sle, %k, %q : i64
          %1 = arith.select %0, %s, %low : f32
          colossal.yield %1 : f32
      } : (tensor<2x10x72xf32>, tensor<2x10x72xf32>, tensor<2x10x72xf32>) -> (tensor<2x10x24xf32>, tensor<2x3x10xf32>)
      return %o, %lse : tensor<2x10x24xf32>, tensor<2x3x10xf32>
    })");
  EXPECT_EQ(outcome.kinds, Kinds{"library"});
  EXPECT_EQ(outcome.kernels, 0u); // the runtime knows causal masks
}

// The same mask as transformers write it: a large number is added.
TEST(Attention, CausalByAddition) {
  Outcome outcome = compare(R"(
    func.func @f(%qkv: tensor<2x10x72xf32>) -> (tensor<2x10x24xf32>, tensor<2x3x10xf32>) {
      %o, %lse = colossal.attention "attn" scale 0.35 [b = 2, h = 3, q = 10, k = 10, d = 8, e = 8]
          (%qkv : [b, q, (0 of 3, h, d)], %qkv : [b, k, (1 of 3, h, d)], %qkv : [b, k, (2 of 3, h, e)])
          -> ([b, q, (h, e)], [b, h, q]) {
        ^bb0(%s: f32):
          %zero = arith.constant 0.0 : f32
          %one = arith.constant 1 : i64
          %low = arith.constant -3.40282347E+38 : f32
          %q = colossal.index "q"
          %k = colossal.index "k"
          %0 = arith.addi %q, %one : i64
          %1 = arith.cmpi slt, %k, %0 : i64
          %2 = arith.select %1, %zero, %low : f32
          %3 = arith.addf %s, %2 : f32
          colossal.yield %3 : f32
      } : (tensor<2x10x72xf32>, tensor<2x10x72xf32>, tensor<2x10x72xf32>) -> (tensor<2x10x24xf32>, tensor<2x3x10xf32>)
      return %o, %lse : tensor<2x10x24xf32>, tensor<2x3x10xf32>
    })");
  EXPECT_EQ(outcome.kernels, 0u);
}

// A padding mask as an extra operand, and queries that are cut.
TEST(Attention, MaskedAndCut) {
  Conditions conditions;
  conditions.place.sizes = {{"data", 2}};
  conditions.place.coordinates = {{"data", 1}};
  Outcome outcome = compare(R"(
    func.func @f(%x: tensor<2x3x5x8xf32>, %y: tensor<2x3x10x8xf32>, %z: tensor<2x3x10x4xf32>, %m: tensor<2x10xf32>)
        -> (tensor<2x3x5x4xf32>, tensor<2x3x5xf32>) {
      %o, %lse = colossal.attention "attn" scale 0.35 [b = 2, h = 3, q = 5 of 10 {data(2) * 5}, k = 10, d = 8, e = 4]
          (%x : [b, h, q, d], %y : [b, h, k, d], %z : [b, h, k, e], %m : [b, k])
          -> ([b, h, q, e], [b, h, q]) {
        ^bb0(%s: f32, %a: f32):
          %low = arith.constant -3.40282347E+38 : f32
          %q = colossal.index "q"
          %k = colossal.index "k"
          %0 = arith.cmpi sle, %k, %q : i64
          %1 = arith.addf %s, %a : f32
          %2 = arith.select %0, %1, %low : f32
          colossal.yield %2 : f32
      } : (tensor<2x3x5x8xf32>, tensor<2x3x10x8xf32>, tensor<2x3x10x4xf32>, tensor<2x10xf32>) -> (tensor<2x3x5x4xf32>, tensor<2x3x5xf32>)
      return %o, %lse : tensor<2x3x5x4xf32>, tensor<2x3x5xf32>
    })",
                            conditions);
  EXPECT_EQ(outcome.kernels, 1u);
}

// Keys are cut, the last shard is padded: padding gets no gradient.
TEST(Attention, BackwardOfPaddedKeys) {
  Conditions conditions;
  conditions.place.sizes = {{"data", 2}};
  conditions.place.coordinates = {{"data", 1}};
  compare(R"(
    func.func @f(%q: tensor<2x6x8xf32>, %k: tensor<2x4x8xf32>, %v: tensor<2x4x8xf32>, %o: tensor<2x6x8xf32>, %lse: tensor<2x6xf32>, %do: tensor<2x6x8xf32>)
        -> (tensor<2x6x8xf32>, tensor<2x4x8xf32>, tensor<2x4x8xf32>) {
      %dq, %dk, %dv = colossal.attention_backward "back" scale 0.35 [b = 2, q = 6, k = 4 of 7 {data(2) * 4}, d = 8, e = 8]
          (%q : [b, q, d], %k : [b, k, d], %v : [b, k, e], %o : [b, q, e], %lse : [b, q], %do : [b, q, e])
          -> ([b, q, d], [b, k, d], [b, k, e]) {
        ^bb0(%s: f32):
          colossal.yield %s : f32
      } : (tensor<2x6x8xf32>, tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2x6x8xf32>, tensor<2x6xf32>, tensor<2x6x8xf32>)
        -> (tensor<2x6x8xf32>, tensor<2x4x8xf32>, tensor<2x4x8xf32>)
      return %dq, %dk, %dv : tensor<2x6x8xf32>, tensor<2x4x8xf32>, tensor<2x4x8xf32>
    })",
          conditions);
}

TEST(Attention, Backward) {
  compare(R"(
    func.func @f(%q: tensor<2x3x6x8xf32>, %k: tensor<2x3x6x8xf32>, %v: tensor<2x3x6x4xf32>, %do: tensor<2x6x12xf32>)
        -> (tensor<2x3x6x8xf32>, tensor<2x3x6x8xf32>, tensor<2x3x6x4xf32>) {
      %o, %lse = colossal.attention "attn" scale 0.35 [b = 2, h = 3, q = 6, k = 6, d = 8, e = 4]
          (%q : [b, h, q, d], %k : [b, h, k, d], %v : [b, h, k, e]) -> ([b, q, (h, e)], [b, h, q]) {
        ^bb0(%s: f32):
          %low = arith.constant 0xFF800000 : f32
          %i = colossal.index "q"
          %j = colossal.index "k"
          %0 = arith.cmpi sge, %i, %j : i64
          %1 = arith.select %0, %s, %low : f32
          colossal.yield %1 : f32
      } : (tensor<2x3x6x8xf32>, tensor<2x3x6x8xf32>, tensor<2x3x6x4xf32>) -> (tensor<2x6x12xf32>, tensor<2x3x6xf32>)
      %dq, %dk, %dv = colossal.attention_backward "back" scale 0.35 [b = 2, h = 3, q = 6, k = 6, d = 8, e = 4]
          (%q : [b, h, q, d], %k : [b, h, k, d], %v : [b, h, k, e], %o : [b, q, (h, e)], %lse : [b, h, q], %do : [b, q, (h, e)])
          -> ([b, h, q, d], [b, h, k, d], [b, h, k, e]) {
        ^bb0(%s: f32):
          %low = arith.constant 0xFF800000 : f32
          %i = colossal.index "q"
          %j = colossal.index "k"
          %0 = arith.cmpi sge, %i, %j : i64
          %1 = arith.select %0, %s, %low : f32
          colossal.yield %1 : f32
      } : (tensor<2x3x6x8xf32>, tensor<2x3x6x8xf32>, tensor<2x3x6x4xf32>, tensor<2x6x12xf32>, tensor<2x3x6xf32>, tensor<2x6x12xf32>)
        -> (tensor<2x3x6x8xf32>, tensor<2x3x6x8xf32>, tensor<2x3x6x4xf32>)
      return %dq, %dk, %dv : tensor<2x3x6x8xf32>, tensor<2x3x6x8xf32>, tensor<2x3x6x4xf32>
    })");
}
