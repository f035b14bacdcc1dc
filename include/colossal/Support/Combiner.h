//===- Combiner.h - What a reduction does with its terms --------*- C++ -*-===//
//
// The one description of a combiner: the dialect, the interpreter, generated
// kernels, collectives and the planner read it here. Combiner.cpp has the
// table, and no other source lists the combiners but to map them to something
// (Colossal/IR/Combiner.cpp: to ops of `arith`).
//
//   combiner  of        neutral         combine(a, b)
//   sum       numbers   0               a + b
//   product   numbers   1               a * b
//   max       numbers   -inf, least     the greater
//   min       numbers   +inf, greatest  the smaller
//   any       booleans  false           a or b
//   all       booleans  true            a and b
//
// These combine each result of an op by itself. Tuple combiners combine all
// results of an op together (TupleCombiner.h):
//
//   combiner     of                       neutral
//   argmax       (number, index)          (-inf or least, the greatest index)
//   argmin       (number, index)          (+inf or greatest, the same)
//   max_sum_exp  (maximum, sum)           (-inf, 0)
//   welford      (count, mean, squares)   (0, 0, 0)
//
// Floats. NaN goes through all of them: with a NaN the result is NaN, as in
// PyTorch (its payload is not defined). max and min order the zeros, -0 below
// +0, so that their bits do not depend on the order of the terms. A sum begins
// at +0: without terms, or of negative zeros alone, it is +0 for the
// interpreter; a kernel, which may begin at a term, may say -0. A product of
// zeros has the product of the signs.
// Of 16 bits the terms are widened to f32, combined there, and the result is
// rounded once, at the end (docs/Precision.md). A collective combines members
// one by one in f32 and rounds after each.
// Integers. Sums and products wrap around in two's complement.
//
// All are associative and commutative but for the rounding of float sums and
// products, so each has a collective. There a group combines in the order of
// its members, ((m0, m1), m2) ... Of a tuple no component is complete without
// the others: its collective gathers the members' tuples, which every member
// combines.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_SUPPORT_COMBINER_H
#define COLOSSAL_SUPPORT_COMBINER_H

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

namespace colossal {

enum class Combiner : uint32_t {
  Sum,
  Max,
  Product,
  Min,
  Any,
  All,
  ArgMax,
  ArgMin,
  MaxSumExp,
  Welford
};

/// What a component of a tuple is: a number of any type, a float, or an i64.
/// Components that are no indices have one type.
enum class Component : uint8_t { None, Number, Float, Index };

struct CombinerFacts {
  Combiner combiner;
  const char *name; ///< in texts: `k = 768 : min`, `partial {data = min}`
  bool ofBooleans;  ///< of i1; else of all other types
  /// combine(a + c, b + d) = combine(a, b) + combine(c, d): parts of the terms
  /// may themselves be partial.
  bool isLinear;
  /// combine(a, a) = a: a value that all ranks hold is its own part.
  bool isIdempotent;
  /// The neutral element is zero (false): terms that are zero may be left out.
  bool isZeroNeutral;
  /// Of a tuple combiner; else none.
  std::array<Component, 3> components = {};

  constexpr bool isTuple() const { return components[0] != Component::None; }
  /// Results of an op that it combines together.
  constexpr unsigned width() const {
    unsigned count = isTuple() ? 0 : 1;
    for (Component component : components)
      count += component != Component::None;
    return count;
  }
};

/// All combiners; number i is Combiner(i).
constexpr std::array<CombinerFacts, 10> combiners = {{
    {Combiner::Sum, "sum", false, true, false, true},
    {Combiner::Max, "max", false, false, true, false},
    {Combiner::Product, "product", false, false, false, false},
    {Combiner::Min, "min", false, false, true, false},
    {Combiner::Any, "any", true, false, true, true},
    {Combiner::All, "all", true, false, true, false},
    {Combiner::ArgMax,
     "argmax",
     false,
     false,
     true,
     false,
     {Component::Number, Component::Index}},
    {Combiner::ArgMin,
     "argmin",
     false,
     false,
     true,
     false,
     {Component::Number, Component::Index}},
    {Combiner::MaxSumExp,
     "max_sum_exp",
     false,
     false,
     false,
     false,
     {Component::Float, Component::Float}},
    {Combiner::Welford,
     "welford",
     false,
     false,
     false,
     true,
     {Component::Index, Component::Float, Component::Float}},
}};

constexpr const CombinerFacts &factsOf(Combiner combiner) {
  return combiners[size_t(combiner)];
}

constexpr bool isTuple(Combiner combiner) {
  return factsOf(combiner).isTuple();
}

/// By its name; nothing if there is none.
std::optional<Combiner> combinerNamed(const std::string &name);

/// Names of the combiners of one value, by number.
std::vector<std::string> combinerTexts();

/// "sum, max, product or min": the combiners of one value of a type, or of any,
/// for messages.
std::string combinerNames(std::optional<bool> ofBooleans = std::nullopt);

//===----------------------------------------------------------------------===//
// Of one C++ number: float, double, integers with a sign, uint8_t (ui8, and 0
// and 1 for booleans)
//===----------------------------------------------------------------------===//

/// Wraps around: signed overflow is not defined in C++, and what is narrower
/// than an int would be computed as one.
template <class T, class F> T inUnsigned(T a, T b, F f) {
  if constexpr (std::is_integral_v<T>) {
    using U = std::common_type_t<std::make_unsigned_t<T>, unsigned>;
    return T(f(U(a), U(b)));
  } else {
    return f(a, b);
  }
}

/// The greater (`greater`) or the smaller of two.
template <bool greater, class T> T extremeOf(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) {
    if (a != a || b != b)
      return a != a ? a : b;
    if (a == b) // zeros of two signs, or the same number
      return std::signbit(a) == greater ? b : a;
  }
  return (greater ? a > b : a < b) ? a : b;
}

template <Combiner combiner, class T> T combine(T a, T b) {
  if constexpr (combiner == Combiner::Sum)
    return inUnsigned(a, b, [](auto x, auto y) { return x + y; });
  else if constexpr (combiner == Combiner::Product)
    return inUnsigned(a, b, [](auto x, auto y) { return x * y; });
  else if constexpr (combiner == Combiner::Any)
    return a || b;
  else if constexpr (combiner == Combiner::All)
    return a && b;
  else
    return extremeOf<combiner == Combiner::Max>(a, b);
}

template <Combiner combiner, class T> constexpr T neutralOf() {
  using Limits = std::numeric_limits<T>;
  if constexpr (combiner == Combiner::Product || combiner == Combiner::All)
    return T(1);
  else if constexpr (combiner == Combiner::Max)
    return Limits::has_infinity ? -Limits::infinity() : Limits::lowest();
  else if constexpr (combiner == Combiner::Min)
    return Limits::has_infinity ? Limits::infinity() : Limits::max();
  else
    return T(0);
}

/// Calls `f` with the combiner, which is of one value, as a compile-time
/// constant:
///   withCombiner(c, [&](auto constant) { combine<constant()>(a, b); })
template <class F> auto withCombiner(Combiner combiner, F &&f) {
  using C = Combiner;
  switch (combiner) {
  case C::Max:
    return f(std::integral_constant<C, C::Max>());
  case C::Product:
    return f(std::integral_constant<C, C::Product>());
  case C::Min:
    return f(std::integral_constant<C, C::Min>());
  case C::Any:
    return f(std::integral_constant<C, C::Any>());
  case C::All:
    return f(std::integral_constant<C, C::All>());
  default: // sum
    break;
  }
  return f(std::integral_constant<C, C::Sum>());
}

} // namespace colossal

#endif // COLOSSAL_SUPPORT_COMBINER_H
