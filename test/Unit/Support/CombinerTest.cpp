//===- CombinerTest.cpp - What each combiner means ------------------------===//
//
// Values are written out here: everything else in the project takes them from
// the header under test.
//
//===----------------------------------------------------------------------===//

#include "colossal/Support/Combiner.h"
#include <cmath>
#include <gtest/gtest.h>
#include <limits>

using namespace colossal;

namespace {
template <class T> constexpr T inf = std::numeric_limits<T>::infinity();
template <class T> constexpr T nan = std::numeric_limits<T>::quiet_NaN();

/// Equal as bits, but for the payload of a NaN.
template <class T> bool same(T a, T b) {
  if constexpr (std::is_floating_point_v<T>)
    return (a != a && b != b) || (a == b && std::signbit(a) == std::signbit(b));
  else
    return a == b;
}

template <class T> T combined(Combiner combiner, T a, T b) {
  return withCombiner(combiner, [&](auto c) { return T(combine<c()>(a, b)); });
}

template <class T> T neutral(Combiner combiner) {
  return withCombiner(combiner, [](auto c) { return neutralOf<c(), T>(); });
}

template <class T> void expectFloats() {
  auto check = [](Combiner combiner, T a, T b, T expected) {
    EXPECT_TRUE(same(combined(combiner, a, b), expected))
        << factsOf(combiner).name << " of " << a << " and " << b;
    EXPECT_TRUE(same(combined(combiner, b, a), expected))
        << factsOf(combiner).name << " of " << b << " and " << a;
  };
  for (Combiner c :
       {Combiner::Sum, Combiner::Product, Combiner::Max, Combiner::Min})
    for (T other : {T(0), T(-1), inf<T>, -inf<T>, nan<T>})
      check(c, nan<T>, other, nan<T>);
  check(Combiner::Sum, 2, -3, -1);
  check(Combiner::Sum, inf<T>, -inf<T>, nan<T>);
  check(Combiner::Sum, T(0), T(-0.0), T(0));
  check(Combiner::Product, 2, -3, -6);
  check(Combiner::Product, inf<T>, 0, nan<T>);
  check(Combiner::Product, T(-0.0), 5, T(-0.0));
  check(Combiner::Max, 2, -3, 2);
  check(Combiner::Max, -inf<T>, -3, -3);
  check(Combiner::Max, T(0), T(-0.0), T(0));
  check(Combiner::Max, T(-0.0), T(-0.0), T(-0.0));
  check(Combiner::Min, 2, -3, -3);
  check(Combiner::Min, inf<T>, 2, 2);
  check(Combiner::Min, T(0), T(-0.0), T(-0.0));
  check(Combiner::Min, T(0), T(0), T(0));
  EXPECT_TRUE(same(neutral<T>(Combiner::Sum), T(0)));
  EXPECT_TRUE(same(neutral<T>(Combiner::Product), T(1)));
  EXPECT_TRUE(same(neutral<T>(Combiner::Max), -inf<T>));
  EXPECT_TRUE(same(neutral<T>(Combiner::Min), inf<T>));
}

template <class T> void expectIntegers() {
  T least = std::numeric_limits<T>::min(), most = std::numeric_limits<T>::max();
  EXPECT_EQ(combined<T>(Combiner::Sum, most, 1), least);
  EXPECT_EQ(combined<T>(Combiner::Product, least, -1), least);
  EXPECT_EQ(combined<T>(Combiner::Product, most, most), 1);
  EXPECT_EQ(combined<T>(Combiner::Max, least, -1), -1);
  EXPECT_EQ(combined<T>(Combiner::Min, least, most), least);
  EXPECT_EQ(neutral<T>(Combiner::Sum), 0);
  EXPECT_EQ(neutral<T>(Combiner::Product), 1);
  EXPECT_EQ(neutral<T>(Combiner::Max), least);
  EXPECT_EQ(neutral<T>(Combiner::Min), most);
}
} // namespace

TEST(Combiner, Floats) {
  expectFloats<float>();
  expectFloats<double>();
}

TEST(Combiner, Integers) {
  expectIntegers<int8_t>();
  expectIntegers<int16_t>();
  expectIntegers<int32_t>();
  expectIntegers<int64_t>();
}

TEST(Combiner, UnsignedBytes) {
  auto byte = [](Combiner combiner, uint8_t a, uint8_t b) {
    return int(combined(combiner, a, b));
  };
  EXPECT_EQ(byte(Combiner::Sum, 200, 100), 44);
  EXPECT_EQ(byte(Combiner::Product, 200, 3), 88);
  EXPECT_EQ(byte(Combiner::Max, 128, 127), 128);
  EXPECT_EQ(byte(Combiner::Min, 128, 127), 127);
  EXPECT_EQ(neutral<uint8_t>(Combiner::Max), 0);
  EXPECT_EQ(neutral<uint8_t>(Combiner::Min), 255);
}

TEST(Combiner, TruthValues) {
  for (uint8_t a : {0, 1})
    for (uint8_t b : {0, 1}) {
      EXPECT_EQ(combined(Combiner::Any, a, b), a | b);
      EXPECT_EQ(combined(Combiner::All, a, b), a & b);
    }
  EXPECT_EQ(neutral<uint8_t>(Combiner::Any), 0);
  EXPECT_EQ(neutral<uint8_t>(Combiner::All), 1);
}

// The facts of the table follow from the values.
TEST(Combiner, FactsAreTrue) {
  uint32_t number = 0;
  for (const CombinerFacts &facts : combiners) {
    SCOPED_TRACE(facts.name);
    EXPECT_EQ(uint32_t(facts.combiner), number++);
    EXPECT_EQ(combinerNamed(facts.name), facts.combiner);
    if (facts.isTuple()) // TupleCombinerTest.cpp
      continue;
    auto check = [&](auto values) {
      using T = typename decltype(values)::value_type;
      auto combine = [&](T a, T b) { return combined(facts.combiner, a, b); };
      T identity = neutral<T>(facts.combiner);
      EXPECT_EQ(facts.isZeroNeutral, identity == T(0));
      bool idempotent = true, linear = !facts.ofBooleans;
      for (T a : values) {
        EXPECT_EQ(combine(a, identity), a);
        EXPECT_EQ(combine(identity, a), a);
        idempotent &= combine(a, a) == a;
        for (T b : values) {
          EXPECT_EQ(combine(a, b), combine(b, a));
          for (T c : values) {
            EXPECT_EQ(combine(a, combine(b, c)), combine(combine(a, b), c));
            for (T d : values)
              linear &= combine(a + c, b + d) == combine(a, b) + combine(c, d);
          }
        }
      }
      EXPECT_EQ(facts.isIdempotent, idempotent);
      EXPECT_EQ(facts.isLinear, linear);
    };
    if (facts.ofBooleans)
      check(std::vector<uint8_t>{0, 1});
    else
      check(std::vector<int64_t>{-3, -1, 0, 1, 2, 7});
  }
  EXPECT_EQ(combinerNamed("mean"), std::nullopt);
  EXPECT_EQ(combinerNames(true), "any or all");
  EXPECT_EQ(combinerNames(false), "sum, max, product or min");
}
