//===- TupleKernelsTest.cpp - Kernels of every tuple combiner -------------===//
//
// The interpreter's tuples are tested against what they stand for; here the
// loops of kernels against the interpreter: short rows, rows in lanes with and
// without a rest, columns, everything, and beside other ops of a row.
//
//===----------------------------------------------------------------------===//

#include "Harness.h"
#include "colossal/Support/Combiner.h"

using namespace colossal;
using namespace colossal::lower::test;

namespace {
/// What a combiner yields of an operand %0 of `type`, and the types of it.
struct TupleText {
  std::string body;
  std::vector<std::string> types;
};
TupleText textOf(Combiner combiner, const std::string &type) {
  if (combiner == Combiner::MaxSumExp)
    return {"%1 = arith.constant 1.0 : " + type +
                "\n colossal.yield %0, %1 : " + type + ", " + type,
            {type, type}};
  if (combiner == Combiner::Welford)
    return {"%1 = arith.constant 1 : i64\n %2 = arith.constant 0.0 : " + type +
                "\n colossal.yield %1, %0, %2 : i64, " + type + ", " + type,
            {"i64", type, type}};
  // The place in the whole tensor: i and k are there in every function.
  return {"%1 = colossal.index \"i\"\n %2 = colossal.index \"k\"\n"
          " %3 = arith.constant 1000 : i64\n %4 = arith.muli %1, %3 : i64\n"
          " %5 = arith.addi %4, %2 : i64\n colossal.yield %0, %5 : " +
              type + ", i64",
          {type, "i64"}};
}

/// A function that reduces a matrix along rows (kept: i), along columns (kept:
/// k), or whole.
std::string functionOf(const CombinerFacts &facts, const std::string &type,
                       int64_t rows, int64_t columns, const std::string &kept) {
  TupleText text = textOf(facts.combiner, type);
  std::string i = std::to_string(rows), k = std::to_string(columns);
  std::string in = "tensor<" + i + "x" + k + "x" + type + ">";
  std::string outs, maps, names;
  for (size_t j = 0; j < text.types.size(); ++j) {
    std::string separator = j ? ", " : "";
    outs += separator + "tensor<" +
            (kept == "i"   ? i + "x"
             : kept == "k" ? k + "x"
                           : "") +
            text.types[j] + ">";
    maps += separator + "[" + kept + "]";
    names += separator + "%y#" + std::to_string(j);
  }
  std::string kind = std::string(" : ") + facts.name;
  return "func.func @" + std::string(facts.name) + "_" + i + "_" + k + "_" +
         (kept.empty() ? "all" : kept) + "(%x: " + in + ") -> (" + outs +
         ") {\n %y:" + std::to_string(text.types.size()) +
         " = colossal.generic \"r\" [i = " + i + (kept == "i" ? "" : kind) +
         ", k = " + k + (kept == "k" ? "" : kind) + "] (%x : [i, k]) -> (" +
         maps + ") {\n ^bb0(%0: " + type + "):\n " + text.body + "\n } : (" +
         in + ") -> (" + outs + ")\n return " + names + " : " + outs + "\n}\n";
}
} // namespace

TEST(TupleKernels, AreTheInterpreters) {
  for (std::string type : {"f32", "f64", "i64", "i32"})
    for (const CombinerFacts &facts : combiners) {
      bool ofFloats = facts.components[0] != Component::Number;
      if (!facts.isTuple() || (ofFloats && type[0] != 'f'))
        continue;
      std::string program;
      for (int64_t size : {1, 7, 33, 130, 300})
        for (std::string kept : {"i", "k"})
          program += functionOf(facts, type, 8, size, kept);
      program += functionOf(facts, type, 8, 37, "");
      program += functionOf(facts, type, 300, 40, "k");
      // Split into rows, so that the threads have work.
      program += functionOf(facts, type, 64, 900, "");
      Conditions setup;
      setup.low = -6;
      setup.high = 6;
      setup.tolerance = type == "f64" ? 1e-12 : 2e-5;
      setup.special = facts.combiner != Combiner::Welford;
      SCOPED_TRACE(type);
      compare(program, setup);
    }
}

// Of 93 elements the second rank has 43, and 7 of padding.
TEST(TupleKernels, LeavePaddingOut) {
  Conditions setup;
  setup.place.coordinates["a"] = 1;
  compare(R"(
func.func @f(%x: tensor<50x3xf32>) -> (tensor<3xf32>, tensor<3xi64>) {
  %v, %p = colossal.generic "r" [i = 50 of 93 {a(2) * 50} : argmin, k = 3] (%x : [i, k]) -> ([k], [k]) {
  ^bb0(%0: f32):
    %1 = colossal.index "i"
    colossal.yield %0, %1 : f32, i64
  } : (tensor<50x3xf32>) -> (tensor<3xf32>, tensor<3xi64>)
  return %v, %p : tensor<3xf32>, tensor<3xi64>
}
func.func @g(%x: tensor<3x50xf32>) -> (tensor<3xi64>, tensor<3xf32>, tensor<3xf32>) {
  %n, %m, %s = colossal.generic "r" [i = 3, k = 50 of 93 {a(2) * 50} : welford] (%x : [i, k]) -> ([i], [i], [i]) {
  ^bb0(%0: f32):
    %1 = arith.constant 1 : i64
    %2 = arith.constant 0.0 : f32
    colossal.yield %1, %0, %2 : i64, f32, f32
  } : (tensor<3x50xf32>) -> (tensor<3xi64>, tensor<3xf32>, tensor<3xf32>)
  return %n, %m, %s : tensor<3xi64>, tensor<3xf32>, tensor<3xf32>
}
)",
          setup);
}

// One row: the tuple, a sum, what uses both, and what only passes by.
TEST(TupleKernels, ShareARow) {
  Outcome outcome = compare(R"(
func.func @f(%x: tensor<6x200xf32>) -> (tensor<6x200xf32>, tensor<6xi64>, tensor<6x200xf32>) {
  %m, %s = colossal.generic "pair" [i = 6, k = 200 : max_sum_exp] (%x : [i, k]) -> ([i], [i]) {
  ^bb0(%0: f32):
    %1 = arith.constant 1.0 : f32
    colossal.yield %0, %1 : f32, f32
  } : (tensor<6x200xf32>) -> (tensor<6xf32>, tensor<6xf32>)
  %v, %p = colossal.generic "top" [i = 6, k = 200 : argmax] (%x : [i, k]) -> ([i], [i]) {
  ^bb0(%0: f32):
    %1 = colossal.index "k"
    colossal.yield %0, %1 : f32, i64
  } : (tensor<6x200xf32>) -> (tensor<6xf32>, tensor<6xi64>)
  %y = colossal.generic "softmax" [i = 6, k = 200] (%x : [i, k], %m : [i], %s : [i]) -> ([i, k]) {
  ^bb0(%0: f32, %1: f32, %2: f32):
    %3 = arith.subf %0, %1 : f32
    %4 = math.exp %3 : f32
    %5 = arith.divf %4, %2 : f32
    colossal.yield %5 : f32
  } : (tensor<6x200xf32>, tensor<6xf32>, tensor<6xf32>) -> tensor<6x200xf32>
  %z = colossal.generic "double" [i = 6, k = 200] (%x : [i, k]) -> ([i, k]) {
  ^bb0(%0: f32):
    %1 = arith.addf %0, %0 : f32
    colossal.yield %1 : f32
  } : (tensor<6x200xf32>) -> tensor<6x200xf32>
  return %y, %p, %z : tensor<6x200xf32>, tensor<6xi64>, tensor<6x200xf32>
}
)");
  EXPECT_EQ(outcome.kinds, std::vector<std::string>{"kernel"});
}
