//===- ThisMachine.h - What the operating system says -----------*- C++ -*-===//

#ifndef COLOSSAL_LIB_MACHINE_CALIBRATE_THISMACHINE_H
#define COLOSSAL_LIB_MACHINE_CALIBRATE_THISMACHINE_H

#include <cstdint>
#include <string>
#include <vector>

namespace colossal::machine {

/// The processor's name, "unknown processor" where the system hides it.
std::string processorName();

/// Bytes of memory that this process may use: the machine's, or a limit on
/// its control group.
int64_t memoryOfThisMachine();

/// Bytes of the largest cache; 0 if unknown.
int64_t lastCacheBytes();

/// Sizes to measure caches with, rising: around what a rank's threads have of
/// the second cache, and parts of its share of the last; none if unknown.
std::vector<int64_t> cacheSizes(int64_t ranks, int64_t threads);

/// Watches how much other processes work, from its construction on.
class OtherLoad {
public:
  OtherLoad();
  /// Cores that they kept busy on average: what the whole machine has worked,
  /// less the CPU time of this process and of the children that it has waited
  /// for. 0 if unknown.
  double cores() const;

private:
  double busy, own, wall;
};

} // namespace colossal::machine

#endif // COLOSSAL_LIB_MACHINE_CALIBRATE_THISMACHINE_H
