//===- Curve.h - Bytes that live, by position -------------------*- C++ -*-===//

#ifndef COLOSSAL_LIB_PLAN_CURVE_H
#define COLOSSAL_LIB_PLAN_CURVE_H

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace colossal::plan {

/// Bytes that live, by position in a list of steps.
class Curve {
public:
  explicit Curve(size_t length) : change(length + 1) {}
  /// From `first` to `last`, both included; nothing if there is none.
  void add(int first, int last, int64_t bytes) {
    if (last < first)
      return;
    change[first] += bytes;
    change[last + 1] -= bytes;
  }
  int64_t peak() const {
    int64_t live = 0, most = 0;
    for (int64_t delta : change)
      most = std::max(most, live += delta);
    return most;
  }

private:
  std::vector<int64_t> change;
};

} // namespace colossal::plan

#endif // COLOSSAL_LIB_PLAN_CURVE_H
