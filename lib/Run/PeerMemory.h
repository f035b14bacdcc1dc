//===- PeerMemory.h - Memory of the other ranks of a node -------*- C++ -*-===//
//
// A rank reads what other processes of its node hold, without their help
// (process_vm_readv). The system may forbid it (seccomp, Yama): that is known
// after `connect`, on all ranks alike.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_LIB_RUN_PEERMEMORY_H
#define COLOSSAL_LIB_RUN_PEERMEMORY_H

#include <cstdint>
#include <mpi.h>
#include <vector>

namespace colossal::rank {

/// `bytes` bytes of a peer, from `offset` of its region on, and where they go.
struct RemotePiece {
  int64_t offset;
  char *into;
  int64_t bytes;
};

class PeerMemory {
public:
  /// Pieces of one read.
  static constexpr size_t kMostPieces = 1024;

  /// The region of this rank begins at `own`. Collective over `node`.
  void connect(MPI_Comm node, const char *own);
  /// Whether every rank of the node can read every other.
  bool works() const { return works_; }
  /// Of the rank with this number on the node. False where it is gone.
  bool read(int local, const std::vector<RemotePiece> &pieces) const;

private:
  /// Where a process is, and a number that it alone holds, to tell it from
  /// another with its number in another namespace.
  struct Peer {
    int64_t process = 0, region = 0, markAddress = 0, mark = 0;
  };
  std::vector<Peer> peers;
  int64_t mark = 0;
  bool works_ = false;
};

} // namespace colossal::rank

#endif // COLOSSAL_LIB_RUN_PEERMEMORY_H
