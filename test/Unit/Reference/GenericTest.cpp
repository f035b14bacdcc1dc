//===- GenericTest.cpp - What a generic computes --------------------------===//

#include "Programs.h"
#include <cmath>
#include <limits>

using namespace mlir;
using namespace colossal;
using namespace colossal::reference;

static constexpr double kInfinity = std::numeric_limits<double>::infinity();

TEST(Generic, MergedAndConstantSubDimensions) {
  auto module = parse(R"(
    func.func @f(%x: tensor<2x6xf32>) -> tensor<4xf32> {
      %y = colossal.generic "part" [b = 2, h = 2] (%x : [b, (1 of 3, h)]) -> ([(h, b)]) {
        ^bb0(%0: f32):
          colossal.yield %0 : f32
      } : (tensor<2x6xf32>) -> tensor<4xf32>
      return %y : tensor<4xf32>
    })");
  auto x = reals({2, 6}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
  EXPECT_EQ(run(*module, x)[0]->floats, (std::vector<double>{2, 8, 3, 9}));
}

TEST(Generic, OutsideReadsZero) {
  auto module = parse(R"(
    func.func @f(%x: tensor<4xi64>) -> (tensor<4xi64>, tensor<6xi64>) {
      %y = colossal.generic "next" [s = 4] (%x : [s + 1 of 4]) -> ([s]) {
        ^bb0(%0: i64):
          colossal.yield %0 : i64
      } : (tensor<4xi64>) -> tensor<4xi64>
      %z = colossal.generic "pad" [s = 6] (%x : [s - 1 of 4]) -> ([s]) {
        ^bb0(%0: i64):
          colossal.yield %0 : i64
      } : (tensor<4xi64>) -> tensor<6xi64>
      return %y, %z : tensor<4xi64>, tensor<6xi64>
    })");
  Tensors results = run(*module, integers({4}, {5, 6, 7, 8}));
  EXPECT_EQ(results[0]->integers, (std::vector<int64_t>{6, 7, 8, 0}));
  EXPECT_EQ(results[1]->integers, (std::vector<int64_t>{0, 5, 6, 7, 8, 0}));
}

TEST(Generic, SeveralResultsAndMaximum) {
  auto module = parse(R"(
    func.func @f(%x: tensor<2x3xf32>) -> (tensor<2xf32>, tensor<2xf32>, tensor<2xi64>) {
      %y, %z = colossal.generic "max" [b = 2, k = 3 : max] (%x : [b, k]) -> ([b], [b]) {
        ^bb0(%0: f32):
          %1 = arith.negf %0 : f32
          colossal.yield %0, %1 : f32, f32
      } : (tensor<2x3xf32>) -> (tensor<2xf32>, tensor<2xf32>)
      %n = colossal.generic "count" [b = 2, k = 3 : sum] (%x : [b, k]) -> ([b]) {
        ^bb0(%0: f32):
          %zero = arith.constant 0.0 : f32
          %1 = arith.cmpf ogt, %0, %zero : f32
          %2 = arith.extui %1 : i1 to i64
          colossal.yield %2 : i64
      } : (tensor<2x3xf32>) -> tensor<2xi64>
      return %y, %z, %n : tensor<2xf32>, tensor<2xf32>, tensor<2xi64>
    })");
  Tensors results = run(*module, reals({2, 3}, {-1, -2, -3, 4, 5, 0}));
  EXPECT_EQ(results[0]->floats, (std::vector<double>{-1, 5}));
  EXPECT_EQ(results[1]->floats, (std::vector<double>{3, 0}));
  EXPECT_EQ(results[2]->integers, (std::vector<int64_t>{0, 2}));
}

/// The generic of a function at a place; the function's arguments as operands.
static Tensors evaluateAt(ModuleOp module, const Place &place,
                          ArrayRef<TensorRef> operands,
                          const Options &options = {}) {
  Operation *op = &functionOf(module).getBody().front().front();
  FailureOr<Tensors> results = evaluate(op, operands, place, options);
  EXPECT_TRUE(succeeded(results));
  return *results;
}

static Place tensorPlace(int64_t coordinate) {
  Place place;
  place.coordinates["tensor"] = coordinate;
  place.sizes["tensor"] = 2;
  return place;
}

TEST(Generic, PaddingContributesNothing) {
  // Three of five on two ranks: the second has one element of padding.
  for (StringRef kind : {"sum", "max"}) {
    auto module = parse(R"(
      func.func @f(%x: tensor<3xf32>) -> tensor<f32> {
        %y = colossal.generic "r" [v = 3 of 5 {tensor(2) * 3} : )" +
                        kind.str() + R"(] (%x : [v]) -> ([]) {
          ^bb0(%0: f32):
            colossal.yield %0 : f32
        } : (tensor<3xf32>) -> tensor<f32>
        return %y : tensor<f32>
      })");
    auto x = reals({3}, {-3, -4, 100});
    double expected[] = {kind == "sum" ? 93.0 : 100.0,
                         kind == "sum" ? -7.0 : -3.0};
    for (int64_t c : {0, 1})
      EXPECT_EQ(evaluateAt(*module, tensorPlace(c), x)[0]->floats[0],
                expected[c]);
  }
}

TEST(Generic, PaddedRankIsNeutral) {
  // Extent 3 over two ranks of 3: the second rank has padding alone.
  auto module = parse(R"(
    func.func @f(%x: tensor<3xf32>) -> tensor<f32> {
      %y = colossal.generic "r" [v = 3 of 3 {tensor(2) * 3} : max] (%x : [v]) -> ([]) {
        ^bb0(%0: f32):
          colossal.yield %0 : f32
      } : (tensor<3xf32>) -> tensor<f32>
      return %y : tensor<f32>
    })");
  auto x = reals({3}, {1, 2, 3});
  EXPECT_EQ(evaluateAt(*module, tensorPlace(1), x)[0]->floats[0], -kInfinity);
}

TEST(Generic, PaddedPositionsAreZeroAndIndicesGlobal) {
  auto module = parse(R"(
    func.func @f() -> tensor<3xi64> {
      %y = colossal.generic "iota" [v = 3 of 5 {tensor(2) * 3}] () -> ([v]) {
          %0 = colossal.index "v"
          %c = arith.constant 10 : i64
          %1 = arith.addi %0, %c : i64
          colossal.yield %1 : i64
      } : () -> tensor<3xi64>
      return %y : tensor<3xi64>
    })");
  EXPECT_EQ(evaluateAt(*module, tensorPlace(0), {})[0]->integers,
            (std::vector<int64_t>{10, 11, 12}));
  EXPECT_EQ(evaluateAt(*module, tensorPlace(1), {})[0]->integers,
            (std::vector<int64_t>{13, 14, 0}));
}

TEST(Generic, RoundsToFloat32OnlyWhenAsked) {
  auto module = parse(R"(
    func.func @f(%x: tensor<f32>) -> tensor<f64> {
      %y = colossal.generic "third" [] (%x : []) -> ([]) {
        ^bb0(%0: f32):
          %3 = arith.constant 3.0 : f32
          %1 = arith.divf %0, %3 : f32
          %2 = arith.extf %1 : f32 to f64
          colossal.yield %2 : f64
      } : (tensor<f32>) -> tensor<f64>
      return %y : tensor<f64>
    })");
  auto x = reals({}, {1.0});
  EXPECT_EQ(run(*module, x)[0]->floats[0], 1.0 / 3.0);
  Options options;
  options.float32 = true;
  EXPECT_EQ(run(*module, x, options)[0]->floats[0], double(1.0f / 3.0f));
}

TEST(Generic, EmptyTensors) {
  auto module = parse(R"(
    func.func @f(%x: tensor<0x3xf32>) -> (tensor<3xf32>, tensor<0xf32>) {
      %y = colossal.generic "a" [b = 0 : sum, n = 3] (%x : [b, n]) -> ([n]) {
        ^bb0(%0: f32):
          colossal.yield %0 : f32
      } : (tensor<0x3xf32>) -> tensor<3xf32>
      %z = colossal.generic "b" [b = 0, n = 3 : sum] (%x : [b, n]) -> ([b]) {
        ^bb0(%0: f32):
          colossal.yield %0 : f32
      } : (tensor<0x3xf32>) -> tensor<0xf32>
      return %y, %z : tensor<3xf32>, tensor<0xf32>
    })");
  Tensors results = run(*module, reals({0, 3}, {}));
  EXPECT_EQ(results[0]->floats, (std::vector<double>{0, 0, 0}));
  EXPECT_EQ(results[1]->size(), 0);
}

TEST(Generic, MathOfTheBody) {
  auto module = parse(R"(
    func.func @f(%x: tensor<300xf32>) -> tensor<300xf32> {
      %y = colossal.generic "gelu" [n = 300] (%x : [n]) -> ([n]) {
        ^bb0(%0: f32):
          %half = arith.constant 0.5 : f32
          %one = arith.constant 1.0 : f32
          %c = arith.constant 0.75 : f32
          %1 = arith.mulf %0, %c : f32
          %2 = math.tanh %1 : f32
          %3 = arith.addf %2, %one : f32
          %4 = arith.mulf %0, %half : f32
          %5 = arith.mulf %4, %3 : f32
          %6 = math.exp %0 : f32
          %7 = arith.cmpf olt, %0, %half : f32
          %8 = arith.select %7, %5, %6 : f32
          colossal.yield %8 : f32
      } : (tensor<300xf32>) -> tensor<300xf32>
      return %y : tensor<300xf32>
    })");
  Random random(3);
  Tensors arguments = randomArguments(functionOf(*module), random);
  Tensors results = run(*module, arguments);
  for (int64_t i = 0; i < 300; ++i) {
    double x = arguments[0]->floats[i];
    double expected =
        x < 0.5 ? 0.5 * x * (1.0 + std::tanh(0.75 * x)) : std::exp(x);
    EXPECT_DOUBLE_EQ(results[0]->floats[i], expected);
  }
}
