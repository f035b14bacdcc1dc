//===- Nanoseconds.h - From seconds to integer times ------------*- C++ -*-===//

#ifndef COLOSSAL_LIB_COST_NANOSECONDS_H
#define COLOSSAL_LIB_COST_NANOSECONDS_H

#include "colossal/Cost/Cost.h"

#include <cmath>

namespace colossal::cost {

/// Time of `amount` at `perSecond`, as a double; infinite for rate 0.
inline double nanosecondsOf(double amount, double perSecond) {
  return amount * 1e9 / perSecond;
}

/// Rounds up; monotonic; at most `unreachable`.
inline int64_t roundUp(double nanoseconds) {
  if (!(nanoseconds < double(unreachable)))
    return unreachable;
  return int64_t(std::ceil(nanoseconds));
}

} // namespace colossal::cost

#endif // COLOSSAL_LIB_COST_NANOSECONDS_H
