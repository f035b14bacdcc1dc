//===- TuplesTest.cpp - Reductions by every tuple combiner ----------------===//
//
// The interpreter's generic along rows and columns, for sizes from 0, against
// what a tuple stands for: a search for the first extreme, the sum of
// exponentials below the maximum, mean and squares in two passes. Values hold
// NaN, infinities and zeros of both signs.
//
//===----------------------------------------------------------------------===//

#include "Colossal/IR/Combiner.h"
#include "Programs.h"
#include "colossal/Support/TupleCombiner.h"
#include <cmath>
#include <sstream>

using namespace mlir;
using namespace colossal;
using namespace colossal::reference;

namespace {
constexpr int64_t kRows = 8;
constexpr double kInf = std::numeric_limits<double>::infinity();

/// Small numbers, many of them equal. Row 0 has a NaN, 1 and 2 an infinity, 3
/// zeros of both signs, 4 only -inf; integers too are few.
Tensor values(RankedTensorType type, Random &random) {
  Tensor tensor = Tensor::zeros(type);
  int64_t n = type.getDimSize(1);
  for (int64_t i = 0; i < tensor.size(); ++i)
    tensor.setNumber(i, double(random.integer(-9, 9)));
  for (size_t i = 0; i < tensor.floats.size(); ++i) {
    int64_t row = i / n, column = i % n;
    double &x = tensor.floats[i];
    if (column == n / 2 && row < 3)
      x = row == 0 ? std::nan("") : row == 1 ? kInf : -kInf;
    if (row == 3)
      x = column % 2 ? 0.0 : -0.0;
    if (row == 4)
      x = -kInf;
  }
  return tensor;
}

/// The body for an operand %0 that is reduced along `factor`, and its types.
struct TupleText {
  std::string body, types;
};
TupleText textOf(Combiner combiner, const std::string &type,
                 const std::string &factor) {
  if (combiner == Combiner::MaxSumExp)
    return {"%1 = arith.constant 1.0 : " + type +
                "\n colossal.yield %0, %1 : " + type + ", " + type,
            type + " " + type};
  if (combiner == Combiner::Welford)
    return {"%1 = arith.constant 1 : i64\n %2 = arith.constant 0.0 : " + type +
                "\n colossal.yield %1, %0, %2 : i64, " + type + ", " + type,
            "i64 " + type + " " + type};
  return {"%1 = colossal.index \"" + factor +
              "\"\n colossal.yield %0, %1 : " + type + ", i64",
          type + " i64"};
}

bool isNear(double found, double expected, double tolerance) {
  if (expected != expected)
    return found != found;
  return found == expected ||
         std::abs(found - expected) <= tolerance * (1 + std::abs(expected));
}

/// What the tuple of `x` is, by its definition.
std::vector<double> expectedOf(Combiner combiner,
                               const std::vector<double> &x) {
  double count = double(x.size()), sum = 0, squares = 0, exponentials = 0;
  if (combiner == Combiner::Welford) {
    for (double value : x)
      sum += value;
    double mean = x.empty() ? 0 : sum / count;
    for (double value : x)
      squares += (value - mean) * (value - mean);
    return {count, mean, squares};
  }
  bool isMax = combiner != Combiner::ArgMin;
  size_t place = 0;
  for (size_t i = 1; i < x.size(); ++i)
    if (x[place] == x[place] &&
        (x[i] != x[i] || (isMax ? x[i] > x[place] : x[i] < x[place])))
      place = i;
  if (combiner == Combiner::MaxSumExp) {
    if (x.empty())
      return {-kInf, 0};
    for (double value : x)
      exponentials += value == x[place] ? 1 : std::exp(value - x[place]);
    return {x[place], exponentials};
  }
  if (!x.empty())
    return {x[place], double(place)};
  return {isMax ? -kInf : kInf, double(std::numeric_limits<int64_t>::max())};
}

void checkType(const CombinerFacts &facts, const std::string &type) {
  Random random(5);
  bool ofFloats = type[0] == 'f';
  for (int64_t n : {0, 1, 2, 37, 300}) {
    SCOPED_TRACE(std::string(facts.name) + " of " + type + ", size " +
                 std::to_string(n));
    std::string size = std::to_string(n);
    auto program = [&](const std::string &factors, const std::string &kept,
                       const std::string &reduced) {
      TupleText text = textOf(facts.combiner, type, reduced);
      std::string in = "tensor<8x" + size + "x" + type + ">", outs, maps, names;
      std::istringstream types(text.types);
      unsigned count = 0;
      for (std::string element; types >> element; ++count) {
        std::string separator = count ? ", " : "";
        outs += separator + "tensor<" + (kept == "i" ? "8" : size) + "x" +
                element + ">";
        maps += separator + "[" + kept + "]";
        names += separator + "%y#" + std::to_string(count);
      }
      return "func.func @f(%x: " + in + ") -> (" + outs +
             ") {\n %y:" + std::to_string(count) +
             " = colossal.generic \"r\" [" + factors + "] (%x : [i, k]) -> (" +
             maps + ") {\n ^bb0(%0: " + type + "):\n " + text.body +
             "\n } : (" + in + ") -> (" + outs + ")\n return " + names + " : " +
             outs + "\n}";
    };
    std::string kind = std::string(" : ") + facts.name;
    auto alongRows = parse(program("i = 8, k = " + size + kind, "i", "k"));
    auto alongColumns =
        parse(program("i = 8" + kind + ", k = " + size, "k", "i"));
    ASSERT_TRUE(alongRows && alongColumns);
    TensorRef x = share(values(
        cast<RankedTensorType>(functionOf(*alongRows).getArgumentTypes()[0]),
        random));
    Tensors rows = run(*alongRows, {x}), columns = run(*alongColumns, {x});
    ASSERT_EQ(rows.size(), facts.width());
    ASSERT_EQ(columns.size(), facts.width());
    auto expect = [&](const Tensors &found, int64_t at,
                      const std::vector<double> &terms) {
      std::vector<double> expected = expectedOf(facts.combiner, terms);
      // Integers have no infinity.
      if (terms.empty() && !ofFloats)
        expected[0] =
            cast<IntegerAttr>(
                neutralElement(
                    facts.combiner,
                    getElementTypeOrSelf(
                        functionOf(*alongRows).getArgumentTypes()[0])))
                .getValue()
                .getSExtValue();
      for (unsigned j = 0; j < facts.width(); ++j)
        EXPECT_TRUE(isNear(found[j]->number(at), expected[j], 1e-12))
            << "component " << j << " of " << at << ": " << found[j]->number(at)
            << ", expected " << expected[j];
    };
    for (int64_t i = 0; i < kRows; ++i) {
      // An infinity among several leaves neither a mean nor squares.
      if (facts.combiner == Combiner::Welford && i < 5 && i != 3)
        continue;
      std::vector<double> terms;
      for (int64_t k = 0; k < n; ++k)
        terms.push_back(x->number(i * n + k));
      expect(rows, i, terms);
    }
    for (int64_t k = 0; k < n && facts.combiner != Combiner::Welford; ++k) {
      std::vector<double> terms;
      for (int64_t i = 0; i < kRows; ++i)
        terms.push_back(x->number(i * n + k));
      expect(columns, k, terms);
    }
  }
}
} // namespace

TEST(Tuples, AreWhatTheyStandFor) {
  for (const CombinerFacts &facts : combiners) {
    if (!facts.isTuple())
      continue;
    checkType(facts, "f32"); // evaluated in f64
    checkType(facts, "f64");
    if (facts.components[0] == Component::Number) {
      checkType(facts, "i64");
      checkType(facts, "i32");
    }
  }
}

/// Tuples that are no terms: each stands for some terms before.
TEST(Tuples, CombineTuples) {
  auto module = parse(R"(
func.func @f(%n: tensor<3xi64>, %m: tensor<3xf64>, %s: tensor<3xf64>) -> (tensor<i64>, tensor<f64>, tensor<f64>) {
  %y:3 = colossal.generic "w" [k = 3 : welford] (%n : [k], %m : [k], %s : [k]) -> ([], [], []) {
  ^bb0(%0: i64, %1: f64, %2: f64):
    colossal.yield %0, %1, %2 : i64, f64, f64
  } : (tensor<3xi64>, tensor<3xf64>, tensor<3xf64>) -> (tensor<i64>, tensor<f64>, tensor<f64>)
  return %y#0, %y#1, %y#2 : tensor<i64>, tensor<f64>, tensor<f64>
})");
  // 1, 3; none; 2, 2, 5.
  Tensors found = run(*module, {integers({3}, {2, 0, 3}), reals({3}, {2, 0, 3}),
                                reals({3}, {2, 0, 6})});
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[0]->integers[0], 5);
  EXPECT_NEAR(found[1]->floats[0], 2.6, 1e-15);
  EXPECT_NEAR(found[2]->floats[0], 9.2, 1e-14);
}
