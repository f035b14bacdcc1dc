//===- ScatterKernelsTest.cpp - Ids along kept dims, stored indices -------===//

#include "Harness.h"

using namespace colossal;
using namespace colossal::lower::test;

using Kinds = std::vector<std::string>;

// The gradient of x.gather(1, id): every row has ids of its own, the last dim
// too; some occur twice, some nowhere.
static std::string gatherGradient(const std::string &rows,
                                  const std::string &idMap,
                                  const std::string &idType) {
  return R"(
    func.func @f(%id: )" +
         idType + R"(, %dy: tensor<6x5x9xf32>) -> tensor<6x7x9xf32> {
      %dx = colossal.generic "scatter" [b = )" +
         rows + R"(, v = 7, d = 9, n = 5 : sum] (%id : )" + idMap +
         R"(, %dy : [b, n, d]) -> ([b, v, d]) {
        ^bb0(%0: i64, %1: f32):
          %3 = colossal.where %1 [v == %0 : i64] : f32
          colossal.yield %3 : f32
      } : ()" +
         idType + R"(, tensor<6x5x9xf32>) -> tensor<6x7x9xf32>
      return %dx : tensor<6x7x9xf32>
    })";
}

TEST(ScatterKernels, IdsAlongKeptDims) {
  compare(gatherGradient("6", "[b, n, d]", "tensor<6x5x9xi64>"));
  compare(gatherGradient("6", "[b, n]", "tensor<6x5xi64>"));
  compare(gatherGradient("6", "[n, d]", "tensor<5x9xi64>"));
  compare(gatherGradient("6", "[d, n, b]", "tensor<9x5x6xi64>"));
  compare(gatherGradient("6", "[b]", "tensor<6xi64>"));
}

// Rows 6 to 11 of 10: two rows of padding, zero in the result.
TEST(ScatterKernels, PaddedRows) {
  Conditions setup;
  setup.place.sizes = {{"data", 2}};
  setup.place.coordinates = {{"data", 1}};
  compare(
      gatherGradient("6 of 10 {data(2) * 6}", "[b, n, d]", "tensor<6x5x9xi64>"),
      setup);
  compare(gatherGradient("6 of 10 {data(2) * 6}", "[n]", "tensor<5xi64>"),
          setup);
}

TEST(ScatterKernels, OntoAnother) {
  Outcome outcome = compare(R"(
    func.func @f(%id: tensor<4x3x8xi64>, %g: tensor<4x6x8xf32>, %dy: tensor<4x3x8xf32>) -> tensor<4x6x8xf32> {
      %dw = colossal.generic "scatter" [b = 4, v = 6, d = 8, s = 3 : sum] (%id : [b, s, d], %dy : [b, s, d]) -> ([b, v, d]) {
        ^bb0(%0: i64, %1: f32):
          %3 = colossal.where %1 [v == %0 : i64] : f32
          colossal.yield %3 : f32
      } : (tensor<4x3x8xi64>, tensor<4x3x8xf32>) -> tensor<4x6x8xf32>
      %s = colossal.generic "sum" [b = 4, v = 6, d = 8] (%g : [b, v, d], %dw : [b, v, d]) -> ([b, v, d]) {
        ^bb0(%0: f32, %1: f32):
          %2 = arith.addf %0, %1 : f32
          colossal.yield %2 : f32
      } : (tensor<4x6x8xf32>, tensor<4x6x8xf32>) -> tensor<4x6x8xf32>
      return %s : tensor<4x6x8xf32>
    })");
  EXPECT_EQ(outcome.kinds, Kinds{"kernel"});
}

// Functions of indices that the kernel cannot compute where it reads them are
// stored: the ids of a scatter-add, a window, parts of an index.
TEST(StoredIndexFunctions, Ids) {
  compare(R"(
    func.func @f(%dy: tensor<5x20xf32>) -> tensor<7x20xf32> {
      %id = colossal.generic "iota" [s = 5] () -> ([s]) {
        ^bb0:
          %i = colossal.index "s"
          %one = arith.constant 1 : i64
          %2 = arith.addi %i, %one : i64
          colossal.yield %2 : i64
      } : () -> tensor<5xi64>
      %dw = colossal.generic "scatter" [v = 7, d = 20, s = 5 : sum] (%id : [s], %dy : [s, d]) -> ([v, d]) {
        ^bb0(%0: i64, %1: f32):
          %3 = colossal.where %1 [v == %0 : i64] : f32
          colossal.yield %3 : f32
      } : (tensor<5xi64>, tensor<5x20xf32>) -> tensor<7x20xf32>
      return %dw : tensor<7x20xf32>
    })");
}

TEST(StoredIndexFunctions, WindowAndParts) {
  Outcome outcome = compare(R"(
    func.func @f(%x: tensor<4x6xf32>) -> (tensor<4x6xf32>, tensor<4x6xf32>) {
      %c = colossal.generic "fill" [b = 4, s = 5] () -> ([b, s]) {
        ^bb0:
          %0 = arith.constant 0.25 : f32
          colossal.yield %0 : f32
      } : () -> tensor<4x5xf32>
      %y = colossal.generic "window" [b = 4, s = 6] (%x : [b, s], %c : [b, s - 1 of 5]) -> ([b, s]) {
        ^bb0(%0: f32, %1: f32):
          %2 = arith.mulf %0, %1 : f32
          colossal.yield %2 : f32
      } : (tensor<4x6xf32>, tensor<4x5xf32>) -> tensor<4x6xf32>
      %n = colossal.generic "numbers" [i = 24] () -> ([i]) {
        ^bb0:
          %i = colossal.index "i"
          %0 = arith.sitofp %i : i64 to f32
          colossal.yield %0 : f32
      } : () -> tensor<24xf32>
      %z = colossal.generic "parts" [b = 4, s = 6] (%x : [b, s], %n : [(b, s)]) -> ([b, s]) {
        ^bb0(%0: f32, %1: f32):
          %2 = arith.addf %0, %1 : f32
          colossal.yield %2 : f32
      } : (tensor<4x6xf32>, tensor<24xf32>) -> tensor<4x6xf32>
      return %y, %z : tensor<4x6xf32>, tensor<4x6xf32>
    })");
  // "numbers" is stored; what reads it may share a kernel with others.
  EXPECT_GE(outcome.kinds.size(), 2u);
}

// The gradient of a wide weight at batch 2: a row of sums that does not fit the
// stack.
TEST(ColumnKernels, WideRows) {
  compare(R"(
    func.func @f(%x: tensor<2x20000xf32>, %dy: tensor<2x70xf32>) -> tensor<70x20000xf32> {
      %dw = colossal.generic "dw" [o = 70, i = 20000, b = 2 : sum] (%dy : [b, o], %x : [b, i]) -> ([o, i]) {
        ^bb0(%0: f32, %1: f32):
          %2 = arith.mulf %0, %1 : f32
          colossal.yield %2 : f32
      } : (tensor<2x70xf32>, tensor<2x20000xf32>) -> tensor<70x20000xf32>
      return %dw : tensor<70x20000xf32>
    })");
}

// A quotient by what does not change in the loop is the nearest number.
TEST(RowKernels, ExactQuotients) {
  compare(R"(
    func.func @f(%x: tensor<40xf32>) -> (tensor<40xf32>, tensor<40xf32>) {
      %y:2 = colossal.generic "quotient" [i = 40] (%x : [i]) -> ([i], [i]) {
        ^bb0(%0: f32):
          %i = colossal.index "i"
          %1 = arith.sitofp %i : i64 to f32
          %c = arith.constant 41.0 : f32
          %2 = arith.mulf %1, %c : f32
          %3 = arith.divf %2, %c : f32
          %4 = math.floor %3 : f32
          %5 = arith.divf %0, %c : f32
          colossal.yield %4, %5 : f32, f32
      } : (tensor<40xf32>) -> (tensor<40xf32>, tensor<40xf32>)
      return %y#0, %y#1 : tensor<40xf32>, tensor<40xf32>
    })");
}
