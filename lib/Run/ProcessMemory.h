//===- ProcessMemory.h - What the system says about memory ------*- C++ -*-===//

#ifndef COLOSSAL_LIB_RUN_PROCESSMEMORY_H
#define COLOSSAL_LIB_RUN_PROCESSMEMORY_H

#include <cstdint>

namespace colossal::rank {

/// Proportional set size of this process, bytes: private pages, and shared ones
/// divided by the number of processes that map them. 0 where unknown.
int64_t proportionalSetSize();

} // namespace colossal::rank

#endif // COLOSSAL_LIB_RUN_PROCESSMEMORY_H
