//===- ShardingPropertyTest.cpp - Sharded ops equal unsharded ones --------===//
//
// Random ops, random legal shardings (uneven sizes, factors of size 1, two
// axes on one factor, axes on reductions, partial operands), and planted
// faults that must be noticed.
//
//===----------------------------------------------------------------------===//

#include "Colossal/IR/Combiner.h"
#include "Colossal/IR/Linearity.h"
#include "RandomOps.h"
#include "ShardedOps.h"

#include <set>

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

namespace {
/// Ops that are drawn at random, so many from one seed.
struct Kind {
  const char *name;
  uint64_t seed;
  int count;
  std::string (*draw)(Random &random, int number);
};

const Kind kinds[] = {
    {"Generics", 31, 400,
     [](Random &random, int) { return randomGeneric(random, false); }},
    {"LinearGenerics", 32, 200,
     [](Random &random, int) { return randomLinear(random); }},
    {"Attention", 33, 100,
     [](Random &random, int) { return randomAttention(random, false); }},
    {"AttentionBackward", 34, 100,
     [](Random &random, int) { return randomAttention(random, true); }},
    {"Convolution", 35, 240,
     [](Random &random, int i) { return randomConvolution(random, i % 3); }},
    {"Pools", 36, 240,
     [](Random &random, int i) {
       return randomPool(random, i % 2, i / 2 % 2);
     }},
};

class ShardingPropertyOf : public testing::TestWithParam<Kind> {};
} // namespace

TEST_P(ShardingPropertyOf, RandomOps) {
  const Kind &kind = GetParam();
  Random random(kind.seed);
  for (int i = 0; i < kind.count && !HasFailure(); ++i)
    expectEqual(kind.draw(random, i), random);
}

INSTANTIATE_TEST_SUITE_P(ShardingProperty, ShardingPropertyOf,
                         testing::ValuesIn(kinds),
                         [](const testing::TestParamInfo<Kind> &info) {
                           return std::string(info.param.name);
                         });

// A new op, or a new combiner, that no kind draws fails here.
TEST(ShardingProperty, EveryRegisteredOpIsDrawn) {
  std::set<std::string> ops, combined;
  for (const Kind &kind : kinds) {
    Random random(kind.seed);
    for (int i = 0; i < kind.count; ++i) {
      auto module = parse(kind.draw(random, i));
      ASSERT_TRUE(module);
      FactoredOp op = opOf(functionOf(*module));
      ops.insert(op->getName().getStringRef().str());
      for (FactorAttr factor : op.getFactorList())
        combined.insert(stringifyFactorKind(factor.getKind()).str());
    }
  }
  unsigned registered = 0;
  for (RegisteredOperationName name : testContext().getRegisteredOperations())
    if (name.hasInterface<FactoredOp>()) {
      ++registered;
      EXPECT_TRUE(ops.count(name.getStringRef().str()))
          << name.getStringRef().str();
    }
  EXPECT_GE(registered, 2u);
  for (const CombinerFacts &facts : combiners)
    EXPECT_TRUE(combined.count(facts.name)) << facts.name;
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
