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
  /// One contiguous piece that a reader takes from a source, in elements.
  struct Piece {
    int64_t in, out, length;
  };
  /// The pieces that `reader` takes from `source`, numbered in the order of
  /// the source's elements.
  struct Pieces {
    Pieces(OpKind kind, const Collective &collective, int source, int reader);
    Piece at(int64_t i) const;
    int64_t count = 0, length = 0;
    OpKind kind;
    const Collective &collective;
    int64_t source, reader, gathered, scattered;
  };
  /// A walk over pieces that can stop inside one.
  struct Cursor {
    int64_t piece = 0, offset = 0;
  };
  template <class F>
  static void advance(const Pieces &pieces, Cursor &cursor, int64_t limit,
                      bool packed, F &&visit);

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
