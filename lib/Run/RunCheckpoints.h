//===- RunCheckpoints.h - Checkpoints in the course of a run ----*- C++ -*-===//
//
// What --checkpoint and --resume do, from the start of a run to its end. All
// functions but `tell` are called by all ranks together; those that return a
// bool have said on one rank why they failed.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_LIB_RUN_RUNCHECKPOINTS_H
#define COLOSSAL_LIB_RUN_RUNCHECKPOINTS_H

#include "Checkpoint.h"
#include "colossal/Run/RunOptions.h"

namespace colossal::rank {

class RunCheckpoints {
public:
  /// `options` get what the checkpoint says of seed, order and controls.
  RunCheckpoints(RunOptions &options, const Manifest &manifest)
      : options(options), manifest(manifest) {}

  /// Opens the folder and chooses the checkpoint to go on from. From here on
  /// signals do not end the run at once.
  bool open();
  /// Reads what that checkpoint says of its run. Throws RunError.
  void resume();
  /// Sets the next sample. Throws RunError.
  void continueData(DataSet &data);

  bool isResumed() const { return record.has_value(); }
  /// The last step that is done before the run's first.
  int64_t doneSteps() const { return record ? record->step : 0; }
  /// How many of them were skipped.
  int64_t skippedSteps() const { return record ? record->skipped : 0; }
  /// Fills the shards with the state of the checkpoint.
  bool load(const RankState &state);
  /// Rank 0 says where the run goes on, and what is different there.
  void tell() const;

  /// After a step: writes a checkpoint if one is due. `isLast`: the run ends
  /// here (equal on all ranks). `isGood` (of rank 0): the metrics are finite,
  /// or the step was skipped. `skipped`: how many steps were until here.
  bool afterStep(int64_t step, bool isLast, bool isGood, int64_t skipped,
                 const DataSet &data, const RankState &state);
  /// Rank 0 says that a signal has ended the run after `step`.
  void tellStop(int64_t step) const;

private:
  TrainingRecord recordOf(int64_t step, int64_t skipped,
                          const DataSet &data) const;

  RunOptions &options;
  const Manifest &manifest;
  std::unique_ptr<CheckpointWriter> writer;
  std::string resumed; ///< folder; empty: the run starts at its beginning
  std::optional<TrainingRecord> record;
  std::vector<std::string> notes;
  int64_t savedStep = 0; ///< of the newest checkpoint; 0: none
};

} // namespace colossal::rank

#endif // COLOSSAL_LIB_RUN_RUNCHECKPOINTS_H
