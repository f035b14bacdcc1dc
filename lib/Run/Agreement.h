//===- Agreement.h - What all ranks do, or none -----------------*- C++ -*-===//

#ifndef COLOSSAL_LIB_RUN_AGREEMENT_H
#define COLOSSAL_LIB_RUN_AGREEMENT_H

#include "Deadline.h"
#include "RunError.h"

#include <mpi.h>

namespace colossal::rank {

/// Runs `work` on every rank; if any fails, the first of them prints and all
/// learn it. Ends in an agreement, so no rank is left waiting for another.
/// `what` and `patience` are those of the Deadline of that wait.
template <class F>
bool allAgree(F &&work,
              const char *what = "agreeing on the start or the end of the run",
              double patience = 1) {
  int rank = 0, size = 1;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  int failed = size;
  std::string message;
  try {
    work();
  } catch (const std::exception &error) {
    failed = rank;
    message = reasonOf(error);
  }
  int first = failed;
  Deadline deadline(what, patience);
  MPI_Allreduce(&failed, &first, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD);
  if (first == size)
    return true;
  if (first == rank)
    say("error", message);
  return false;
}

/// Gives all ranks the text of rank 0. `what`: of the Deadline.
inline void broadcastText(std::string &text, const char *what) {
  Deadline deadline(what);
  auto length = int64_t(text.size());
  MPI_Bcast(&length, 1, MPI_INT64_T, 0, MPI_COMM_WORLD);
  text.resize(size_t(length));
  MPI_Bcast(text.data(), int(length), MPI_CHAR, 0, MPI_COMM_WORLD);
}

inline bool isFirstRank() {
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  return rank == 0;
}

/// The ranks wait for those that read or write files: a slow disk has time.
constexpr double kFilePatience = 10;

} // namespace colossal::rank

#endif // COLOSSAL_LIB_RUN_AGREEMENT_H
