//===- RunError.h - A failure that ends the run -----------------*- C++ -*-===//

#ifndef COLOSSAL_LIB_RUN_RUNERROR_H
#define COLOSSAL_LIB_RUN_RUNERROR_H

#include "colossal/Support/Message.h"

#include <cstdio>
#include <new>
#include <stdexcept>
#include <string>

namespace colossal::rank {

/// One line for the user: what was found, what was expected, what to change.
/// Thrown inside the runtime, caught where a rank's work is called from.
struct RunError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// What a message says of an exception.
inline std::string reasonOf(const std::exception &error) {
  if (dynamic_cast<const std::bad_alloc *>(&error))
    return "found no more memory, expected room for the run; raise the limit "
           "(ulimit -v) or compile with a smaller --memory";
  return error.what();
}

/// Says a message on one line. `kind`: "error", "warning", "note". The one
/// place where the engine prints what has names from outside.
inline void say(const char *kind, const std::string &text) {
  fprintf(stderr, "colossal-engine: %s: %s\n", kind, oneLine(text).c_str());
  fflush(stderr);
}

} // namespace colossal::rank

#endif // COLOSSAL_LIB_RUN_RUNERROR_H
