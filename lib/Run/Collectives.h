//===- Collectives.h - Reductions and movements in a group ------*- C++ -*-===//
//
// Executes the collectives of RankProgram.h on two transports. Both do the same
// arithmetic: every element is combined by one rank, in the order of the
// members, starting from member 0; the transport only moves bytes. So the
// results are bitwise equal.
//
// Window: the input is copied into own staging chunk by chunk; peers read it
// there. Messages: what a peer needs is packed into a message. Inputs and
// outputs may be anywhere in memory. No call allocates.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_LIB_RUN_COLLECTIVES_H
#define COLOSSAL_LIB_RUN_COLLECTIVES_H

#include "CollectivePieces.h"
#include "Fabric.h"

namespace colossal::rank {

class Collectives {
public:
  explicit Collectives(Fabric &fabric) : fabric(fabric) {
    requests.reserve(2 * size_t(fabric.size()));
  }

  void run(OpKind kind, const Collective &collective, Group &group,
           const char *input, char *output);

private:
  void allReduceWindow(const Collective &, Group &, const char *, char *);
  void allReduceMessages(const Collective &, Group &, const char *, char *);
  void moveWindow(OpKind, const Collective &, Group &, const char *, char *);
  void moveMessages(OpKind, const Collective &, Group &, const char *, char *);
  void exchange(const Group &group, const char *send, const int64_t *sendBytes,
                char *receive, const int64_t *receiveBytes, int64_t stride);

  Fabric &fabric;
  std::vector<MPI_Request> requests;
  std::vector<Cursor> sendCursors, receiveCursors;
  std::vector<int64_t> sendBytes, receiveBytes;
};

} // namespace colossal::rank

#endif // COLOSSAL_LIB_RUN_COLLECTIVES_H
