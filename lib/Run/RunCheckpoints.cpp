//===- RunCheckpoints.cpp - Checkpoints in the course of a run ------------===//

#include "RunCheckpoints.h"

#include "Agreement.h"
#include "CheckpointFolder.h"
#include "Resume.h"
#include "StopSignal.h"

namespace colossal::rank {

bool RunCheckpoints::open() {
  if (!options.checkpointFolder.empty()) {
    writer = CheckpointWriter::open(options.checkpointFolder);
    if (!writer)
      return false;
    catchStopSignals();
  }
  if (!allAgree([&] {
        if (isFirstRank())
          resumed = chooseCheckpoint(options);
      }))
    return false;
  broadcastText(resumed, "agreeing on a checkpoint");
  return true;
}

void RunCheckpoints::resume() {
  if (resumed.empty())
    return;
  std::string error;
  record = readCheckpointRecord(resumed, error);
  if (!record)
    throw RunError("--resume: " + error);
  applyRecord(*record, manifest, options, notes);
  savedStep = record->step;
}

void RunCheckpoints::continueData(DataSet &data) {
  if (record)
    rank::continueData(*record, data, notes);
}

bool RunCheckpoints::load(const RankState &state) {
  return loadCheckpoint(resumed, *record, manifest.states, state);
}

void RunCheckpoints::tell() const {
  std::string steps = std::to_string(options.steps);
  if (!record) {
    if (options.resume)
      say("note", options.checkpointFolder +
                      " has no checkpoint yet: the run starts at step 1");
    return;
  }
  for (const std::string &note : notes)
    say("note", note);
  if (record->step >= options.steps)
    say("note", resumed + ": found step " + std::to_string(record->step) +
                    " of " + steps + " done: nothing is left to do");
  else if (!options.quiet)
    say("note", "goes on from " + resumed + " with step " +
                    std::to_string(record->step + 1) + " of " + steps);
}

TrainingRecord RunCheckpoints::recordOf(int64_t step, int64_t skipped,
                                        const DataSet &data) const {
  TrainingRecord record;
  record.step = step;
  record.steps = options.steps;
  record.skipped = skipped;
  record.seed = options.seed.value_or(0);
  record.shuffle = options.shuffle.value_or(true);
  record.samples = data.samples();
  record.next = data.cursorOf(step + 1);
  record.controls = options.controls;
  record.learningRate = manifest.learningRate;
  record.model = manifest.model;
  record.worldSize = manifest.worldSize;
  record.stages = manifest.groups;
  record.microbatches = manifest.programs.front().microbatches;
  record.mesh = manifest.mesh;
  return record;
}

bool RunCheckpoints::afterStep(int64_t step, bool isLast, bool isGood,
                               int64_t skipped, const DataSet &data,
                               const RankState &state) {
  bool isDue = isLast || (options.checkpointEvery > 0 &&
                          step % options.checkpointEvery == 0);
  if (!writer || !isDue)
    return true;
  // Of a state that is not finite none: it would take the place of a good one.
  int agreed = isGood;
  {
    Deadline deadline("agreeing on a checkpoint");
    MPI_Bcast(&agreed, 1, MPI_INT, 0, MPI_COMM_WORLD);
  }
  if (!agreed) {
    if (isFirstRank())
      say("warning", "step " + std::to_string(step) +
                         ": no checkpoint is written, because a metric is not "
                         "finite");
    return true;
  }
  if (!writer->save(state, manifest.states, recordOf(step, skipped, data),
                    options.checkpointFileBytes, options.checkpointsKept))
    return false;
  savedStep = step;
  return true;
}

void RunCheckpoints::tellStop(int64_t step) const {
  if (!isFirstRank())
    return;
  std::string place =
      savedStep == 0 ? "without a checkpoint"
                     : "with the checkpoint " + options.checkpointFolder + "/" +
                           checkpointName(savedStep) + "; go on with --resume";
  say("note", "a signal ends the run after step " + std::to_string(step) +
                  " of " + std::to_string(options.steps) + ", " + place);
}

} // namespace colossal::rank
