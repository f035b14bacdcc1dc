//===- ThisMachine.h - What the operating system says -----------*- C++ -*-===//

#ifndef COLOSSAL_LIB_MACHINE_CALIBRATE_THISMACHINE_H
#define COLOSSAL_LIB_MACHINE_CALIBRATE_THISMACHINE_H

#include <cstdint>
#include <string>

namespace colossal::machine {

/// The processor's name, "unknown processor" where the system hides it.
std::string processorName();

/// Bytes of memory that this process may use: the machine's, or a limit on
/// its control group.
int64_t memoryOfThisMachine();

/// Bytes of the largest cache; 0 if unknown.
int64_t lastCacheBytes();

/// How many cores other processes keep busy, watched for 0.1 s in which this
/// process sleeps; 0 if unknown.
double coresBusyNow();

} // namespace colossal::machine

#endif // COLOSSAL_LIB_MACHINE_CALIBRATE_THISMACHINE_H
