//===- Resume.h - Where a run goes on ---------------------------*- C++ -*-===//

#ifndef COLOSSAL_LIB_RUN_RESUME_H
#define COLOSSAL_LIB_RUN_RESUME_H

#include "colossal/Run/CheckpointFiles.h"
#include "colossal/Run/DataSet.h"
#include "colossal/Run/RunOptions.h"

namespace colossal::rank {

/// Rank 0: the checkpoint that --resume means; empty: the run starts at its
/// beginning. Refuses to mix the checkpoints of two runs in one folder. Throws
/// RunError.
std::string chooseCheckpoint(const RunOptions &options);

/// The options of a run that goes on: the order of samples and the controls are
/// those of `record`, where the command line does not say otherwise. Throws
/// RunError where it contradicts; `notes` get what is different on purpose.
void applyRecord(const TrainingRecord &record, const Manifest &manifest,
                 RunOptions &options, std::vector<std::string> &notes);

/// The next sample is the one that the checkpoint says.
void continueData(const TrainingRecord &record, DataSet &data,
                  std::vector<std::string> &notes);

/// Bytes of a file of metrics up to the line of `step`: what a run that goes on
/// after it keeps. 0 where there is no file. Throws RunError.
int64_t metricsUpTo(const std::string &path, int64_t step);

} // namespace colossal::rank

#endif // COLOSSAL_LIB_RUN_RESUME_H
