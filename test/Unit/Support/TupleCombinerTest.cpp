//===- TupleCombinerTest.cpp - What each tuple combiner means -------------===//
//
// Values are written out here: everything else in the project takes them from
// the header under test.
//
//===----------------------------------------------------------------------===//

#include "colossal/Support/TupleCombiner.h"
#include <cmath>
#include <gtest/gtest.h>
#include <limits>
#include <vector>

using namespace colossal;

namespace {
constexpr int64_t kNone = std::numeric_limits<int64_t>::max();
template <class T> constexpr T infinite = std::numeric_limits<T>::infinity();
template <class T> constexpr T notANumber = std::numeric_limits<T>::quiet_NaN();

template <class T> bool sameNumber(T a, T b) {
  if constexpr (std::is_floating_point_v<T>)
    return (a != a && b != b) || (a == b && std::signbit(a) == std::signbit(b));
  else
    return a == b;
}

/// Equal as bits, but for the payload of a NaN.
template <class... T>
bool same(const std::tuple<T...> &a, const std::tuple<T...> &b) {
  return std::apply(
      [&](auto... x) {
        return std::apply([&](auto... y) { return (sameNumber(x, y) && ...); },
                          b);
      },
      a);
}

template <Combiner c, class T>
bool gives(TupleOf<c, T> a, TupleOf<c, T> b, TupleOf<c, T> expected) {
  return same(combineTuples<c, T>(a, b), expected);
}

/// In both orders.
template <Combiner c, class T>
bool givesBoth(TupleOf<c, T> a, TupleOf<c, T> b, TupleOf<c, T> expected) {
  return gives<c, T>(a, b, expected) && gives<c, T>(b, a, expected);
}

template <class T> void expectPlaces() {
  constexpr Combiner Max = Combiner::ArgMax, Min = Combiner::ArgMin;
  EXPECT_TRUE((givesBoth<Max, T>({2, 7}, {-3, 1}, {2, 7})));
  EXPECT_TRUE((givesBoth<Min, T>({2, 7}, {-3, 1}, {-3, 1})));
  // Of equal ones the smaller index.
  EXPECT_TRUE((givesBoth<Max, T>({2, 7}, {2, 1}, {2, 1})));
  EXPECT_TRUE((givesBoth<Min, T>({2, 7}, {2, 1}, {2, 1})));
  T least = neutralOf<Combiner::Max, T>(), most = neutralOf<Combiner::Min, T>();
  EXPECT_TRUE(same(neutralTuple<Max, T>(), {least, kNone}));
  EXPECT_TRUE(same(neutralTuple<Min, T>(), {most, kNone}));
  // A term that is as great as the neutral element.
  EXPECT_TRUE((givesBoth<Max, T>({least, 4}, {least, kNone}, {least, 4})));
  EXPECT_TRUE((givesBoth<Min, T>({most, 4}, {most, kNone}, {most, 4})));
}

template <class T> void expectFloats() {
  constexpr Combiner Max = Combiner::ArgMax, Min = Combiner::ArgMin;
  for (T other : {T(0), infinite<T>, -infinite<T>}) {
    EXPECT_TRUE((
        givesBoth<Max, T>({notANumber<T>, 5}, {other, 1}, {notANumber<T>, 5})));
    EXPECT_TRUE((
        givesBoth<Min, T>({notANumber<T>, 5}, {other, 1}, {notANumber<T>, 5})));
  }
  EXPECT_TRUE((givesBoth<Max, T>({notANumber<T>, 5}, {notANumber<T>, 2},
                                 {notANumber<T>, 2})));
  EXPECT_TRUE((givesBoth<Min, T>({notANumber<T>, 5}, {notANumber<T>, 2},
                                 {notANumber<T>, 2})));
  // Zeros of both signs are equal.
  EXPECT_TRUE((givesBoth<Max, T>({T(-0.0), 1}, {0, 2}, {T(-0.0), 1})));
  EXPECT_TRUE((givesBoth<Min, T>({0, 1}, {T(-0.0), 2}, {0, 1})));

  constexpr Combiner Exp = Combiner::MaxSumExp;
  T e = std::exp(T(-2));
  EXPECT_TRUE((givesBoth<Exp, T>({3, 1}, {1, 2}, {3, 1 + 2 * e})));
  EXPECT_TRUE((givesBoth<Exp, T>({3, 1}, {3, 2}, {3, 3})));
  EXPECT_TRUE((givesBoth<Exp, T>({infinite<T>, 1}, {1, 1}, {infinite<T>, 1})));
  EXPECT_TRUE((
      givesBoth<Exp, T>({infinite<T>, 1}, {infinite<T>, 1}, {infinite<T>, 2})));
  EXPECT_TRUE((givesBoth<Exp, T>({-infinite<T>, 1}, {-infinite<T>, 1},
                                 {-infinite<T>, 2})));
  EXPECT_TRUE((givesBoth<Exp, T>({-infinite<T>, 1}, {infinite<T>, 1},
                                 {infinite<T>, 1})));
  EXPECT_TRUE((givesBoth<Exp, T>({notANumber<T>, 1}, {1, 1},
                                 {notANumber<T>, notANumber<T>})));
  EXPECT_TRUE(same(neutralTuple<Exp, T>(), {-infinite<T>, 0}));

  constexpr Combiner W = Combiner::Welford;
  EXPECT_TRUE((givesBoth<W, T>({1, 1, 0}, {1, 3, 0}, {2, 2, 2})));
  // 1, 1, 1, 1 and 3, 3, 3, 3; 0 and 2, 4, 6.
  EXPECT_TRUE((givesBoth<W, T>({4, 1, 0}, {4, 3, 0}, {8, 2, 8})));
  EXPECT_TRUE((givesBoth<W, T>({1, 0, 0}, {3, 4, 8}, {4, 3, 20})));
  EXPECT_TRUE(same(neutralTuple<W, T>(), {0, 0, 0}));
  // The square of the mean would overflow; the deviation from it is 0.
  T large = std::numeric_limits<T>::max() / 4;
  EXPECT_TRUE((givesBoth<W, T>({1, large, 0}, {3, large, 0}, {4, large, 0})));
  auto [n, mean, squares] = combineTuples<W, T>({1, infinite<T>, 0}, {1, 1, 0});
  EXPECT_EQ(n, 2);
  EXPECT_TRUE(std::isnan(mean) && !std::isfinite(squares));
}

/// The neutral element, and facts of the table.
template <Combiner c, class T>
void expectFacts(std::vector<TupleOf<c, T>> values) {
  const CombinerFacts &facts = factsOf(c);
  SCOPED_TRACE(facts.name);
  TupleOf<c, T> neutral = neutralTuple<c, T>();
  EXPECT_EQ(facts.width(), std::tuple_size_v<decltype(neutral)>);
  EXPECT_EQ(facts.isZeroNeutral, same(neutral, TupleOf<c, T>()));
  bool idempotent = true;
  for (const TupleOf<c, T> &a : values) {
    EXPECT_TRUE((givesBoth<c, T>(a, neutral, a)));
    idempotent &= gives<c, T>(a, a, a);
    for (const TupleOf<c, T> &b : values)
      EXPECT_TRUE((gives<c, T>(a, b, combineTuples<c, T>(b, a))));
  }
  EXPECT_EQ(facts.isIdempotent, idempotent);
  EXPECT_FALSE(facts.isLinear);
}
} // namespace

TEST(TupleCombiner, Places) {
  expectPlaces<float>();
  expectPlaces<double>();
  expectPlaces<int32_t>();
  expectPlaces<int64_t>();
}

TEST(TupleCombiner, Floats) {
  expectFloats<float>();
  expectFloats<double>();
}

TEST(TupleCombiner, FactsAreTrue) {
  double infinity = infinite<double>, none = notANumber<double>;
  expectFacts<Combiner::ArgMax, double>(
      {{1, 4}, {2, 3}, {2, 9}, {infinity, 2}, {-infinity, 1}, {none, 6}});
  expectFacts<Combiner::ArgMin, double>(
      {{1, 4}, {2, 3}, {2, 9}, {infinity, 2}, {-infinity, 1}, {none, 6}});
  expectFacts<Combiner::ArgMax, int64_t>({{1, 4}, {2, 3}, {2, 9}, {-5, 0}});
  expectFacts<Combiner::ArgMin, int64_t>({{1, 4}, {2, 3}, {2, 9}, {-5, 0}});
  expectFacts<Combiner::MaxSumExp, double>(
      {{1, 4}, {2, 0.5}, {infinity, 2}, {-infinity, 1}});
  expectFacts<Combiner::Welford, double>({{2, 2, 0}, {2, 1, 8}, {2, -7, 0.5}});
  for (Combiner c : {Combiner::ArgMax, Combiner::ArgMin, Combiner::MaxSumExp,
                     Combiner::Welford}) {
    EXPECT_TRUE(isTuple(c));
    EXPECT_EQ(combinerNamed(factsOf(c).name), c);
    withTupleCombiner(c, [&](auto constant) { EXPECT_EQ(constant(), c); });
  }
}
