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
// Floats. NaN goes through all of them: with a NaN the result is NaN, as in
// PyTorch (its payload is not defined). max and min order the zeros, -0 below
// +0, so that their bits do not depend on the order of the terms. A sum begins
// at +0: without terms, or of negative zeros alone, it is +0 for the
// interpreter; a kernel, which may begin at a term, may say -0. A product of
// zeros has the product of the signs.
// Integers. Sums and products wrap around in two's complement.
//
// All are associative and commutative but for the rounding of float sums and
// products, so each has a collective. There a group combines in the order of
// its members, ((m0, m1), m2) ...
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

enum class Combiner : uint32_t { Sum, Max, Product, Min, Any, All };

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
};

/// All combiners; number i is Combiner(i).
constexpr std::array<CombinerFacts, 6> combiners = {{
    {Combiner::Sum, "sum", false, true, false, true},
    {Combiner::Max, "max", false, false, true, false},
    {Combiner::Product, "product", false, false, false, false},
    {Combiner::Min, "min", false, false, true, false},
    {Combiner::Any, "any", true, false, true, true},
    {Combiner::All, "all", true, false, true, false},
}};

constexpr const CombinerFacts &factsOf(Combiner combiner) {
  return combiners[size_t(combiner)];
}

/// By its name; nothing if there is none.
std::optional<Combiner> combinerNamed(const std::string &name);

/// All names, by number.
std::vector<std::string> combinerTexts();

/// "sum, max, product or min": the combiners of a type, or all, for messages.
std::string combinerNames(std::optional<bool> ofBooleans = std::nullopt);

//===----------------------------------------------------------------------===//
// Of C++ numbers: float, double, int32_t, int64_t; uint8_t (0, 1) for booleans
//===----------------------------------------------------------------------===//

/// Wraps around: signed overflow is not defined in C++.
template <class T, class F> T inUnsigned(T a, T b, F f) {
  if constexpr (std::is_integral_v<T>) {
    using U = std::make_unsigned_t<T>;
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

/// Calls `f` with the combiner as a compile-time constant:
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
  case C::Sum:
    break;
  }
  return f(std::integral_constant<C, C::Sum>());
}

} // namespace colossal

#endif // COLOSSAL_SUPPORT_COMBINER_H
