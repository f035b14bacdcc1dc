//===- FastPathTest.cpp - Fast paths against element-wise evaluation ------===//

#include "Programs.h"
#include "RandomOps.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::reference;

/// How near the fast path comes: terms that equations select are met in another
/// order.
enum class Equality { Bits, UpToOrder };

/// Both evaluations of a program on random arguments agree.
static void expectEqualPaths(const std::string &text, Random &random,
                             Equality equality, int64_t low = 0,
                             int64_t high = 9) {
  auto module = parse(text);
  ASSERT_TRUE(module);
  Tensors arguments = randomArguments(functionOf(*module), random, low, high);
  Options slow;
  slow.fastPaths = false;
  Tensors fast = run(*module, arguments);
  Tensors expected = run(*module, arguments, slow);
  ASSERT_EQ(fast.size(), expected.size());
  for (size_t i = 0; i < fast.size(); ++i) {
    if (equality == Equality::UpToOrder)
      EXPECT_LE(relativeError(*fast[i], *expected[i]), 1e-13) << text;
    else
      EXPECT_EQ(fast[i]->floats, expected[i]->floats) << text;
  }
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
    std::string product = " %2 = arith.mulf %0, %1 : f32\n", value = "%2";
    // One part of several, or a diagonal of parts.
    if (int parts = random.integer(0, 2)) {
      std::string equation = parts == 1 ? "p0 == 1" : "p0 == p1 + 1";
      for (int i = 0; i < parts; ++i) {
        factors += ", p" + std::to_string(i) + " = 3";
        c.push_back({"p" + std::to_string(i), 3});
      }
      product += " %3 = colossal.where %2 [" + equation + "] : f32\n";
      value = "%3";
    }
    RandomMap ma = randomMap(a, random, true), mb = randomMap(b, random, true);
    RandomMap mc = randomMap(c, random, false);
    std::string ta = "tensor<" + ma.shape + "f32>";
    std::string tb = "tensor<" + mb.shape + "f32>";
    std::string tc = "tensor<" + mc.shape + "f32>";
    expectEqualPaths("func.func @f(%a: " + ta + ", %b: " + tb + ") -> " + tc +
                         " {\n %c = colossal.generic \"c\" [" + factors +
                         "] (%a : " + ma.map + ", %b : " + mb.map + ") -> (" +
                         mc.map + ") {\n ^bb0(%0: f32, %1: f32):\n" + product +
                         " colossal.yield " + value + " : f32\n } : (" + ta +
                         ", " + tb + ") -> " + tc + "\n return %c : " + tc +
                         "\n}",
                     random, Equality::Bits);
  }
}

/// A sum, or a maximum, over some factors of x + y * y, and perhaps of an
/// index.
static std::string
randomReduction(std::vector<std::pair<std::string, int64_t>> all,
                Random &random) {
  std::string factors, body = " %2 = arith.mulf %1, %1 : f32\n"
                              " %3 = arith.addf %0, %2 : f32\n";
  std::vector<std::pair<std::string, int64_t>> some, kept;
  const char *kind = random.integer(0, 1) ? " : sum" : " : max";
  for (auto &[name, bound] : all) {
    bool isReduced = random.integer(0, 2) == 0;
    factors += (factors.empty() ? "" : ", ") + name + " = " +
               std::to_string(bound) + (isReduced ? kind : "");
    if (!isReduced)
      kept.push_back({name, bound});
    if (random.integer(0, 1))
      some.push_back({name, bound});
  }
  std::string value = "%3";
  if (random.integer(0, 3) == 0) {
    body += " %4 = colossal.index \"" +
            all[random.integer(0, all.size() - 1)].first +
            "\"\n %5 = arith.sitofp %4 : i64 to f32\n"
            " %6 = arith.addf %3, %5 : f32\n";
    value = "%6";
  }
  auto mapOf = [&](const auto &factors) {
    if (random.integer(0, 2) == 0)
      return randomMap(factors, random, true);
    RandomMap inOrder;
    for (auto &[name, bound] : factors) {
      inOrder.map += (inOrder.shape.empty() ? "" : ", ") + name;
      inOrder.shape += std::to_string(bound) + "x";
    }
    inOrder.map += "]";
    return inOrder;
  };
  RandomMap mx = mapOf(all), my = mapOf(some), mr;
  mr = randomMap(kept, random, false);
  std::string tx = "tensor<" + mx.shape + "f32>",
              ty = "tensor<" + my.shape + "f32>",
              tr = "tensor<" + mr.shape + "f32>";
  return "func.func @f(%x: " + tx + ", %y: " + ty + ") -> " + tr +
         " {\n %r = colossal.generic \"r\" [" + factors + "] (%x : " + mx.map +
         ", %y : " + my.map + ") -> (" + mr.map +
         ") {\n ^bb0(%0: f32, %1: f32):\n" + body + " colossal.yield " + value +
         " : f32\n } : (" + tx + ", " + ty + ") -> " + tr +
         "\n return %r : " + tr + "\n}";
}

TEST(FastPaths, LoopsSideBySideAreOne) {
  Random random(11);
  for (int test = 0; test < 200; ++test) {
    std::vector<std::pair<std::string, int64_t>> factors;
    for (int i = 0, e = random.integer(2, 5); i < e; ++i)
      factors.push_back({"f" + std::to_string(i), random.integer(1, 7)});
    expectEqualPaths(randomReduction(factors, random), random, Equality::Bits);
  }
  // For several threads.
  for (int test = 0; test < 20; ++test)
    expectEqualPaths(
        randomReduction({{"a", 3}, {"b", random.integer(90, 200)}, {"c", 310}},
                        random),
        random, Equality::Bits);
}

TEST(FastPaths, WhatIsItsOperandIsShared) {
  auto resultOf = [](const std::string &factors, const std::string &map,
                     const std::string &type, const Tensors &arguments) {
    auto module = parse(
        "func.func @f(%x: " + type + ") -> " + type +
        " {\n %r = colossal.generic \"r\" [" + factors + "] (%x : " + map +
        ") -> ([a, b]) {\n ^bb0(%0: f32):\n colossal.yield %0 "
        ": f32\n } : (" +
        type + ") -> " + type + "\n return %r : " + type + "\n}");
    return run(*module, arguments)[0];
  };
  TensorRef x = reals({2, 2}, {1, 2, 3, 4});
  std::string type = "tensor<2x2xf32>";
  EXPECT_EQ(resultOf("a = 2, b = 2", "[a, b]", type, {x}), x);
  EXPECT_EQ(resultOf("a = 2, b = 2", "[b, a]", type, {x})->floats,
            (std::vector<double>{1, 3, 2, 4}));
}

TEST(FastPaths, LargeContractions) {
  // Larger than a tile and a block, and for several threads.
  Random random(10);
  for (auto [m, n, k] : {std::array<int, 3>{70, 90, 600},
                         {3, 7, 1100},
                         {130, 1, 40},
                         {1, 300, 1025},
                         {2, 1, 513}}) {
    auto type = [](int a, int b) {
      return "tensor<" + std::to_string(a) + "x" + std::to_string(b) + "xf32>";
    };
    std::string types = type(m, k) + ", %b: " + type(n, k);
    expectEqualPaths(
        "func.func @f(%a: " + types + ") -> " + type(m, n) +
            " {\n %c = colossal.generic \"c\" [m = " + std::to_string(m) +
            ", n = " + std::to_string(n) + ", k = " + std::to_string(k) +
            " : sum] (%a : [m, k], %b : [n, k]) -> ([m, n]) {\n"
            " ^bb0(%0: f32, %1: f32):\n %2 = arith.mulf %0, %1 : f32\n"
            " colossal.yield %2 : f32\n } : (" +
            type(m, k) + ", " + type(n, k) + ") -> " + type(m, n) +
            "\n return %c : " + type(m, n) + "\n}",
        random, Equality::Bits);
  }
}

TEST(FastPaths, SharedByThreads) {
  // Sums inside and outside of a strip, a maximum, a window, no combiner.
  struct {
    const char *factors, *map, *operand, *result, *to;
  } cases[] = {{"n = 9, c = 130, p = 90 : sum", "[n, c, p]", "9x130x90",
                "[c, n]", "130x9"},
               {"n = 150 : sum, c = 70, p = 9 : sum", "[n, c, p]", "150x70x9",
                "[c]", "70"},
               {"n = 40 : max, c = 31, p = 90", "[p, n, c]", "90x40x31",
                "[p, c]", "90x31"},
               {"n = 300, c = 31, p = 9 : sum", "[n + 2 of 300, (c, p)]",
                "300x279", "[n, c]", "300x31"},
               {"n = 300, c = 31, p = 9", "[n, (c, p)]", "300x279", "[n, p, c]",
                "300x9x31"},
               {"b = 2, n = 70000 : sum", "[n, b]", "70000x2", "[b]", "2"}};
  Random random(12);
  for (auto &c : cases) {
    std::string types = "tensor<" + std::string(c.operand) +
                        "xf32>) -> tensor<" + c.to + "xf32>";
    expectEqualPaths("func.func @f(%x: " + types +
                         " {\n%y = colossal.generic \"y\" [" + c.factors +
                         "] (%x : " + c.map + ") -> (" + c.result +
                         ") {\n^bb0(%0: f32):\n%1 = math.exp %0 : f32\n"
                         "colossal.yield %1 : f32\n} : (" +
                         types + "\nreturn %y : tensor<" + c.to + "xf32>\n}",
                     random, Equality::Bits);
  }
}

TEST(FastPaths, RandomConvolutions) {
  Random random(11);
  for (int test = 0; test < 300; ++test)
    expectEqualPaths(randomConvolution(random, test % 3), random,
                     Equality::Bits);
}

/// A selection over factors i, v, d; ids lie in [-2, v + 1].
static std::string selects(const std::string &factors, const std::string &maps,
                           const std::string &valueType,
                           const std::string &resultType,
                           const std::string &statement) {
  return "func.func @f(%ids: tensor<5xi64>, %x: " + valueType + ") -> " +
         resultType + " {\n %y = colossal.generic \"g\" [" + factors + "] " +
         maps + " {\n ^bb0(%id: i64, %0: f32):\n" +
         " %i = colossal.index \"i\"\n"
         " %zero = arith.constant 0.0 : f32\n"
         " %two = arith.constant 2 : i64\n"
         " %1 = math.exp %0 : f32\n" +
         statement + " colossal.yield %2 : f32\n } : (tensor<5xi64>, " +
         valueType + ") -> " + resultType + "\n return %y : " + resultType +
         "\n}";
}

static constexpr const char *kStatements[] = {
    " %2 = colossal.where %1 [v == %id : i64] : f32\n",
    // A narrow id, backwards, from another row.
    R"(%n = arith.trunci %id : i64 to i32
       %2 = colossal.where %1 [0 == v + %n : i32 - 6] : f32
    )",
    // A shifted id, and a second condition.
    R"(%s = arith.addi %id, %i : i64
       %early = arith.cmpi slt, %i, %two : i64
       %e = arith.select %early, %1, %zero : f32
       %2 = colossal.where %e [v == %s : i64] : f32
    )",
    // Another equation.
    " %2 = colossal.where %1 [2 * i == v + 2, v == %id : i64 + 1] : f32\n",
};

TEST(FastPaths, Gather) {
  Random random(2);
  for (const char *statement : kStatements)
    expectEqualPaths(selects("i = 5, d = 300, v = 7 : sum",
                             "(%ids : [i], %x : [v, d]) -> ([i, d])",
                             "tensor<7x300xf32>", "tensor<5x300xf32>",
                             statement),
                     random, Equality::UpToOrder, -2, 8);
}

TEST(FastPaths, Pick) {
  Random random(3);
  for (const char *statement : kStatements)
    expectEqualPaths(selects("i = 5, v = 7 : sum",
                             "(%ids : [i], %x : [i, v]) -> ([i])",
                             "tensor<5x7xf32>", "tensor<5xf32>", statement),
                     random, Equality::UpToOrder, -2, 8);
}

TEST(FastPaths, ScatterAdd) {
  Random random(4);
  for (const char *statement : kStatements)
    expectEqualPaths(selects("v = 7, d = 3, i = 5 : sum",
                             "(%ids : [i], %x : [i, d]) -> ([d, v])",
                             "tensor<5x3xf32>", "tensor<3x7xf32>", statement),
                     random, Equality::UpToOrder, -2, 8);
}

TEST(FastPaths, OneHotRows) {
  Random random(5);
  for (const char *statement : kStatements)
    expectEqualPaths(selects("i = 5, v = 7",
                             "(%ids : [i], %x : [i]) -> ([i, v])",
                             "tensor<5xf32>", "tensor<5x7xf32>", statement),
                     random, Equality::UpToOrder, -2, 8);
}

TEST(FastPaths, Placements) {
  // Sums that an equation determines, wholly or in part; the gradient of an
  // expansion that is regrouped; one sum in two equations.
  struct {
    const char *factors, *map, *operand, *result, *equations;
  } cases[] = {{"i = 16, j = 6, a = 12 : sum, c = 8 : sum", "[a, c]", "12x8",
                "16x6", "8 * a + c == 6 * i + j"},
               {"a = 12, c = 8, i = 16 : sum, j = 6 : sum", "[i, j]", "16x6",
                "12x8", "8 * a + c == 6 * i + j"},
               {"a = 12, c = 8 : sum, i = 16 : sum, j = 6 : sum", "[i, j]",
                "16x6", "12", "8 * a + c == 6 * i + j"},
               {"i = 9, j = 2, a = 7 : sum, c = 2 : sum", "[a, c]", "7x2",
                "9x2", "a == i - 2"},
               {"i = 5, j = 2, a = 7 : sum, c = 3 : sum", "[a, c]", "7x3",
                "5x2", "3 * a == i + 2"},
               {"i = 9, j = 2, a = 4 : sum, c = 3 : sum", "[a, c]", "4x3",
                "9x2", "2 * a + c == i"},
               {"i = 6, j = 2, a = 6 : sum, c = 3 : sum", "[a, c]", "6x3",
                "6x2", "a + i == 5"},
               {"i = 6, j = 2, a = 6 : sum, c = 3 : sum", "[a, c]", "6x3",
                "6x2", "a == c + i, c == j"},
               {"i = 6, j = 2, a = 6 : sum, c = 3 : sum", "[a, c]", "6x3",
                "6x2", "a == i, a == 2 * c + j"},
               {"i = 6, j = 2, a = 6 : sum, c = 3 : sum", "[a, c]", "6x3",
                "6x2", "0 == 1, a == i"}};
  Random random(8);
  for (auto &c : cases) {
    StringRef factors(c.factors);
    std::string result = !factors.starts_with("a")     ? "[i, j]"
                         : factors.contains("c = 8 :") ? "[a]"
                                                       : "[a, c]";
    std::string types = "tensor<" + std::string(c.operand) +
                        "xf32>) -> tensor<" + c.result + "xf32>";
    expectEqualPaths(
        "func.func @f(%x: " + types + " {\n%y = colossal.generic \"y\" [" +
            c.factors + "] (%x : " + c.map + ") -> (" + result +
            ") {\n^bb0(%0: f32):\n%1 = colossal.where %0 [" + c.equations +
            "] : f32\ncolossal.yield %1 : f32\n} : (" + types +
            "\nreturn %y : tensor<" + c.result + "xf32>\n}",
        random, Equality::UpToOrder);
  }
}

TEST(FastPaths, RandomSelections) {
  Random random(9);
  for (int selections = 0; selections < 200;) {
    std::string text = randomGeneric(random, false);
    // Products overflow.
    if (!StringRef(text).contains("colossal.where") ||
        StringRef(text).contains(": product"))
      continue;
    ++selections;
    expectEqualPaths(text, random, Equality::UpToOrder, -2, 8);
  }
}

TEST(FastPaths, MaximumOfASelection) {
  // The maximum with the zeros of the other rows matters.
  Random random(6);
  expectEqualPaths(selects("i = 5, v = 7 : max",
                           "(%ids : [i], %x : [i, v]) -> ([i])",
                           "tensor<5x7xf32>", "tensor<5xf32>", kStatements[0]),
                   random, Equality::UpToOrder, -2, 8);
}

TEST(FastPaths, GatherFromAShardWithPadding) {
  auto module =
      parse(selects("i = 5, d = 3, v = 4 of 7 {tensor(2) * 4} : sum",
                    "(%ids : [i], %x : [v, d]) -> ([i, d])", "tensor<4x3xf32>",
                    "tensor<5x3xf32>", kStatements[0]));
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
