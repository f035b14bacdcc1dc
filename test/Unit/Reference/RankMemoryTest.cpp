//===- RankMemoryTest.cpp - The bytes of one rank -------------------------===//

#include "../../../lib/Reference/RankMemory.h"
#include "Programs.h"

using namespace colossal;
using namespace colossal::reference;
using rank::DType;

static TensorRef numbers(std::vector<double> values) {
  int64_t count = values.size();
  return reals({count}, std::move(values));
}

TEST(RankMemory, ValuesAreFoundWhereTheyWereWritten) {
  RankMemory memory(32);
  ASSERT_TRUE(memory.write(8, DType::F32, numbers({1, 2, 3}), "a"));
  EXPECT_FALSE(memory.compare(8, DType::F32, numbers({1, 2, 3})));
  EXPECT_FALSE(memory.compare(12, DType::F32, numbers({2, 3})));
  EXPECT_EQ(memory.compare(8, DType::F32, numbers({1, 5, 3})), 1);
  EXPECT_EQ(memory.compare(4, DType::F32, numbers({0, 1})), 0);
  EXPECT_EQ(memory.compare(8, DType::F32, numbers({1, 2, 3, 0})), 3);
  EXPECT_EQ(memory.ownerOf(8, DType::F32, 2), "a");
  EXPECT_EQ(memory.ownerOf(8, DType::F32, 3), "nobody");
  EXPECT_FALSE(memory.write(28, DType::F32, numbers({1, 2}), "too long"));
  EXPECT_FALSE(memory.write(2, DType::F32, numbers({1}), "not aligned"));
}

TEST(RankMemory, OneValueMayBeOfTwoWriters) {
  RankMemory memory(32);
  ASSERT_TRUE(memory.write(0, DType::F32, numbers({1, 2, 3, 4}), "old"));
  ASSERT_TRUE(memory.write(4, DType::F32, numbers({7, 8}), "new"));
  EXPECT_FALSE(memory.compare(0, DType::F32, numbers({1, 7, 8, 4})));
  EXPECT_EQ(memory.compare(0, DType::F32, numbers({1, 2, 3, 4})), 1);
  EXPECT_EQ(memory.ownerOf(0, DType::F32, 3), "old");
  // The same value, moved by an element.
  TensorRef twice = numbers({5, 5, 5});
  ASSERT_TRUE(memory.write(0, DType::F32, twice, "same"));
  EXPECT_EQ(memory.compare(4, DType::F32, twice), 2);
}

TEST(RankMemory, AnElementHasOneWriter) {
  RankMemory memory(16);
  ASSERT_TRUE(memory.write(0, DType::F64, numbers({1, 2}), "long"));
  ASSERT_TRUE(memory.write(4, DType::F32, numbers({9}), "short"));
  EXPECT_EQ(memory.compare(0, DType::F64, numbers({1, 2})), 0);
  EXPECT_FALSE(memory.compare(8, DType::F64, numbers({2})));
  // Its half is no number of its own.
  EXPECT_EQ(memory.compare(8, DType::F32, numbers({2})), 0);
}

TEST(RankMemory, ZerosAreAddedTo) {
  RankMemory memory(16);
  EXPECT_FALSE(memory.add(0, DType::F32, numbers({1, 2}), "nothing there"));
  EXPECT_TRUE(memory.fill(0, rank::DType::F32, 2, 0.0, "zero"));
  EXPECT_FALSE(memory.compare(0, DType::F32, numbers({0, -0.0})));
  ASSERT_TRUE(memory.add(0, DType::F32, numbers({1, 2}), "first"));
  ASSERT_TRUE(memory.add(0, DType::F32, numbers({3, 4}), "second"));
  EXPECT_FALSE(memory.compare(0, DType::F32, numbers({4, 6})));
  EXPECT_FALSE(memory.add(4, DType::F32, numbers({1, 1}), "half there"));
}

TEST(RankMemory, CopiesOverlap) {
  RankMemory memory(32);
  ASSERT_TRUE(memory.write(0, DType::F32, numbers({1, 2, 3, 4}), "a"));
  memory.copy(4, 8, 12, "copy");
  EXPECT_FALSE(memory.compare(0, DType::F32, numbers({1, 2, 2, 3, 4})));
  EXPECT_EQ(memory.ownerOf(0, DType::F32, 1), "a");
  EXPECT_EQ(memory.ownerOf(0, DType::F32, 2), "copy");
}

TEST(RankMemory, ReadsWhatWasWrittenAsSuchElements) {
  RankMemory memory(32);
  EXPECT_TRUE(memory.fill(0, rank::DType::F32, 4, 1.5, "ones"));
  EXPECT_TRUE(memory.fill(16, rank::DType::I32, 2, 0.0, "zeros"));
  auto floats = memory.read(4, rank::DType::F32, 5);
  ASSERT_TRUE(floats);
  EXPECT_EQ(floats->floats, (std::vector<double>{1.5, 1.5, 1.5, 0.0, 0.0}));
  EXPECT_FALSE(memory.read(0, rank::DType::I32, 1));  // floats
  EXPECT_FALSE(memory.read(2, rank::DType::BF16, 1)); // half of one
  EXPECT_FALSE(memory.read(24, rank::DType::F32, 1)); // nobody wrote it
  EXPECT_FALSE(memory.read(24, rank::DType::F32, 3)); // outside
  EXPECT_FALSE(memory.fill(28, rank::DType::F64, 1, 1.0, "outside"));
  EXPECT_FALSE(memory.copy(0, 28, 8, "outside"));
}
