//===- CollectiveQueue.h - Collectives that are under way -------*- C++ -*-===//
//
// A started collective says to its members that its input is ready; then each
// member, whenever it finds the inputs of all ready, reads what it needs out of
// their memory. So no rank waits for another before it needs the result, and
// ranks that are not equally fast hide their differences. Reading happens
// between ops and wherever this rank waits, in the order of the starts: the
// copies take time of the rank itself, which has no thread for them.
//
// Where members cannot read each other's memory (other nodes, a system that
// forbids it, pieces too small to be worth it) a started collective is done by
// Collectives when it is waited for, which is as right.
//
// The arithmetic is that of Collectives, so the results are bitwise equal.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_LIB_RUN_COLLECTIVEQUEUE_H
#define COLOSSAL_LIB_RUN_COLLECTIVEQUEUE_H

#include "Collectives.h"
#include "PeerMemory.h"

namespace colossal::rank {

/// An op as it was executed: begin and end are seconds of Engine::now.
struct TracedOp {
  const Op *op = nullptr;
  size_t entry = 0; ///< of the schedule; of a started op: where it was
  double begin = 0, end = 0;
  bool background = false; ///< the reading of an op that was started before
};

class CollectiveQueue {
public:
  CollectiveQueue(Fabric &fabric, Collectives &collectives)
      : fabric(fabric), collectives(collectives) {}

  /// Buffers lie at the same distance from `region` on all members of a group.
  /// Collective over the world.
  void connect(const char *region);
  /// Does it now.
  void run(OpKind kind, const Collective &collective, Group &group,
           const char *input, char *output);
  /// `entry`: see TracedOp. `seconds`: the time of its reading is added, if
  /// not null.
  void start(const Op &op, Group &group, const char *input, char *output,
             size_t entry, double *seconds);
  /// Until what was started with this token is done, on all members.
  void wait(int64_t token);
  /// Until nothing is under way.
  void finish();
  /// Reads what is ready; never waits. Whether anything is under way.
  bool progress();
  /// Appends what is read from now on; null: no more.
  void record(std::vector<TracedOp> *ops) { traced = ops; }

private:
  struct Job {
    OpKind kind;
    const Collective *collective;
    Group *group;
    const char *input;
    char *output;
    int64_t token;
    const Op *op = nullptr; ///< null: of `run`
    size_t entry = 0;
    double *seconds = nullptr;
    bool direct = false;
    bool reduced = false; ///< AllReduce: this rank's slice is in its output
    /// What the members' counters reach when they have come to this job.
    uint64_t started = 0, reductions = 0;
  };

  /// Whether members read each other's memory for it. Equal on all of them.
  bool isDirect(OpKind kind, const Collective &collective,
                const Group &group) const;
  void add(Job job);
  bool has(int64_t token) const;
  /// A rank that the next job waits for, or -1.
  int missing() const;
  /// Goes on with a job; true: this rank has read all that it needs.
  bool read(Job &job);
  /// Does part of a job, for the trace and the profile.
  template <class F> void measured(const Job &job, F &&work);
  void reduceSlice(const Job &job);
  void gatherSlices(const Job &job);
  void move(const Job &job);
  /// Reads the pieces that were noted from a member.
  void flush(const Group &group, int member);
  void note(int64_t offset, char *into, int64_t bytes);

  Fabric &fabric;
  Collectives &collectives;
  PeerMemory memory;
  const char *region = nullptr;
  char *scratch = nullptr; ///< kQueueBytes
  std::vector<RemotePiece> noted;
  std::vector<Cursor> cursors;
  /// In the order of the starts; the first `numRead` are read and wait for the
  /// members that read from this rank.
  std::vector<Job> jobs;
  size_t numRead = 0;
  std::vector<TracedOp> *traced = nullptr;
};

} // namespace colossal::rank

#endif // COLOSSAL_LIB_RUN_COLLECTIVEQUEUE_H
