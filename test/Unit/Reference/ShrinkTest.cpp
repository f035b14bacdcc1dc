//===- ShrinkTest.cpp - Smaller sizes of the same kind --------------------===//

#include "colossal/Reference/Shrink.h"
#include "Programs.h"
#include "mlir/IR/Verifier.h"

using namespace colossal::reference;

/// Elements of the last of `parts` parts; 0 or less: it is empty.
static int64_t lastPart(int64_t size, int64_t parts) {
  int64_t bound = (size + parts - 1) / parts;
  return size - (parts - 1) * bound;
}

TEST(Shrink, KeepsDivisibilityAndPadding) {
  for (int64_t parts = 1; parts <= 16; ++parts)
    for (int64_t size = 1; size <= 700; ++size) {
      int64_t smaller = shrunkSize(size, parts);
      EXPECT_LE(smaller, size);
      EXPECT_GE(smaller, std::min<int64_t>(size, 4));
      EXPECT_EQ(smaller % parts, size % parts);
      EXPECT_EQ(lastPart(smaller, parts) > 0, lastPart(size, parts) > 0)
          << size << " over " << parts << " became " << smaller;
      EXPECT_LE(smaller, std::max<int64_t>(parts * parts, 2 * (parts + 4)));
    }
  EXPECT_EQ(shrunkSize(50257, 4), 13);
  EXPECT_EQ(shrunkSize(768, 4), 4);
  EXPECT_EQ(shrunkSize(1024, 1), 4);
  EXPECT_EQ(shrunkSize(1, 1), 1);
}

TEST(Shrink, KeepsThePositionsOfPools) {
  auto module =
      parse(R"(func.func @f(%x: tensor<20x12xf32>) -> tensor<20x6xf32> {
    %y = colossal.generic "y" [b = 20, x = 12] (%x : [b, x]) -> ([b, x]) {
    ^bb0(%0: f32):
      colossal.yield %0 : f32
    } : (tensor<20x12xf32>) -> tensor<20x12xf32>
    %m = colossal.max_pool "m" [b = 20, x = 12 : max, y = 6] (%y : [b, x]) -> ([b, y]) attributes {dilation = array<i64: 1>, input = array<i64: 12>, kernel = array<i64: 2>, output = array<i64: 6>, padding = array<i64: 0>, stride = array<i64: 2>} : (tensor<20x12xf32>) -> tensor<20x6xf32>
    return %m : tensor<20x6xf32>
  })");
  ASSERT_TRUE(module);
  auto changes = shrink(functionOf(*module), Mesh());
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_EQ(changes[0], std::make_pair(int64_t(20), int64_t(4)));
  EXPECT_TRUE(mlir::succeeded(mlir::verify(*module)));
}
