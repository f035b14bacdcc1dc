//===- CheckpointFiles.h - Which bytes a checkpoint has ---------*- C++ -*-===//
//
// docs/Checkpoints.md describes the format. What stands where follows from the
// schema of the state and the limit of a file alone: every rank computes it by
// itself, whatever its plan.
//
// Units: bytes. Errors: the reader returns one line "<file>: <field>: ..."; it
// never throws.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_RUN_CHECKPOINTFILES_H
#define COLOSSAL_RUN_CHECKPOINTFILES_H

#include "colossal/Run/DataSet.h"
#include "colossal/Run/Manifest.h"

namespace colossal::rank {

/// A file of tensors; `header` is all before its data.
struct CheckpointFile {
  std::string name;
  std::string header;
  int64_t bytes = 0;
};

/// Where the unsharded tensor of a state stands.
struct CheckpointTensor {
  size_t file = 0;
  int64_t offset = 0; ///< of its first byte in the file
  int64_t bytes = 0;
};

struct CheckpointFiles {
  std::vector<CheckpointFile> files;
  std::vector<CheckpointTensor> tensors; ///< in the order of the states
  /// Name and text of what lists the files where there are several.
  std::vector<std::pair<std::string, std::string>> indexes;
};

/// Parameters and buffers in model.safetensors, optimizer state in
/// optimizer.safetensors; in several files each of at most `fileBytes` of data
/// (or one tensor). Within a file the widest types come first, so that all are
/// aligned.
CheckpointFiles placeTensors(const std::vector<StateSchema> &states,
                             int64_t fileBytes);

/// training.json: what a run needs besides the state to go on.
struct TrainingRecord {
  int64_t step = 0;    ///< the last that is done
  int64_t steps = 0;   ///< of the run, as it was asked for
  int64_t skipped = 0; ///< of those that are done, not finite and skipped

  // Data.
  uint64_t seed = 0;
  bool shuffle = true;
  int64_t samples = 0;
  DataCursor next;

  // What steered the optimizer.
  std::map<std::string, double> controls; ///< those the user set
  LearningRate learningRate;

  // Of the run that wrote, for people.
  std::string model;
  int64_t worldSize = 1, stages = 1, microbatches = 1;
  std::vector<Axis> mesh;

  // To notice damage.
  struct File {
    std::string name;
    int64_t bytes = 0;
    uint32_t headerCrc = 0;
  };
  struct Tensor {
    std::string name;
    uint32_t crc = 0; ///< CRC-32 of the unsharded bytes
  };
  std::vector<File> files;
  std::vector<Tensor> tensors;
};

constexpr const char *kCheckpointFormat = "colossal-checkpoint";
constexpr int64_t kCheckpointVersion = 1;

/// The text holds its own hash ("checksum"), which readRecord compares.
std::string writeRecord(const TrainingRecord &record);
std::optional<TrainingRecord> readRecord(const std::string &text,
                                         const std::string &file,
                                         std::string &error);

} // namespace colossal::rank

#endif // COLOSSAL_RUN_CHECKPOINTFILES_H
