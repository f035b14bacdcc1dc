//===- Checkpoint.h - The state of a run in files ---------------*- C++ -*-===//
//
// All ranks write one checkpoint together, and all read one; the files hold
// unsharded tensors and know nothing of the plan (CheckpointFiles.h,
// docs/Checkpoints.md). A rank reads and writes its share of each of its shards
// (Share.h), at the places where the share's runs are in the unsharded tensor.
// What it reads goes on to the replicas by messages: files are read once,
// whatever the number of ranks.
//
// Every function is collective over the world. Errors are one line on stderr by
// the first rank that has one; the result, equal on all ranks, says whether all
// went well.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_LIB_RUN_CHECKPOINT_H
#define COLOSSAL_LIB_RUN_CHECKPOINT_H

#include "colossal/Run/CheckpointFiles.h"
#include "colossal/Run/Layout.h"
#include "colossal/Support/SafeTensors.h"

#include <memory>
#include <mpi.h>

namespace colossal::rank {

/// The memory of a state on this rank.
struct StateShard {
  const State *state = nullptr;
  DType dtype = DType::F32;
  char *data = nullptr;
  int64_t bytes = 0; ///< padding included
  /// Whether this device group writes it: the first of those that have it.
  bool isOwned = true;
};

/// The shards of a rank, in an order that is the same on all ranks of its
/// device group.
struct RankState {
  std::vector<StateShard> shards;
  Coordinate coordinate;
  int64_t group = 0;
};

/// Finds what the device group owns. `states` is the manifest's schema.
void findOwned(RankState &rank, const std::vector<StateSchema> &states);

/// Writes the checkpoints of one run into one folder.
class CheckpointWriter {
public:
  /// Rank 0 makes and locks the folder and removes what an ended run left
  /// unfinished there; the others look whether they see the same one. Null: a
  /// rank has said why.
  static std::unique_ptr<CheckpointWriter> open(const std::string &folder);
  ~CheckpointWriter();

  /// Writes a checkpoint of `rank`'s shards; `states` is the manifest's schema.
  /// `record` needs no files and tensors. When it has its name the oldest are
  /// removed until `keep` are left (0: none is). On failure nothing is left of
  /// it, and the others are as they were.
  bool save(const RankState &rank, const std::vector<StateSchema> &states,
            TrainingRecord record, int64_t fileBytes, int64_t keep);

private:
  CheckpointWriter();
  struct Impl;
  std::unique_ptr<Impl> impl;
};

/// The record of a checkpoint. On failure one line in `error`. Not collective.
std::optional<TrainingRecord> readCheckpointRecord(const std::string &folder,
                                                   std::string &error);

/// Fills the shards from a checkpoint; padding becomes zero. It must have the
/// states of the manifest and no others, and be as it was written.
bool loadCheckpoint(const std::string &folder, const TrainingRecord &record,
                    const std::vector<StateSchema> &states,
                    const RankState &rank);

} // namespace colossal::rank

#endif // COLOSSAL_LIB_RUN_CHECKPOINT_H
