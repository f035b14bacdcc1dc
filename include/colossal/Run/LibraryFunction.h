//===- LibraryFunction.h - What a library call needs ------------*- C++ -*-===//
//
// The runtime's library functions: every whole op that the engine executes as a
// call brings some. A function is known by its name in LibraryCall; the two
// lists (dialects/Colossal/Ops/LibraryChecks.cpp and LibraryFunctions.cpp) name
// them all. The checks need no library, so that the compiler and the launcher
// can make them.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_RUN_LIBRARYFUNCTION_H
#define COLOSSAL_RUN_LIBRARYFUNCTION_H

#include "colossal/Run/ProgramFaults.h"
#include "colossal/Run/Threads.h"

#include <memory>

namespace colossal::rank {

/// The faults that a call has by itself: number and types of operands,
/// parameters, bytes inside buffers.
struct LibraryCheck {
  const char *function;
  void (*check)(OperandFaults &faults, const std::string &place, const Op &op);
};
/// Null if there is no such function.
const LibraryCheck *findLibraryCheck(const std::string &function);
/// "attention, attention_backward".
std::string namesOfLibraryFunctions();

/// One call with everything decided that can be at load. Calls with equal
/// LibraryCalls and numbers of operands share one.
class LibraryRoutine {
public:
  virtual ~LibraryRoutine() = default;
  /// For all threads together.
  virtual int64_t scratchBytes() const = 0;
  /// Operands in the order of the op; `indices` are its values. Allocates
  /// nothing.
  virtual void run(char *const *operands, const int64_t *indices,
                   size_t indexCount, char *scratch) const = 0;
};

struct LibraryFunction {
  const char *function;
  /// `kernel`: what LibraryCall::kernel names, or null. Throws
  /// std::exception where the library refuses.
  std::unique_ptr<LibraryRoutine> (*make)(const Op &op, const Threads &threads,
                                          KernelFunction kernel);
};
const LibraryFunction *findLibraryFunction(const std::string &function);

} // namespace colossal::rank

#endif // COLOSSAL_RUN_LIBRARYFUNCTION_H
