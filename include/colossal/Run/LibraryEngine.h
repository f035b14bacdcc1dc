//===- LibraryEngine.h - oneDNN as the runtime uses it ----------*- C++ -*-===//
//
// Library: ColossalRunProducts (oneDNN, no MPI).
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_RUN_LIBRARYENGINE_H
#define COLOSSAL_RUN_LIBRARYENGINE_H

#include <dnnl.hpp>

namespace colossal::rank {

/// The CPU, for the instructions that cpuGeneration() allows.
const dnnl::engine &libraryEngine();

/// Of this thread.
const dnnl::stream &libraryStream();

/// Runs a primitive on memory objects that the caller has, `count` of them:
/// their data is set to `data`. Allocates nothing. Throws std::exception.
void runPrimitive(const dnnl::primitive &primitive, const int *arguments,
                  const dnnl::memory *memories, void *const *data, int count,
                  const char *what);

} // namespace colossal::rank

#endif // COLOSSAL_RUN_LIBRARYENGINE_H
