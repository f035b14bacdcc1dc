//===- TupleCombiner.h - Reductions of several values together --*- C++ -*-===//
//
// The tuple combiners of Combiner.h in C++. A tuple is a std::tuple of numbers
// of type T (float, double; of argmax and argmin integers too) and of int64_t
// where a component is an index or a count.
//
//   argmax, argmin   (value, index)
//       The greater (smaller) value with its index; of equal ones the smaller
//       index. NaN is beyond all numbers: the first NaN wins, as in PyTorch.
//       Zeros of both signs are equal.
//   max_sum_exp      (m, s), which stands for s exp(m)
//       m = max(m1, m2), s = s1 exp(m1 - m) + s2 exp(m2 - m). One of the two
//       exponentials is 1, so one is computed: exp(-|m1 - m2|), 1 where both
//       are the same, infinities too. A term is (x, 1); m + log(s) is the
//       logarithm of the sum of exponentials, also where x is infinite.
//   welford          (n, mean, m2), where m2 is the sum of (x - mean)^2
//       T. Chan, G. Golub, R. LeVeque: Updating formulae and a pairwise
//       algorithm for computing sample variances, 1979. With d the difference
//       of the means,
//       n = n1 + n2,  mean = mean1 + d n2 / n,
//       m2 = m2_1 + m2_2 + d^2 n1 n2 / n
//       A term is (1, x, 0). A tuple of no terms leaves the other one as it
//       is. With infinities mean and m2 are infinite or NaN.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_SUPPORT_TUPLECOMBINER_H
#define COLOSSAL_SUPPORT_TUPLECOMBINER_H

#include "colossal/Support/Combiner.h"

#include <tuple>

namespace colossal {

template <Combiner combiner, class T> constexpr auto neutralTuple() {
  if constexpr (combiner == Combiner::ArgMax || combiner == Combiner::ArgMin)
    return std::tuple<T, int64_t>(
        neutralOf<combiner == Combiner::ArgMax ? Combiner::Max : Combiner::Min,
                  T>(),
        std::numeric_limits<int64_t>::max());
  else if constexpr (combiner == Combiner::MaxSumExp)
    return std::tuple<T, T>(neutralOf<Combiner::Max, T>(), T(0));
  else
    return std::tuple<int64_t, T, T>(0, T(0), T(0));
}

template <Combiner combiner, class T>
using TupleOf = decltype(neutralTuple<combiner, T>());

template <Combiner combiner, class T>
TupleOf<combiner, T> combineTuples(const TupleOf<combiner, T> &a,
                                   const TupleOf<combiner, T> &b) {
  if constexpr (combiner == Combiner::ArgMax || combiner == Combiner::ArgMin) {
    auto [x, i] = a;
    auto [y, j] = b;
    bool isNan = x != x, otherIsNan = y != y;
    bool beats = combiner == Combiner::ArgMax ? y > x : y < x;
    if (isNan || otherIsNan)
      beats = !isNan;
    bool ties = x == y || (isNan && otherIsNan);
    return beats || (ties && j < i) ? b : a;
  } else if constexpr (combiner == Combiner::MaxSumExp) {
    auto [m1, s1] = a;
    auto [m2, s2] = b;
    T scale = m1 == m2 ? T(1) : std::exp(-std::abs(m1 - m2));
    return {extremeOf<true>(m1, m2),
            m1 >= m2 ? s1 + s2 * scale : s2 + s1 * scale};
  } else {
    auto [n1, mean1, squares1] = a;
    auto [n2, mean2, squares2] = b;
    if (n1 == 0 || n2 == 0)
      return n1 == 0 ? b : a;
    T difference = mean2 - mean1, share = T(n2) / T(n1 + n2);
    return {n1 + n2, mean1 + difference * share,
            squares1 + squares2 + difference * (T(n1) * share) * difference};
  }
}

/// Calls `f` with the tuple combiner as a compile-time constant.
template <class F> auto withTupleCombiner(Combiner combiner, F &&f) {
  using C = Combiner;
  switch (combiner) {
  case C::ArgMin:
    return f(std::integral_constant<C, C::ArgMin>());
  case C::MaxSumExp:
    return f(std::integral_constant<C, C::MaxSumExp>());
  case C::Welford:
    return f(std::integral_constant<C, C::Welford>());
  default:
    break;
  }
  return f(std::integral_constant<C, C::ArgMax>());
}

} // namespace colossal

#endif // COLOSSAL_SUPPORT_TUPLECOMBINER_H
