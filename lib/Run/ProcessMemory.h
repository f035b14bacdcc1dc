//===- ProcessMemory.h - What the system says about memory ------*- C++ -*-===//

#ifndef COLOSSAL_LIB_RUN_PROCESSMEMORY_H
#define COLOSSAL_LIB_RUN_PROCESSMEMORY_H

#include <cstdint>
#include <string>
#include <vector>

namespace colossal::rank {

/// Proportional set size of this process, bytes: private pages, and shared ones
/// divided by the number of processes that map them. 0 where unknown.
int64_t proportionalSetSize();

/// Those of `features` (LLVM's names) that this machine's CPU lacks.
std::vector<std::string>
missingCpuFeatures(const std::vector<std::string> &features);

} // namespace colossal::rank

#endif // COLOSSAL_LIB_RUN_PROCESSMEMORY_H
