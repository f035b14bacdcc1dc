//===- AllocationCounter.h - Large allocations, counted ---------*- C++ -*-===//

#ifndef COLOSSAL_TEST_UNIT_RUN_ALLOCATIONCOUNTER_H
#define COLOSSAL_TEST_UNIT_RUN_ALLOCATIONCOUNTER_H

#include <cstddef>

namespace colossal::rank::test {

/// Counts allocations above `limit` bytes, of this program and every library in
/// it, while it lives. The counter replaces malloc of the process.
class AllocationCounter {
public:
  explicit AllocationCounter(size_t limit);
  ~AllocationCounter();
  long count() const;
  size_t largest() const;
};

} // namespace colossal::rank::test

#endif // COLOSSAL_TEST_UNIT_RUN_ALLOCATIONCOUNTER_H
