//===- RegroupTest.cpp - Reshapes as cuts of sub-dimensions ---------------===//

#include "Shapes.h"
#include <gtest/gtest.h>

using namespace mlir;
using namespace colossal::normalize;

namespace {

Dims dims(std::initializer_list<std::initializer_list<int64_t>> sizes) {
  Dims result;
  for (const auto &dim : sizes) {
    Dim &subs = result.emplace_back();
    for (int64_t size : dim)
      subs.push_back({"x", size});
  }
  return result;
}

SmallVector<SmallVector<int64_t>> sizesOf(const Dims &dims) {
  SmallVector<SmallVector<int64_t>> sizes;
  for (const Dim &dim : dims) {
    auto &list = sizes.emplace_back();
    for (const SubDim &sub : dim)
      list.push_back(sub.size);
  }
  return sizes;
}

using Sizes = SmallVector<SmallVector<int64_t>>;

TEST(Regroup, CutsWhatOneSideDivides) {
  Dims finer, to;
  ASSERT_TRUE(
      succeeded(regroup(dims({{32}, {144}}), {2, 16, 3, 48}, finer, to)));
  EXPECT_EQ(sizesOf(finer), (Sizes{{2, 16}, {3, 48}}));
  EXPECT_EQ(sizesOf(to), (Sizes{{2}, {16}, {3}, {48}}));
}

TEST(Regroup, FindsMergedSubDimensionsAgain) {
  Dims finer, to;
  ASSERT_TRUE(
      succeeded(regroup(dims({{2, 16}, {144}}), {2, 16, 144}, finer, to)));
  EXPECT_EQ(sizesOf(to), (Sizes{{2}, {16}, {144}}));
  EXPECT_EQ(sizesOf(finer), (Sizes{{2, 16}, {144}}));
}

TEST(Regroup, CutsAcrossABoundary) {
  // 4 x 6 as 8 x 3: the 6 is cut into 2 and 3.
  Dims finer, to;
  ASSERT_TRUE(succeeded(regroup(dims({{4}, {6}}), {8, 3}, finer, to)));
  EXPECT_EQ(sizesOf(finer), (Sizes{{4}, {2, 3}}));
  EXPECT_EQ(sizesOf(to), (Sizes{{4, 2}, {3}}));
}

TEST(Regroup, LeavesOnesEmpty) {
  Dims finer, to;
  ASSERT_TRUE(succeeded(regroup(dims({{}, {6}}), {6, 1, 1}, finer, to)));
  EXPECT_EQ(sizesOf(to), (Sizes{{6}, {}, {}}));
}

TEST(Regroup, RefusesCutsThatDoNotDivide) {
  Dims finer, to;
  EXPECT_TRUE(failed(regroup(dims({{2}, {3}}), {3, 2}, finer, to)));
  EXPECT_TRUE(failed(regroup(dims({{2, 3}}), {3, 2}, finer, to)));
  // Undivided, the same dimension can be cut either way.
  EXPECT_TRUE(succeeded(regroup(dims({{6}}), {3, 2}, finer, to)));
}

TEST(Regroup, EverySplitOfASmallShapeKeepsTheElements) {
  for (int64_t a = 1; a <= 6; ++a)
    for (int64_t b = 1; b <= 6; ++b)
      for (int64_t c = 1; c <= a * b; ++c) {
        if ((a * b) % c != 0)
          continue;
        Dims finer, to, from = dims({{a}, {b}});
        for (Dim &dim : from)
          if (dim[0].size == 1)
            dim.clear();
        if (failed(regroup(from, {c, a * b / c}, finer, to)))
          continue;
        EXPECT_EQ(sizeOf(finer[0]), a);
        EXPECT_EQ(sizeOf(finer[1]), b);
        EXPECT_EQ(sizeOf(to[0]), c);
        EXPECT_EQ(sizeOf(to[1]), a * b / c);
        // Both are the same sequence.
        SmallVector<int64_t> left, right;
        for (const Dim &dim : finer)
          for (const SubDim &sub : dim)
            left.push_back(sub.size);
        for (const Dim &dim : to)
          for (const SubDim &sub : dim)
            right.push_back(sub.size);
        EXPECT_EQ(left, right);
      }
}

} // namespace
