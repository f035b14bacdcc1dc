//===- Deadline.h - Ends a rank that waits inside MPI -----------*- C++ -*-===//
//
// Steps wait in Fabric, which looks at the clock. Start and end call MPI's
// blocking functions instead; where another rank is stopped or hangs they never
// return. A thread watches: it says what the rank was doing and for whom it
// waited, and ends the process; the launcher ends the others.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_LIB_RUN_DEADLINE_H
#define COLOSSAL_LIB_RUN_DEADLINE_H

#include <cstdint>

namespace colossal::rank {

/// Starts the watching thread; once, before MPI. Deadlines are `seconds` long,
/// but 10 s at least: to start ranks takes a while on a busy machine. Without
/// room for a thread nothing is watched.
void watchDeadlines(double seconds);

/// The last step that is done, for messages; 0 before the first.
void noteStep(int64_t step);

/// While one exists, the rank is in blocking calls. They do not nest.
class Deadline {
public:
  /// `what`: "starting MPI"; lives as long as the object. `factor` stretches
  /// the deadline where rank 0 writes files; a rank that is found stopped or
  /// dead ends it all the same.
  explicit Deadline(const char *what, double factor = 1);
  ~Deadline();
  Deadline(const Deadline &) = delete;
};

} // namespace colossal::rank

#endif // COLOSSAL_LIB_RUN_DEADLINE_H
