//===- RandomInputsTest.cpp - Batches that mean something -----------------===//

#include "colossal/Reference/RandomInputs.h"
#include "Colossal/Analysis/IntegerUse.h"
#include "Programs.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::reference;

/// Ids go into a gather of 11 rows; labels are shifted, then picked from 13
/// columns, and -100 is ignored; the mask is compared with nothing.
static const char *const kProgram = R"(
func.func @f(%ids: tensor<64xi64> {colossal.role = #colossal.role<batch>, colossal.name = "ids"},
             %labels: tensor<64xi64> {colossal.role = #colossal.role<batch>, colossal.name = "labels"},
             %mask: tensor<64xi64> {colossal.role = #colossal.role<batch>, colossal.name = "mask"},
             %w: tensor<11xf32> {colossal.role = #colossal.role<parameter>, colossal.name = "w"},
             %v: tensor<11xf32> {colossal.role = #colossal.role<optimizer>, colossal.name = "w#exp_avg_sq"},
             %clip: tensor<f64> {colossal.role = #colossal.role<control>, colossal.name = "clip", colossal.source = {fill = 0.5 : f64}})
    -> (tensor<64xf32>, tensor<64xf32>) {
  %x = colossal.generic "gather" [i = 64, v = 11 : sum] (%ids : [i], %w : [v], %mask : [i]) -> ([i]) {
    ^bb0(%id: i64, %0: f32, %m: i64):
      %1 = colossal.where %0 [v == %id : i64] : f32
      colossal.yield %1 : f32
  } : (tensor<64xi64>, tensor<11xf32>, tensor<64xi64>) -> tensor<64xf32>
  %shifted = colossal.generic "shift" [s = 64] (%labels : [s + 1 of 64]) -> ([s]) {
    ^bb0(%0: i64):
      %i = colossal.index "s"
      %last = arith.constant 63 : i64
      %ignored = arith.constant -100 : i64
      %in = arith.cmpi slt, %i, %last : i64
      %1 = arith.select %in, %0, %ignored : i64
      colossal.yield %1 : i64
  } : (tensor<64xi64>) -> tensor<64xi64>
  %p = colossal.generic "pick" [s = 64, n = 13 : sum] (%shifted : [s], %x : [s]) -> ([s]) {
    ^bb0(%id: i64, %0: f32):
      %zero = arith.constant 0.0 : f32
      %ignored = arith.constant -100 : i64
      %kept = arith.cmpi ne, %id, %ignored : i64
      %1 = arith.select %kept, %0, %zero : f32
      %2 = colossal.where %1 [n == %id : i64] : f32
      colossal.yield %2 : f32
  } : (tensor<64xi64>, tensor<64xf32>) -> tensor<64xf32>
  return %x, %p : tensor<64xf32>, tensor<64xf32>
})";

TEST(RandomInputs, IntegersStayInRange) {
  auto module = parse(kProgram);
  func::FuncOp function = functionOf(*module);
  IntegerUse ids = analyzeIntegerUse(function.getArgument(0));
  EXPECT_EQ(ids.extent, 11);
  EXPECT_EQ(ids.required, 11);
  EXPECT_FALSE(ids.ignored());
  IntegerUse labels = analyzeIntegerUse(function.getArgument(1));
  EXPECT_EQ(labels.extent, 13);
  EXPECT_EQ(labels.required, 13);
  EXPECT_EQ(labels.ignored(), -100);
  NamedTensors values = randomInputs(function, 5);
  int64_t ignored = 0, largest = 0;
  for (int64_t label : values["labels"]->integers) {
    ignored += label == -100;
    largest = std::max(largest, label);
    EXPECT_TRUE(label == -100 || (label >= 0 && label < 13)) << label;
  }
  EXPECT_GT(ignored, 0);
  EXPECT_GT(largest, 1);
  for (int64_t id : values["ids"]->integers)
    EXPECT_TRUE(id >= 0 && id < 11) << id;
  for (int64_t bit : values["mask"]->integers)
    EXPECT_TRUE(bit == 0 || bit == 1) << bit;
}

/// A body over one id `%id` and a row `%x` of 9, which yields `%s`.
static IntegerUse useIn(const std::string &body) {
  auto module = parse(R"(
func.func @f(%ids: tensor<6xi64>, %w: tensor<9xf32>) -> tensor<6xf32> {
  %r = colossal.generic "f" [i = 6, v = 9 : sum] (%ids : [i], %w : [v]) -> ([i]) {
    ^bb0(%id: i64, %x: f32):
      %v = colossal.index "v"
      %zero = arith.constant 0.0 : f32
      %c0 = arith.constant 0 : i64
      %c3 = arith.constant 3 : i64
      %c9 = arith.constant 9 : i64
      %c255 = arith.constant 255 : i64
)" + body + R"(
      colossal.yield %s : f32
  } : (tensor<6xi64>, tensor<9xf32>) -> tensor<6xf32>
  return %r : tensor<6xf32>
})");
  return analyzeIntegerUse(functionOf(*module).getArgument(0));
}

TEST(IntegerUse, ALookUpNeedsItsRange) {
  IntegerUse plain = useIn("%s = colossal.where %x [v == %id : i64] : f32");
  EXPECT_EQ(plain.required, 9);
  EXPECT_FALSE(plain.fromEnd);
  EXPECT_EQ(plain.lookup, "f");
  // A row of a part.
  EXPECT_EQ(useIn("%s = colossal.where %x [v == %id : i64 - 2] : f32").required,
            11);
  // From the end.
  IntegerUse wrapped = useIn(R"(
      %negative = arith.cmpi slt, %id, %c0 : i64
      %sum = arith.addi %id, %c9 : i64
      %row = arith.select %negative, %sum, %id : i64
      %s = colossal.where %x [v == %row : i64] : f32)");
  EXPECT_EQ(wrapped.required, 9);
  EXPECT_TRUE(wrapped.fromEnd);
  // A mark of ignored positions need not be negative; one inside is none.
  IntegerUse marked = useIn(R"(
      %inside = arith.cmpi eq, %id, %c3 : i64
      %mark = arith.cmpi eq, %id, %c255 : i64
      %row = arith.select %mark, %c0, %id : i64
      %s = colossal.where %x [v == %row : i64] : f32)");
  EXPECT_EQ(marked.required, 9);
  EXPECT_EQ(marked.ignored(), 255);
}

TEST(IntegerUse, WhatIsReplacedOrAskedNeedsNone) {
  // Replaced where it is negative: negative ids are for the model to judge.
  IntegerUse replaced = useIn(R"(
      %negative = arith.cmpi slt, %id, %c0 : i64
      %row = arith.select %negative, %c0, %id : i64
      %s = colossal.where %x [v == %row : i64] : f32)");
  EXPECT_EQ(replaced.extent, 9);
  EXPECT_FALSE(replaced.required);
  // Less than an index, clamped, shifted: no look-up is known.
  for (const char *body : {"%hit = arith.cmpi slt, %v, %id : i64\n"
                           "%s = arith.select %hit, %x, %zero : f32",
                           "%low = arith.maxsi %id, %c0 : i64\n"
                           "%s = colossal.where %x [v == %low : i64] : f32",
                           "%other = arith.addi %id, %c3 : i64\n"
                           "%s = colossal.where %x [v == %other : i64] : f32",
                           // The model's own comparison.
                           "%hit = arith.cmpi eq, %id, %v : i64\n"
                           "%s = arith.select %hit, %x, %zero : f32"})
    EXPECT_FALSE(useIn(body).required) << body;
}

TEST(RandomInputs, ByRoleAndSeed) {
  auto module = parse(kProgram);
  func::FuncOp function = functionOf(*module);
  NamedTensors first = randomInputs(function, 5);
  NamedTensors again = randomInputs(function, 5);
  NamedTensors other = randomInputs(function, 6);
  EXPECT_EQ(first["w"]->floats, again["w"]->floats);
  EXPECT_NE(first["w"]->floats, other["w"]->floats);
  EXPECT_EQ(first["clip"]->floats[0], 0.5);
  // A square root of it is taken.
  for (double value : first["w#exp_avg_sq"]->floats)
    EXPECT_GE(value, 0.0);
}
