//===- Cores.h - Cores that a process may use -------------------*- C++ -*-===//

#ifndef COLOSSAL_SUPPORT_CORES_H
#define COLOSSAL_SUPPORT_CORES_H

#include <cstdint>
#include <string>

namespace colossal {

/// Cores that this process may use, at least 1: those of the machine, as far as
/// its affinity (taskset) and the time that its control groups grant allow; a
/// part of a core does not count. `root` stands before the system's paths.
int64_t allowedCores(const std::string &root = "");

} // namespace colossal

#endif // COLOSSAL_SUPPORT_CORES_H
