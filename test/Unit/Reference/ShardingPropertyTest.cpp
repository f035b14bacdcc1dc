//===- ShardingPropertyTest.cpp - Sharded ops equal unsharded ones --------===//
//
// Random ops, random legal shardings (uneven sizes, factors of size 1, two
// axes on one factor, axes on reductions, partial operands), and planted
// faults that must be noticed.
//
//===----------------------------------------------------------------------===//

#include "Colossal/IR/Linearity.h"
#include "RandomOps.h"
#include "ShardedOps.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::reference;

static void expectEqual(const std::string &text, Random &random) {
  auto module = parse(text);
  ASSERT_TRUE(module);
  func::FuncOp function = functionOf(*module);
  Tensors arguments = randomArguments(function, random, -1, 6);
  for (ArrayRef<unsigned> set : opOf(function).getLinearOperandSets())
    EXPECT_TRUE(isLinearIn(opOf(function), set)) << text;
  Assignment assignment = randomAssignment(opOf(function), random);
  EXPECT_EQ(compareSharded(function, assignment, arguments, Fault::None,
                           random.next()),
            "")
      << assignment.describe(opOf(function));
}

TEST(ShardingProperty, Generics) {
  Random random(31);
  for (int i = 0; i < 400 && !HasFailure(); ++i)
    expectEqual(randomGeneric(random, false), random);
}

TEST(ShardingProperty, LinearGenerics) {
  Random random(32);
  for (int i = 0; i < 200 && !HasFailure(); ++i)
    expectEqual(randomLinear(random), random);
}

TEST(ShardingProperty, Attention) {
  Random random(33);
  for (int i = 0; i < 100 && !HasFailure(); ++i)
    expectEqual(randomAttention(random, false), random);
}

TEST(ShardingProperty, AttentionBackward) {
  Random random(34);
  for (int i = 0; i < 100 && !HasFailure(); ++i)
    expectEqual(randomAttention(random, true), random);
}

TEST(ShardingProperty, Convolution) {
  Random random(35);
  for (int i = 0; i < 240 && !HasFailure(); ++i)
    expectEqual(randomConvolution(random, i % 3), random);
}

TEST(ShardingProperty, Pools) {
  Random random(36);
  for (int i = 0; i < 240 && !HasFailure(); ++i)
    expectEqual(randomPool(random, i % 2, i / 2 % 2), random);
}

/// Whether no two elements are equal.
static bool isDistinct(const Tensor &tensor) {
  std::vector<double> sorted = tensor.floats;
  llvm::sort(sorted);
  return std::adjacent_find(sorted.begin(), sorted.end()) == sorted.end();
}

/// Every fault that changes the program is noticed.
static void expectNoticed(Fault fault, uint64_t seed) {
  Random random(seed);
  int planted = 0;
  for (int i = 0; i < 3000 && planted < 50; ++i) {
    auto module = parse(randomGeneric(random, true));
    ASSERT_TRUE(module);
    func::FuncOp function = functionOf(*module);
    FactoredOp op = opOf(function);
    Assignment assignment = randomAssignment(op, random);
    for (auto &linear : assignment.linear)
      linear.clear();
    if (!applies(op, assignment, fault))
      continue;
    Tensors arguments = randomArguments(function, random, -1, 6);
    // A result that is the same along a factor hides where its parts are.
    if (fault == Fault::SwappedAxes && !isDistinct(*run(*module, arguments)[0]))
      continue;
    ++planted;
    ASSERT_EQ(compareSharded(function, assignment, arguments), "")
        << assignment.describe(op);
    EXPECT_NE(compareSharded(function, assignment, arguments, fault), "")
        << assignment.describe(op);
  }
  EXPECT_EQ(planted, 50);
}

TEST(ShardingProperty, WrongCombinerIsNoticed) {
  expectNoticed(Fault::WrongCombiner, 41);
}
TEST(ShardingProperty, MissingMaskIsNoticed) {
  expectNoticed(Fault::MissingMask, 42);
}
TEST(ShardingProperty, SwappedAxesAreNoticed) {
  expectNoticed(Fault::SwappedAxes, 43);
}
TEST(ShardingProperty, MissingReduceIsNoticed) {
  expectNoticed(Fault::MissingReduce, 44);
}
