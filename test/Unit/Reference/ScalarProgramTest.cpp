//===- ScalarProgramTest.cpp - Scalars of bodies --------------------------===//

#include "Programs.h"
#include <cmath>
#include <limits>

using namespace mlir;
using namespace colossal;
using namespace colossal::reference;

/// result = body(%0, %1) on two i64 operands of one element.
static int64_t integerBody(const std::string &body, int64_t x, int64_t y) {
  auto module = parse(R"(
    func.func @f(%x: tensor<i64>, %y: tensor<i64>) -> tensor<i64> {
      %z = colossal.generic "s" [] (%x : [], %y : []) -> ([]) {
        ^bb0(%0: i64, %1: i64):
          )" + body + R"(
          colossal.yield %r : i64
      } : (tensor<i64>, tensor<i64>) -> tensor<i64>
      return %z : tensor<i64>
    })");
  return run(*module, {integers({}, {x}), integers({}, {y})})[0]->integers[0];
}

static double realBody(const std::string &body, double x, double y) {
  auto module = parse(R"(
    func.func @f(%x: tensor<f64>, %y: tensor<f64>) -> tensor<f64> {
      %z = colossal.generic "s" [] (%x : [], %y : []) -> ([]) {
        ^bb0(%0: f64, %1: f64):
          )" + body + R"(
          colossal.yield %r : f64
      } : (tensor<f64>, tensor<f64>) -> tensor<f64>
      return %z : tensor<f64>
    })");
  return run(*module, {reals({}, {x}), reals({}, {y})})[0]->floats[0];
}

TEST(ScalarProgram, NarrowIntegersWrap) {
  const char *add = "%a = arith.trunci %0 : i64 to i32\n"
                    "%b = arith.trunci %1 : i64 to i32\n"
                    "%c = arith.addi %a, %b : i32\n"
                    "%r = arith.extsi %c : i32 to i64";
  EXPECT_EQ(integerBody(add, 2147483647, 1), -2147483648ll);
  EXPECT_EQ(integerBody(add, 1ll << 32, 5), 5);
  const char *zeroExtended = "%a = arith.trunci %0 : i64 to i32\n"
                             "%r = arith.extui %a : i32 to i64";
  EXPECT_EQ(integerBody(zeroExtended, -1, 0), 4294967295ll);
  const char *shift = "%a = arith.trunci %0 : i64 to i32\n"
                      "%b = arith.trunci %1 : i64 to i32\n"
                      "%c = arith.shrui %a, %b : i32\n"
                      "%r = arith.extsi %c : i32 to i64";
  EXPECT_EQ(integerBody(shift, -1, 28), 15);
}

TEST(ScalarProgram, BooleansExtendBothWays) {
  const char *sign = "%c = arith.cmpi slt, %0, %1 : i64\n"
                     "%r = arith.extsi %c : i1 to i64";
  const char *zero = "%c = arith.cmpi slt, %0, %1 : i64\n"
                     "%r = arith.extui %c : i1 to i64";
  EXPECT_EQ(integerBody(sign, 1, 2), -1);
  EXPECT_EQ(integerBody(zero, 1, 2), 1);
  EXPECT_EQ(integerBody(zero, 2, 1), 0);
  const char *constant = "%t = arith.constant true\n"
                         "%r = arith.select %t, %0, %1 : i64";
  EXPECT_EQ(integerBody(constant, 7, 8), 7);
}

TEST(ScalarProgram, Division) {
  EXPECT_EQ(integerBody("%r = arith.divsi %0, %1 : i64", -7, 2), -3);
  EXPECT_EQ(integerBody("%r = arith.floordivsi %0, %1 : i64", -7, 2), -4);
  EXPECT_EQ(integerBody("%r = arith.ceildivsi %0, %1 : i64", 7, 2), 4);
  EXPECT_EQ(integerBody("%r = arith.remsi %0, %1 : i64", -7, 2), -1);
  EXPECT_EQ(integerBody("%r = arith.divui %0, %1 : i64", -1, 2),
            std::numeric_limits<int64_t>::max());
  // Undefined in MLIR; here no trap.
  EXPECT_EQ(integerBody("%r = arith.divsi %0, %1 : i64", 7, 0), 0);
}

TEST(ScalarProgram, ComparisonsWithNaN) {
  double nan = std::nan("");
  auto compare = [&](const std::string &predicate, double x, double y) {
    return realBody("%c = arith.cmpf " + predicate +
                        ", %0, %1 : f64\n%r = arith.uitofp %c : i1 to f64",
                    x, y);
  };
  for (const char *ordered : {"oeq", "ogt", "oge", "olt", "ole", "one", "ord"})
    EXPECT_EQ(compare(ordered, nan, 1.0), 0.0) << ordered;
  for (const char *other : {"ueq", "ugt", "uge", "ult", "ule", "une", "uno"})
    EXPECT_EQ(compare(other, nan, 1.0), 1.0) << other;
  EXPECT_EQ(compare("one", 1.0, 2.0), 1.0);
  EXPECT_EQ(compare("ugt", 1.0, 2.0), 0.0);
}

TEST(ScalarProgram, MaximaWithNaN) {
  double nan = std::nan("");
  EXPECT_TRUE(
      std::isnan(realBody("%r = arith.maximumf %0, %1 : f64", nan, 1.0)));
  EXPECT_TRUE(
      std::isnan(realBody("%r = arith.minimumf %0, %1 : f64", 1.0, nan)));
  EXPECT_EQ(realBody("%r = arith.maxnumf %0, %1 : f64", nan, 1.0), 1.0);
  EXPECT_EQ(realBody("%r = arith.minimumf %0, %1 : f64", 3.0, -2.0), -2.0);
}

TEST(ScalarProgram, ConversionsSaturate) {
  auto convert = [](double x) {
    return realBody("%i = arith.fptosi %0 : f64 to i64\n"
                    "%r = arith.sitofp %i : i64 to f64",
                    x, 0.0);
  };
  EXPECT_EQ(convert(-2.9), -2.0);
  EXPECT_EQ(convert(std::nan("")), 0.0);
  EXPECT_EQ(convert(1e300), double(std::numeric_limits<int64_t>::max()));
}

TEST(ScalarProgram, UnknownOpsAreRefused) {
  auto module = parse(R"(
    func.func @f(%x: tensor<f32>) -> tensor<f32> {
      %z = colossal.generic "s" [] (%x : []) -> ([]) {
        ^bb0(%0: f32):
          %1 = arith.bitcast %0 : f32 to i32
          %2 = arith.sitofp %1 : i32 to f32
          colossal.yield %2 : f32
      } : (tensor<f32>) -> tensor<f32>
      return %z : tensor<f32>
    })");
  std::string message;
  ScopedDiagnosticHandler handler(&testContext(), [&](Diagnostic &diagnostic) {
    message = diagnostic.str();
    return success();
  });
  EXPECT_TRUE(
      failed(evaluate(functionOf(*module), {reals({}, {1.0})}, Options())));
  EXPECT_EQ(message,
            "the interpreter does not evaluate 'arith.bitcast' in a body");
}
