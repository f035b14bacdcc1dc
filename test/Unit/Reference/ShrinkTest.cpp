//===- ShrinkTest.cpp - Smaller sizes of the same kind --------------------===//

#include "colossal/Reference/Shrink.h"
#include "gtest/gtest.h"

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
