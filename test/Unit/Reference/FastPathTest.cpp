//===- FastPathTest.cpp - Fast paths against element-wise evaluation ------===//

#include "Programs.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::reference;

/// Both evaluations of a program on random arguments agree.
static void expectEqualPaths(const std::string &text, Random &random,
                             int64_t low = 0, int64_t high = 9) {
  auto module = parse(text);
  ASSERT_TRUE(module);
  Tensors arguments = randomArguments(functionOf(*module), random, low, high);
  Options slow;
  slow.fastPaths = false;
  Tensors fast = run(*module, arguments);
  Tensors expected = run(*module, arguments, slow);
  ASSERT_EQ(fast.size(), expected.size());
  for (size_t i = 0; i < fast.size(); ++i)
    EXPECT_LE(relativeError(*fast[i], *expected[i]), 1e-13) << text;
}

namespace {
/// A random index map over some factors: text and tensor type.
struct RandomMap {
  std::string map = "[";
  std::string shape;
};
} // namespace

/// Puts the factors in random order into dimensions of one or two of them;
/// sometimes a constant sub-dimension joins.
static RandomMap randomMap(std::vector<std::pair<std::string, int64_t>> factors,
                           Random &random, bool constants) {
  for (size_t i = factors.size(); i > 1; --i)
    std::swap(factors[i - 1], factors[random.integer(0, i - 1)]);
  if (constants && random.integer(0, 2) == 0)
    factors.push_back({"1 of 2", 2});
  RandomMap result;
  for (size_t i = 0; i < factors.size();) {
    bool merged = i + 1 < factors.size() && random.integer(0, 2) == 0;
    if (i > 0)
      result.map += ", ";
    int64_t size = factors[i].second;
    if (merged) {
      size *= factors[i + 1].second;
      result.map += "(" + factors[i].first + ", " + factors[i + 1].first + ")";
    } else {
      result.map += factors[i].first;
    }
    result.shape += std::to_string(size) + "x";
    i += merged ? 2 : 1;
  }
  result.map += "]";
  return result;
}

TEST(FastPaths, RandomContractions) {
  Random random(1);
  for (int test = 0; test < 120; ++test) {
    // Per role (batch, rows, columns, k) none to two factors.
    std::vector<std::pair<std::string, int64_t>> a, b, c;
    std::string factors;
    const char *roles[] = {"b", "m", "n", "k"};
    for (int role = 0; role < 4; ++role)
      for (int i = 0, e = random.integer(role == 3 ? 1 : 0, 2); i < e; ++i) {
        std::string name = roles[role] + std::to_string(i);
        int64_t bound = random.integer(1, role == 1 || role == 2 ? 21 : 6);
        factors += (factors.empty() ? "" : ", ") + name + " = " +
                   std::to_string(bound) + (role == 3 ? " : sum" : "");
        if (role != 2)
          a.push_back({name, bound});
        if (role != 1)
          b.push_back({name, bound});
        if (role != 3)
          c.push_back({name, bound});
      }
    RandomMap ma = randomMap(a, random, true), mb = randomMap(b, random, true);
    RandomMap mc = randomMap(c, random, false);
    std::string ta = "tensor<" + ma.shape + "f32>";
    std::string tb = "tensor<" + mb.shape + "f32>";
    std::string tc = "tensor<" + mc.shape + "f32>";
    expectEqualPaths(
        "func.func @f(%a: " + ta + ", %b: " + tb + ") -> " + tc +
            " {\n %c = colossal.generic \"c\" [" + factors +
            "] (%a : " + ma.map + ", %b : " + mb.map + ") -> (" + mc.map +
            ") {\n ^bb0(%0: f32, %1: f32):\n"
            " %2 = arith.mulf %0, %1 : f32\n"
            " colossal.yield %2 : f32\n } : (" +
            ta + ", " + tb + ") -> " + tc + "\n return %c : " + tc + "\n}",
        random);
  }
}

/// A one-hot generic over factors i, v, d; ids lie in [-2, v + 1].
static std::string oneHot(const std::string &factors, const std::string &maps,
                          const std::string &valueType,
                          const std::string &resultType,
                          const std::string &predicate) {
  return "func.func @f(%ids: tensor<5xi64>, %x: " + valueType + ") -> " +
         resultType + " {\n %y = colossal.generic \"g\" [" + factors + "] " +
         maps + " {\n ^bb0(%id: i64, %0: f32):\n" +
         " %v = colossal.index \"v\"\n %i = colossal.index \"i\"\n"
         " %zero = arith.constant 0.0 : f32\n"
         " %two = arith.constant 2 : i64\n" +
         predicate +
         " %1 = math.exp %0 : f32\n"
         " %2 = arith.select %hit, %1, %zero : f32\n"
         " colossal.yield %2 : f32\n } : (tensor<5xi64>, " +
         valueType + ") -> " + resultType + "\n return %y : " + resultType +
         "\n}";
}

static constexpr const char *kPredicates[] = {
    " %hit = arith.cmpi eq, %id, %v : i64\n",
    " %hit = arith.cmpi eq, %v, %id : i64\n",
    // A shifted id, and a second condition.
    R"(%s = arith.addi %id, %i : i64
       %same = arith.cmpi eq, %s, %v : i64
       %early = arith.cmpi slt, %i, %two : i64
       %hit = arith.andi %early, %same : i1
    )",
};

TEST(FastPaths, Gather) {
  Random random(2);
  for (const char *predicate : kPredicates)
    expectEqualPaths(oneHot("i = 5, d = 300, v = 7 : sum",
                            "(%ids : [i], %x : [v, d]) -> ([i, d])",
                            "tensor<7x300xf32>", "tensor<5x300xf32>",
                            predicate),
                     random, -2, 8);
}

TEST(FastPaths, Pick) {
  Random random(3);
  for (const char *predicate : kPredicates)
    expectEqualPaths(oneHot("i = 5, v = 7 : sum",
                            "(%ids : [i], %x : [i, v]) -> ([i])",
                            "tensor<5x7xf32>", "tensor<5xf32>", predicate),
                     random, -2, 8);
}

TEST(FastPaths, ScatterAdd) {
  Random random(4);
  for (const char *predicate : kPredicates)
    expectEqualPaths(oneHot("v = 7, d = 3, i = 5 : sum",
                            "(%ids : [i], %x : [i, d]) -> ([d, v])",
                            "tensor<5x3xf32>", "tensor<3x7xf32>", predicate),
                     random, -2, 8);
}

TEST(FastPaths, OneHotRows) {
  Random random(5);
  for (const char *predicate : kPredicates)
    expectEqualPaths(oneHot("i = 5, v = 7",
                            "(%ids : [i], %x : [i]) -> ([i, v])",
                            "tensor<5xf32>", "tensor<5x7xf32>", predicate),
                     random, -2, 8);
}

TEST(FastPaths, Placements) {
  // Sums that an equation determines, wholly or in part; one that is not
  // determined (2 a + c with c < 3); one sum in two equations.
  struct {
    const char *factors, *maps, *operand, *result, *left, *right;
  } cases[] = {{"i = 16, j = 6, a = 12 : sum, c = 8 : sum", "[a, c]", "12x8",
                "16x6", "8 a 1 c", "6 i 1 j"},
               {"a = 12, c = 8, i = 16 : sum, j = 6 : sum", "[i, j]", "16x6",
                "12x8", "8 a 1 c", "6 i 1 j"},
               {"i = 9, j = 2, a = 7 : sum, c = 2 : sum", "[a, c]", "7x2",
                "9x2", "1 a", "1 i -2"},
               {"i = 5, j = 2, a = 7 : sum, c = 3 : sum", "[a, c]", "7x3",
                "5x2", "3 a", "1 i 2"},
               {"i = 9, j = 2, a = 4 : sum, c = 3 : sum", "[a, c]", "4x3",
                "9x2", "2 a 1 c", "1 i"},
               {"i = 6, j = 2, a = 6 : sum, c = 3 : sum", "[a, c]", "6x3",
                "6x2", "-1 a", "1 i -5"}};
  Random random(8);
  for (auto &c : cases) {
    std::string body;
    int number = 0;
    auto linear = [&](StringRef text) {
      std::string sum;
      SmallVector<StringRef> words;
      text.split(words, ' ');
      for (size_t w = 0; w < words.size(); w += 2) {
        std::string n = std::to_string(number++), term = "%t" + n;
        body += "%k" + n + " = arith.constant " + words[w].str() + " : i64\n";
        if (w + 1 < words.size())
          body += "%x" + n + " = colossal.index \"" + words[w + 1].str() +
                  "\"\n" + term + " = arith.muli %x" + n + ", %k" + n +
                  " : i64\n";
        else
          term = "%k" + n;
        if (!sum.empty())
          body += "%s" + n + " = arith.addi " + sum + ", " + term + " : i64\n";
        sum = sum.empty() ? term : "%s" + n;
      }
      return sum;
    };
    std::string left = linear(c.left), right = linear(c.right);
    std::string result =
        StringRef(c.factors).starts_with("a") ? "[a, c]" : "[i, j]";
    std::string types = "tensor<" + std::string(c.operand) +
                        "xf32>) -> tensor<" + c.result + "xf32>";
    expectEqualPaths(
        "func.func @f(%x: " + types + " {\n%y = colossal.generic \"y\" [" +
            c.factors + "] (%x : " + c.maps + ") -> (" + result +
            ") {\n^bb0(%0: f32):\n" + body + "%c = arith.cmpi eq, " + left +
            ", " + right +
            " : i64\n%zero = arith.constant 0.0 : f32\n%1 = "
            "arith.select %c, %0, %zero : f32\ncolossal.yield %1 "
            ": f32\n} : (" +
            types + "\nreturn %y : tensor<" + c.result + "xf32>\n}",
        random);
  }
}

TEST(FastPaths, MaximumOfASelectIsNotOneHot) {
  // The maximum with the zeros of the other rows matters.
  Random random(6);
  expectEqualPaths(oneHot("i = 5, v = 7 : max",
                          "(%ids : [i], %x : [i, v]) -> ([i])",
                          "tensor<5x7xf32>", "tensor<5xf32>", kPredicates[0]),
                   random, -2, 8);
}

TEST(FastPaths, GatherFromAShardWithPadding) {
  auto module =
      parse(oneHot("i = 5, d = 3, v = 4 of 7 {tensor(2) * 4} : sum",
                   "(%ids : [i], %x : [v, d]) -> ([i, d])", "tensor<4x3xf32>",
                   "tensor<5x3xf32>", kPredicates[0]));
  Random random(7);
  Tensors arguments = randomArguments(functionOf(*module), random, -1, 8);
  Operation *op = &functionOf(*module).getBody().front().front();
  Options slow;
  slow.fastPaths = false;
  for (int64_t c : {0, 1}) {
    Place place;
    place.coordinates["tensor"] = c;
    auto fast = evaluate(op, arguments, place, {});
    auto expected = evaluate(op, arguments, place, slow);
    ASSERT_TRUE(succeeded(fast) && succeeded(expected));
    EXPECT_EQ((*fast)[0]->floats, (*expected)[0]->floats);
  }
}
