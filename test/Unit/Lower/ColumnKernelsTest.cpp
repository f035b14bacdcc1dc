//===- ColumnKernelsTest.cpp - Column sums, gathers, masks, padding -------===//

#include "Harness.h"

using namespace colossal;
using namespace colossal::lower::test;

using Kinds = std::vector<std::string>;

TEST(ColumnKernels, BiasGradient) {
  Outcome outcome = compare(R"(
    func.func @f(%x: tensor<5x23x150xf32>) -> tensor<150xf32> {
      %y = colossal.generic "sum" [b = 5 : sum, s = 23 : sum, n = 150] (%x : [b, s, n]) -> ([n]) {
        ^bb0(%0: f32):
          colossal.yield %0 : f32
      } : (tensor<5x23x150xf32>) -> tensor<150xf32>
      return %y : tensor<150xf32>
    })");
  EXPECT_EQ(outcome.kinds, Kinds{"kernel"});
}

// More lanes than one stripe, and a reduction whose factors do not merge.
TEST(ColumnKernels, Stripes) {
  compare(R"(
    func.func @f(%x: tensor<3x5x5000xf32>, %w: tensor<5xf32>) -> tensor<5000xf32> {
      %y = colossal.generic "sum" [b = 3 : sum, s = 5 : sum, n = 5000] (%x : [b, s, n], %w : [s]) -> ([n]) {
        ^bb0(%0: f32, %1: f32):
          %2 = arith.mulf %0, %1 : f32
          colossal.yield %2 : f32
      } : (tensor<3x5x5000xf32>, tensor<5xf32>) -> tensor<5000xf32>
      return %y : tensor<5000xf32>
    })");
}

// Few outer rows, many lanes: the range has blocks of lanes.
TEST(ColumnKernels, Blocks) {
  compare(R"(
    func.func @f(%x: tensor<3x4x2500xf32>) -> tensor<3x2500xf32> {
      %y = colossal.generic "sum" [b = 3, s = 4 : sum, n = 2500] (%x : [b, s, n]) -> ([b, n]) {
        ^bb0(%0: f32):
          colossal.yield %0 : f32
      } : (tensor<3x4x2500xf32>) -> tensor<3x2500xf32>
      return %y : tensor<3x2500xf32>
    })");
}

// Sums of many terms lose no more than the last digit: of columns, whose dims
// merge or not, and along rows. One loop is cut into blocks with a rest, or an
// outer one is.
TEST(ColumnKernels, LongSums) {
  Conditions setup;
  // Four times what rounding the result to f32 costs; added up in f32 alone,
  // these are off by 6 to 17 times as much. CPUs with few registers add more
  // terms to each lane of a block.
  setup.tolerance = 4 * 0x1p-24;
  setup.positive = true;
  auto sums = [&](const std::string &factors, const std::string &map,
                  const std::string &type, const std::string &result,
                  const std::string &out) {
    compare("func.func @f(%x: tensor<" + type + ">) -> tensor<" + result +
                "> {\n  %y = colossal.generic \"sum\" [" + factors +
                "] (%x : " + map + ") -> (" + out + R"() {
        ^bb0(%0: f32):
          %1 = arith.mulf %0, %0 : f32
          colossal.yield %1 : f32
      } : (tensor<)" +
                type + ">) -> tensor<" + result + ">\n  return %y : tensor<" +
                result + ">\n}",
            setup);
  };
  sums("b = 20011 : sum, n = 40", "[b, n]", "20011x40xf32", "40xf32", "[n]");
  sums("b = 1030 : sum, s = 17, t = 3 : sum, n = 7", "[b, s, t, n]",
       "1030x17x3x7xf32", "17x7xf32", "[s, n]");
  sums("n = 5, b = 70001 : sum", "[n, b]", "5x70001xf32", "5xf32", "[n]");
  sums("b = 300 : sum, n = 6, s = 70 : sum", "[b, n, s]", "300x6x70xf32",
       "6xf32", "[n]");
}

TEST(ColumnKernels, SmallContraction) {
  Outcome outcome = compare(R"(
    func.func @f(%x: tensor<3x5xf32>, %w: tensor<5x7xf32>) -> tensor<3x7xf32> {
      %y = colossal.generic "mm" [i = 3, j = 7, k = 5 : sum] (%x : [i, k], %w : [k, j]) -> ([i, j]) {
        ^bb0(%0: f32, %1: f32):
          %2 = arith.mulf %0, %1 : f32
          colossal.yield %2 : f32
      } : (tensor<3x5xf32>, tensor<5x7xf32>) -> tensor<3x7xf32>
      return %y : tensor<3x7xf32>
    })");
  EXPECT_EQ(outcome.kinds, Kinds{"kernel"});
}

// Sums of products: whether a product is fused with a sum, and in which order
// terms are added, must not depend on whether an element is computed in the
// vector body of a loop or in its tail, which depends on the range.
static void compareContraction(const std::string &n, const std::string &k,
                               const std::string &map,
                               const std::string &type) {
  compare("func.func @f(%x: tensor<" + k + "xf32>, %w: " + type +
          ", %b: tensor<" + n + "xf32>, %s: tensor<f32>) -> tensor<" + n +
          "xf32> {\n  %y = colossal.generic \"mm\" [j = " + n + ", k = " + k +
          " : sum] (%x : [k], %w : " + map + R"() -> ([j]) {
      ^bb0(%0: f32, %1: f32):
        %2 = arith.mulf %0, %1 : f32
        colossal.yield %2 : f32
    } : (tensor<)" +
          k + "xf32>, " + type + ") -> tensor<" + n +
          "xf32>\n  %z = colossal.generic \"scaled\" [j = " + n +
          R"(] (%y : [j], %b : [j], %s : []) -> ([j]) {
      ^bb0(%0: f32, %1: f32, %2: f32):
        %3 = arith.mulf %0, %1 : f32
        %4 = arith.mulf %0, %0 : f32
        %5 = arith.addf %3, %4 : f32
        %6 = arith.divf %5, %2 : f32
        colossal.yield %6 : f32
    } : (tensor<)" +
          n + "xf32>, tensor<" + n + "xf32>, tensor<f32>) -> tensor<" + n +
          "xf32>\n  return %z : tensor<" + n + "xf32>\n}");
}

TEST(ColumnKernels, BitsOfContractions) {
  for (const std::string n : {"16", "40", "72", "100", "200", "312"})
    for (const std::string k : {"8", "17"}) {
      compareContraction(n, k, "[k, j]", "tensor<" + k + "x" + n + "xf32>");
      compareContraction(n, k, "[j, k]", "tensor<" + n + "x" + k + "xf32>");
    }
}

TEST(ColumnKernels, Transpose) {
  compare(R"(
    func.func @f(%x: tensor<2x33x5x16xf32>) -> tensor<2x5x33x16xf32> {
      %y = colossal.generic "t" [b = 2, s = 33, h = 5, d = 16] (%x : [b, s, h, d]) -> ([b, h, s, d]) {
        ^bb0(%0: f32):
          colossal.yield %0 : f32
      } : (tensor<2x33x5x16xf32>) -> tensor<2x5x33x16xf32>
      return %y : tensor<2x5x33x16xf32>
    })");
}

TEST(ColumnKernels, ScalarSum) {
  compare(R"(
    func.func @f(%x: tensor<70x96xf32>, %n: tensor<f32>) -> tensor<f32> {
      %y = colossal.generic "sum" [i = 70 : sum, j = 96 : sum] (%x : [i, j]) -> ([]) {
        ^bb0(%0: f32):
          %1 = arith.mulf %0, %0 : f32
          colossal.yield %1 : f32
      } : (tensor<70x96xf32>) -> tensor<f32>
      %z = colossal.generic "root" [] (%y : [], %n : []) -> ([]) {
        ^bb0(%0: f32, %1: f32):
          %2 = math.sqrt %0 : f32
          %3 = arith.divf %2, %1 : f32
          colossal.yield %3 : f32
      } : (tensor<f32>, tensor<f32>) -> tensor<f32>
      return %z : tensor<f32>
    })");
}

// The sum of costly terms that exist is a sum of what exists.
TEST(ColumnKernels, Reuse) {
  Outcome outcome = compare(R"(
    func.func @f(%x: tensor<5x23x150xf32>, %y: tensor<5x23x150xf32>) -> (tensor<5x23x150xf32>, tensor<150xf32>) {
      %e = colossal.generic "e" [b = 5, s = 23, n = 150] (%x : [b, s, n], %y : [b, s, n]) -> ([b, s, n]) {
        ^bb0(%0: f32, %1: f32):
          %2 = math.tanh %0 : f32
          %3 = arith.mulf %1, %2 : f32
          colossal.yield %3 : f32
      } : (tensor<5x23x150xf32>, tensor<5x23x150xf32>) -> tensor<5x23x150xf32>
      %s = colossal.generic "s" [n = 150, i = 5 : sum, j = 23 : sum] (%x : [i, j, n], %y : [i, j, n]) -> ([n]) {
        ^bb0(%0: f32, %1: f32):
          %2 = math.tanh %0 : f32
          %3 = arith.mulf %1, %2 : f32
          colossal.yield %3 : f32
      } : (tensor<5x23x150xf32>, tensor<5x23x150xf32>) -> tensor<150xf32>
      return %e, %s : tensor<5x23x150xf32>, tensor<150xf32>
    })");
  EXPECT_EQ(outcome.kinds, (Kinds{"kernel", "kernel"}));
}

// A large sum to a scalar: rows first, for all threads, then their sum.
TEST(ColumnKernels, SplitSum) {
  Conditions conditions;
  conditions.place.sizes = {{"data", 2}};
  conditions.place.coordinates = {{"data", 1}};
  Outcome outcome = compare(R"(
    func.func @f(%x: tensor<300x200xf32>) -> tensor<f32> {
      %y = colossal.generic "norm" [i = 300 of 599 {data(2) * 300} : sum, j = 200 : sum] (%x : [i, j]) -> ([]) {
        ^bb0(%0: f32):
          %1 = arith.mulf %0, %0 : f32
          colossal.yield %1 : f32
      } : (tensor<300x200xf32>) -> tensor<f32>
      return %y : tensor<f32>
    })",
                            conditions);
  EXPECT_EQ(outcome.kinds, (Kinds{"kernel", "kernel"}));
}

//===----------------------------------------------------------------------===//
// One-hot forms
//===----------------------------------------------------------------------===//

static const char *kEmbedding = R"(
    func.func @f(%id: tensor<3x7xi64>, %w: tensor<VxLxf32>, %dy: tensor<3x7xLxf32>) -> (tensor<3x7xLxf32>, tensor<VxLxf32>) {
      %y = colossal.generic "gather" [b = 3, s = 7, d = L, v = F : sum] (%id : [b, s], %w : [v, d]) -> ([b, s, d]) {
        ^bb0(%0: i64, %1: f32):
          %3 = colossal.where %1 [v == %0 : i64] : f32
          colossal.yield %3 : f32
      } : (tensor<3x7xi64>, tensor<VxLxf32>) -> tensor<3x7xLxf32>
      %dw = colossal.generic "scatter" [v = F, d = L, b = 3 : sum, s = 7 : sum] (%id : [b, s], %dy : [b, s, d]) -> ([v, d]) {
        ^bb0(%0: i64, %1: f32):
          %3 = colossal.where %1 [v == %0 : i64] : f32
          colossal.yield %3 : f32
      } : (tensor<3x7xi64>, tensor<3x7xLxf32>) -> tensor<VxLxf32>
      return %y, %dw : tensor<3x7xLxf32>, tensor<VxLxf32>
    })";

static std::string replaceAll(std::string text, const std::string &from,
                              const std::string &to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos;
       at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

static std::string embedding(const std::string &factor, int bound) {
  std::string text = replaceAll(kEmbedding, "= F", "= " + factor);
  text = replaceAll(text, "tensor<V", "tensor<" + std::to_string(bound));
  text = replaceAll(text, "xLx", "x40x");
  return replaceAll(text, "= L", "= 40");
}

TEST(OneHotKernels, Embedding) { compare(embedding("10", 10)); }

// The second of three shards of 10 rows: rows 4 to 7 are here.
TEST(OneHotKernels, VocabularyParallel) {
  Conditions setup;
  setup.place.coordinates = {{"tensor", 1}};
  setup.place.sizes = {{"tensor", 3}};
  setup.high = 11; // some ids exist nowhere
  compare(embedding("4 of 10 {tensor(3) * 4}", 4), setup);
  // The last shard: rows 8 and 9, and two rows of padding.
  setup.place.coordinates = {{"tensor", 2}};
  compare(embedding("4 of 10 {tensor(3) * 4}", 4), setup);
}

// Copies into another decomposition: places that equations determine, in both
// directions, whole and cut over an axis.
static std::string placements(const std::string &rows, int have,
                              const std::string &wide, int want) {
  std::string text = R"(
    func.func @f(%x: tensor<3xHx8xf32>, %w: tensor<7xHxf32>) -> (tensor<3xWx6xf32>, tensor<9xHxf32>, tensor<7xHxf32>) {
      %y = colossal.generic "regroup" [b = 3, i = F, j = 6, a = R : sum, c = 8 : sum] (%x : [b, a, c]) -> ([b, i, j]) {
        ^bb0(%0: f32):
          %1 = colossal.where %0 [8 * a + c == 6 * i + j] : f32
          colossal.yield %1 : f32
      } : (tensor<3xHx8xf32>) -> tensor<3xWx6xf32>
      %s = colossal.generic "window" [n = 9, m = R, k = 7 : sum] (%w : [k, m]) -> ([n, m]) {
        ^bb0(%0: f32):
          %1 = colossal.where %0 [k == n - 3] : f32
          colossal.yield %1 : f32
      } : (tensor<7xHxf32>) -> tensor<9xHxf32>
      %t = colossal.generic "steps" [n = 7, m = R, k = 7 : sum] (%w : [k, m]) -> ([n, m]) {
        ^bb0(%0: f32):
          %m = colossal.index "m"
          %two = arith.constant 2 : i64
          %1 = arith.cmpi sge, %m, %two : i64
          %2 = arith.mulf %0, %0 : f32
          %zero = arith.constant 0.0 : f32
          %3 = arith.select %1, %2, %zero : f32
          %4 = colossal.where %3 [2 * k + 1 == n] : f32
          colossal.yield %4 : f32
      } : (tensor<7xHxf32>) -> tensor<7xHxf32>
      return %y, %s, %t : tensor<3xWx6xf32>, tensor<9xHxf32>, tensor<7xHxf32>
    })";
  text = replaceAll(text, "i = F", "i = " + wide);
  text = replaceAll(text, "a = R", "a = " + rows);
  text = replaceAll(text, "m = R", "m = " + rows);
  text = replaceAll(text, "xHx", "x" + std::to_string(have) + "x");
  return replaceAll(text, "xWx", "x" + std::to_string(want) + "x");
}

TEST(OneHotKernels, Placements) {
  compare(placements("12", 12, "16", 16));
  Conditions setup;
  for (int64_t part : {0, 1, 2}) { // the last one ends in padding
    setup.place.coordinates = {{"tensor", part}};
    setup.place.sizes = {{"tensor", 3}};
    compare(placements("5 of 12 {tensor(3) * 5}", 5, "16", 16), setup);
    compare(placements("12", 12, "6 of 16 {tensor(3) * 6}", 6), setup);
  }
}

// The value of a row and that of the row which an id names are two values.
TEST(OneHotKernels, OtherRows) {
  for (const char *order : {"[v, i]", "[i, v]"})
    compare(R"(
      func.func @f(%id: tensor<7xi64>, %a: tensor<7xf32>) -> tensor<7x7xf32> {
        %p = colossal.generic "p" [v = 7] (%a : [v]) -> ([v]) {
          ^bb0(%0: f32):
            %1 = math.exp %0 : f32
            colossal.yield %1 : f32
        } : (tensor<7xf32>) -> tensor<7xf32>
        %g = colossal.generic "g" [i = 7, v = 7 : sum] (%id : [i], %p : [v]) -> ([i]) {
          ^bb0(%0: i64, %1: f32):
            %2 = colossal.where %1 [v == %0 : i64] : f32
            colossal.yield %2 : f32
        } : (tensor<7xi64>, tensor<7xf32>) -> tensor<7xf32>
        %y = colossal.generic "y" [v = 7, i = 7] (%p : [v], %g : [i]) -> ()" +
            std::string(order) + R"() {
          ^bb0(%0: f32, %1: f32):
            %2 = arith.subf %0, %1 : f32
            colossal.yield %2 : f32
        } : (tensor<7xf32>, tensor<7xf32>) -> tensor<7x7xf32>
        return %y : tensor<7x7xf32>
      })");
}

// A tied weight: the gradient of the embedding is added to that of the head, in
// its place if it may.
TEST(OneHotKernels, ScatterOnto) {
  Outcome outcome = compare(R"(
    func.func @f(%id: tensor<3x7xi64>, %g: tensor<10x40xf32>, %dy: tensor<3x7x40xf32>) -> tensor<10x40xf32> {
      %dw = colossal.generic "scatter" [v = 10, d = 40, b = 3 : sum, s = 7 : sum] (%id : [b, s], %dy : [b, s, d]) -> ([v, d]) {
        ^bb0(%0: i64, %1: f32):
          %3 = colossal.where %1 [v == %0 : i64] : f32
          colossal.yield %3 : f32
      } : (tensor<3x7xi64>, tensor<3x7x40xf32>) -> tensor<10x40xf32>
      %s = colossal.generic "sum" [v = 10, d = 40] (%g : [v, d], %dw : [v, d]) -> ([v, d]) {
        ^bb0(%0: f32, %1: f32):
          %2 = arith.addf %0, %1 : f32
          colossal.yield %2 : f32
      } : (tensor<10x40xf32>, tensor<10x40xf32>) -> tensor<10x40xf32>
      return %s : tensor<10x40xf32>
    })");
  EXPECT_EQ(outcome.kinds, Kinds{"kernel"});
}

//===----------------------------------------------------------------------===//
// Indices, masks, padding
//===----------------------------------------------------------------------===//

// Softmax over a cut and padded dimension: padding is no part of the maximum or
// the sum, and zero in the result.
TEST(Masks, PaddedSoftmax) {
  Conditions setup;
  setup.place.sizes = {{"tensor", 3}};
  for (int64_t coordinate : {0, 2}) {
    setup.place.coordinates = {{"tensor", coordinate}};
    compare(R"(
    func.func @softmax(%x: tensor<9x45xf32>) -> (tensor<9x45xf32>, tensor<9xf32>) {
      %m = colossal.generic "max" [i = 9, k = 45 of 131 {tensor(3) * 45} : max] (%x : [i, k]) -> ([i]) {
        ^bb0(%0: f32):
          colossal.yield %0 : f32
      } : (tensor<9x45xf32>) -> tensor<9xf32>
      %s = colossal.generic "sum" [i = 9, k = 45 of 131 {tensor(3) * 45} : sum] (%x : [i, k], %m : [i]) -> ([i]) {
        ^bb0(%0: f32, %1: f32):
          %2 = arith.subf %0, %1 : f32
          %3 = math.exp %2 : f32
          colossal.yield %3 : f32
      } : (tensor<9x45xf32>, tensor<9xf32>) -> tensor<9xf32>
      %y = colossal.generic "div" [i = 9, k = 45 of 131 {tensor(3) * 45}] (%x : [i, k], %m : [i], %s : [i]) -> ([i, k]) {
        ^bb0(%0: f32, %1: f32, %2: f32):
          %3 = arith.subf %0, %1 : f32
          %4 = math.exp %3 : f32
          %5 = arith.divf %4, %2 : f32
          colossal.yield %5 : f32
      } : (tensor<9x45xf32>, tensor<9xf32>, tensor<9xf32>) -> tensor<9x45xf32>
      return %y, %m : tensor<9x45xf32>, tensor<9xf32>
    })",
            setup);
  }
}

// Rows are cut: the causal predicate uses global indices.
TEST(Masks, CausalWithOffset) {
  Conditions setup;
  setup.place.sizes = {{"data", 2}};
  setup.place.coordinates = {{"data", 1}};
  compare(R"(
    func.func @f(%x: tensor<8x20xf32>) -> tensor<8x20xf32> {
      %m = colossal.generic "mask" [q = 8 of 15 {data(2) * 8}, k = 20] () -> ([q, k]) {
          %q = colossal.index "q"
          %k = colossal.index "k"
          %0 = arith.cmpi sle, %k, %q : i64
          colossal.yield %0 : i1
      } : () -> tensor<8x20xi1>
      %y = colossal.generic "masked" [q = 8 of 15 {data(2) * 8}, k = 20] (%x : [q, k], %m : [q, k]) -> ([q, k]) {
        ^bb0(%0: f32, %1: i1):
          %low = arith.constant 0xFF800000 : f32
          %2 = arith.select %1, %0, %low : f32
          colossal.yield %2 : f32
      } : (tensor<8x20xf32>, tensor<8x20xi1>) -> tensor<8x20xf32>
      return %y : tensor<8x20xf32>
    })",
          setup);
}

// Labels shifted by one; what is outside the tensor reads zero.
TEST(Masks, Shift) {
  compare(R"(
    func.func @shift(%l: tensor<5x18xi64>) -> (tensor<5x18xi64>, tensor<5x18xi1>) {
      %s = colossal.generic "shift" [b = 5, s = 18] (%l : [b, s + 1 of 18]) -> ([b, s]) {
        ^bb0(%0: i64):
          %i = colossal.index "s"
          %last = arith.constant 17 : i64
          %ignored = arith.constant -100 : i64
          %in = arith.cmpi slt, %i, %last : i64
          %1 = arith.select %in, %0, %ignored : i64
          colossal.yield %1 : i64
      } : (tensor<5x18xi64>) -> tensor<5x18xi64>
      %c = colossal.generic "counts" [b = 5, s = 18] (%s : [b, s]) -> ([b, s]) {
        ^bb0(%0: i64):
          %ignored = arith.constant -100 : i64
          %1 = arith.cmpi ne, %0, %ignored : i64
          colossal.yield %1 : i1
      } : (tensor<5x18xi64>) -> tensor<5x18xi1>
      return %s, %c : tensor<5x18xi64>, tensor<5x18xi1>
    })");
}

TEST(Masks, ShardSliceAndMask) {
  for (int64_t coordinate : {0, 2}) {
    Conditions setup;
    setup.place.sizes = {{"tensor", 3}};
    setup.place.coordinates = {{"tensor", coordinate}};
    compare(R"(
    module attributes {colossal.mesh = #colossal.mesh<tensor = 3>} {
    func.func @f(%x: tensor<4x25x8xf32>) -> (tensor<4x9x8xf32>, tensor<4x25x8xf32>) {
      %y = colossal.shard_slice "slice" %x over ["tensor"] outer 4 extent 25 innermost 8 : tensor<4x25x8xf32> -> tensor<4x9x8xf32>
      %z = colossal.shard_mask "mask" %x over ["tensor"] : tensor<4x25x8xf32> -> tensor<4x25x8xf32>
      return %y, %z : tensor<4x9x8xf32>, tensor<4x25x8xf32>
    } })",
            setup);
  }
}
