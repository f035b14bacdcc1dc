//===- CheckpointFolder.h - The folder of a run's checkpoints ---*- C++ -*-===//
//
// A checkpoint is a folder `step-00000120`. It gets this name, by one rename,
// when all its bytes are on the disk; before, and while it is removed, its name
// begins with a point. So whoever sees `step-...` sees a whole checkpoint,
// whenever a process or the machine ended. Rank 0 alone makes, names and
// removes folders; one run at a time, which holds a lock.
//
// Errors: RunError "--checkpoint DIR: found ..., expected ...".
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_LIB_RUN_CHECKPOINTFOLDER_H
#define COLOSSAL_LIB_RUN_CHECKPOINTFOLDER_H

#include <cstdint>
#include <string>
#include <vector>

namespace colossal::rank {

/// "step-00000120".
std::string checkpointName(int64_t step);

/// The steps of the checkpoints in a folder, rising; empty where there are none
/// or no such folder.
std::vector<int64_t> checkpointsIn(const std::string &folder);

/// Writes what a folder names through to the disk.
void syncFolder(const std::string &path);

class CheckpointFolder {
public:
  /// Makes the folder, if it is not there, locks it, and removes what an ended
  /// run has left unfinished. `token` tells this run's folders from those that
  /// the last ranks of such a run may still be writing.
  CheckpointFolder(const std::string &path, const std::string &token);
  ~CheckpointFolder();
  CheckpointFolder(const CheckpointFolder &) = delete;

  /// The folder that a checkpoint is written into.
  static std::string unfinished(const std::string &path, int64_t step,
                                const std::string &token);
  void begin(int64_t step);
  /// Gives the checkpoint its name.
  void commit(int64_t step);
  /// Removes an unfinished one. Never throws.
  void abandon(int64_t step) noexcept;
  /// Removes the oldest until `count` are left; 0: none.
  void keep(int64_t count);

private:
  [[noreturn]] void fail(const std::string &place, int reason,
                         const char *expected) const;
  void remove(const std::string &name);

  std::string path, token;
  int lock = -1;
};

} // namespace colossal::rank

#endif // COLOSSAL_LIB_RUN_CHECKPOINTFOLDER_H
