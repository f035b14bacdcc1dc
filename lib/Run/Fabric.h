//===- Fabric.h - How the ranks reach each other ----------------*- C++ -*-===//
//
// The fabric is made once per process: MPI, the memory that the ranks of a node
// share, and the groups of ranks that collectives run over. Nothing here knows
// about rank programs' ops.
//
// Shared memory is one anonymous file (memfd) per node that every rank of the
// node maps: it needs no room in /dev/shm and vanishes with its processes. Per
// rank it holds signal counters (one cache line per group), staging for
// collectives, and slots for transfers.
//
// Waiting: spin briefly, then yield the core (more ranks than cores is normal),
// on shared memory sleep, and give up after a deadline: the rank says what it
// was doing and ends the job.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_LIB_RUN_FABRIC_H
#define COLOSSAL_LIB_RUN_FABRIC_H

#include "colossal/Run/Layout.h"
#include "colossal/Run/RunOptions.h"
#include "colossal/Run/Signal.h"

#include <functional>
#include <map>
#include <mpi.h>

namespace colossal::rank {

class PeerMemory;

/// What the members of a group count for each other: chunks in staging; of the
/// collectives that read the members' memory those that were started, whose
/// slice was reduced, and that have read all that they need.
enum class Counter { Staged, Started, Reduced, Read };

/// The ranks of a device group that differ in some axes only, in the order of
/// the first axis major.
struct Group {
  int id = 0;               ///< equal on all members; index of its counters
  int index = 0;            ///< own place among the members
  std::vector<int> ranks;   ///< in the world
  std::vector<int> onNode;  ///< number on the node; empty: not all on this node
  bool window = false;      ///< uses shared memory
  uint64_t signals[4] = {}; ///< given so far, per counter
  uint64_t reductions = 0;  ///< that were started and read members' memory
  uint64_t given(Counter counter) const { return signals[int(counter)]; }
  int size() const { return int(ranks.size()); }
};

/// What a rank is doing, for the message of a deadline. Plain pointers: set
/// for every op, read only when something went wrong.
struct Activity {
  const char *op = "start";
  const char *source = "";
  int64_t step = 0;
};

/// Gives the core to another process.
void yieldCore();
/// The same where nobody may be waiting for it: 20 microseconds.
void napBriefly();

class Fabric {
public:
  /// Collective over `world`. `devices` is the number of ranks of a device
  /// group.
  Fabric(MPI_Comm world, const Program &program, int64_t devices,
         Transport transport, double timeoutSeconds);
  ~Fabric();
  Fabric(const Fabric &) = delete;

  int rank() const { return worldRank; }
  int size() const { return worldSize; }
  int64_t device() const { return worldRank % devices; }
  MPI_Comm world() const { return worldComm; }
  MPI_Comm transfers() const { return transferComm; }

  /// The group over `axes`, made on first use. Every rank of the device group
  /// asks for the same groups in the same order.
  Group &group(const std::vector<std::string> &axes);

  /// Maps the node's shared memory; after all groups are made and with the
  /// bytes that this rank needs for transfers. Collective over the world.
  void mapShared(int64_t transferBytes);

  /// Signals the members of `group` and, in `wait`, waits until all of them
  /// have signalled as often as this rank.
  void signal(Group &group, Counter counter = Counter::Staged);
  void wait(Group &group);
  /// A member whose counter has not reached `target`, as its rank, or -1.
  int behind(const Group &group, Counter counter, uint64_t target);
  /// Before this rank's staging is written again: the group that used it last
  /// has read it.
  void claimStaging(Group &group);
  /// Staging of a member: half 0 or 1.
  char *staging(const Group &group, int member, int half);
  /// kQueueBytes that no other rank looks at; \pre hasShared
  char *queueScratch();
  /// Private staging of the same size, for messages.
  char *privateStaging();

  /// Whether ranks of this node read each other's memory (PeerMemory), for
  /// what lies at the same distance from `region`. Collective over the world.
  void connectMemory(PeerMemory &memory, const char *region);

  /// All ranks of the world give bits and get those of all. On one node that is
  /// a line of shared memory for each rank, else a message. `what` and `when`
  /// are what this rank is doing (Activity).
  int agree(int flags, const char *what, const char *when);

  bool hasShared() const { return shared != nullptr; }
  /// Whether a rank of the world is reached through shared memory.
  bool isNear(int rank) const;
  char *sharedBase() { return shared; }
  /// Offset of this rank's transfer area in the shared memory.
  int64_t transferOffset() const;

  /// Waits until `ready` holds, with the deadline. `peer` is for the message;
  /// -1: any rank.
  template <class F> void waitFor(F &&ready, int peer);
  /// Waits until a signal of shared memory has reached `target`.
  void waitFor(Signal &signal, uint64_t target, int peer);
  /// Waits for requests of MPI.
  void waitAll(std::vector<MPI_Request> &requests, int peer);

  /// Called again and again while this rank waits for anything; whether there
  /// is something to go on with, so that it sleeps briefly only.
  std::function<bool()> whileWaiting;
  /// Ends the job.
  [[noreturn]] void fail(const std::string &message);
  static double now();

  /// Bytes of shared memory and staging of this rank.
  int64_t ownBytes() const { return areaBytes; }

  Activity activity;
  double timeout;
  /// Looks before the first yield, and yields before sleeping: few where ranks
  /// share cores.
  int spins = 2000, yields = 100;

private:
  [[noreturn]] void giveUp(int peer);
  bool goOn() { return whileWaiting && whileWaiting(); }
  Signal &counter(int localRank, int group, Counter counter);
  /// What a rank gives to `agree`: for this time and the next, which a fast
  /// rank may have reached.
  struct Agreement {
    Signal given;
    std::atomic<int> flags[2];
  };
  Agreement &agreement(int localRank);
  void leaveShared();

  MPI_Comm worldComm, collectiveComm, transferComm, nodeComm;
  int worldRank = 0, worldSize = 1, nodeRank = 0, nodeSize = 1;
  std::vector<int> nodeOf; ///< number on this node of a world rank, or -1
  const Program &program;
  int64_t devices;
  Transport transport;
  std::map<std::vector<std::string>, Group> groups;
  Group *lastStaged = nullptr;

  char *shared = nullptr;
  int64_t sharedBytes = 0, areaBytes = 0, counterBytes = 0, transferStart = 0;
  std::vector<int64_t> areaOffset; ///< per rank of the node
  std::vector<char> privateArea;
  uint64_t agreements = 0;

  friend class Collectives;
};

template <class F> void Fabric::waitFor(F &&ready, int peer) {
  for (int spin = 0; spin < spins; ++spin) {
    if (ready())
      return;
    __builtin_ia32_pause();
  }
  double start = now();
  for (int64_t turn = 0; !ready(); ++turn) {
    goOn();
    if (turn < yields)
      yieldCore();
    else
      napBriefly();
    if (turn % 256 == 255 && now() - start > timeout)
      giveUp(peer);
  }
}

} // namespace colossal::rank

#endif // COLOSSAL_LIB_RUN_FABRIC_H
